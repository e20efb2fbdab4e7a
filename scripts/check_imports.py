#!/usr/bin/env python3
"""Check the imports of the product's Python: no circles, no import against the order below, no two classes of one name.

Every import counts: those for type checking alone, and those within a function. Exit code 1 where something is wrong.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The order: what each package may import of the product, besides itself. The logic of the modules is `labserver`
# (module_utils/labserver); `library`, `scripts` and `plugins` (the roles' own plugins) are on top of it.
ORDER: dict[str, set[str]] = {
    "labserver.errors": set(),
    "labserver.files": {"labserver.errors"},
    "labserver.content": {"labserver.errors", "labserver.files"},
    "labserver.download": {"labserver.errors", "labserver.files", "labserver.content"},
    "labserver.streams": {"labserver.errors"},
    "labserver.sampling": {"labserver.errors", "labserver.files"},
    "labserver.reviews": {
        "labserver.errors",
        "labserver.files",
        "labserver.content",
        "labserver.download",
        "labserver.sampling",
    },
    "labserver.record": {"labserver.files"},
    "labserver.memory": set(),
    "labserver.machine": {"labserver.memory"},
    "labserver.packages": set(),
    "labserver.pages": set(),
    "labserver.ssh": set(),
    "labserver.ports": {"labserver.errors"},
    "labserver.apache": {
        "labserver.errors",
        "labserver.files",
        "labserver.packages",
        "labserver.pages",
        "labserver.ports",
        "labserver.record",
    },
    "labserver.r": {
        "labserver.errors",
        "labserver.files",
        "labserver.download",
        "labserver.packages",
        "labserver.record",
    },
    "labserver.aws": {"labserver.errors", "labserver.files"},
    "labserver.s3": {"labserver.errors", "labserver.files", "labserver.aws", "labserver.download"},
    "labserver.rstudio": {"labserver.errors", "labserver.files"},
    "labserver.fstab": set(),
    "labserver.swap": {"labserver.errors", "labserver.fstab"},
    "labserver.block_devices": {"labserver.fstab"},
    "labserver.own_folder": {"labserver.errors", "labserver.files", "labserver.fstab"},
    "labserver.text_files": {"labserver.errors", "labserver.files"},
    "labserver.python_environment": {"labserver.errors", "labserver.download", "labserver.own_folder"},
    "labserver.analysis": {"labserver.own_folder", "labserver.pages"},
    "labserver.run_lock": {"labserver.errors"},
    "library": {"labserver"},
    "plugins": {"labserver"},
    "scripts": {"labserver"},
    "vec2pca": set(),
}
# Where the modules of each tree are, and the name that stands before theirs
TREES = {
    "module_utils/labserver": "labserver",
    "library": "library",
    "scripts": "scripts",
    "roles/*/*_plugins": "plugins",
    "roles/vec2pca/files/vec2pca/src/vec2pca": "vec2pca",
}
PRESCRIBED = ("ActionModule", "FilterModule")  # classes that Ansible wants under this name in each file of its kind
ON_A_HOST = "ansible.module_utils."  # what Ansible puts before the name of `labserver`


@dataclass(frozen=True)
class Module:
    """A module of the product."""

    name: str
    path: Path
    tree: ast.Module


@dataclass(frozen=True)
class Import:
    """An import of one module of the product by another."""

    importer: str
    imported: str
    place: str
    absolute: bool


def is_python(path: Path) -> bool:
    """Return whether a file is a Python program, by its name or its first line."""
    if path.suffix or not path.is_file():
        return path.suffix == ".py"
    with path.open("rb") as source:
        first = source.readline()
    return first.startswith(b"#!") and b"python" in first


def modules(root: Path) -> dict[str, Module]:
    """Return the modules of the product by name."""
    found: dict[str, Module] = {}
    for pattern, prefix in TREES.items():
        for folder in sorted(root.glob(pattern)):
            for path in sorted(filter(is_python, folder.rglob("*"))):
                parts = path.relative_to(folder).with_suffix("").parts
                name = ".".join([prefix, *parts]).removesuffix(".__init__")
                found[name] = Module(name, path.relative_to(root), ast.parse(path.read_bytes(), str(path)))
    return found


def targets(node: ast.Import | ast.ImportFrom, module: Module) -> Iterator[str]:
    """Yield the absolute names that a statement imports; of `from a import b` it is `a.b`, module or not."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    parts = module.name.split(".")
    is_package = module.path.name == "__init__.py"
    parents = parts[: len(parts) - node.level + is_package] if node.level else []
    yield from (".".join([*parents, *filter(None, [node.module]), alias.name]) for alias in node.names)


def imports(known: dict[str, Module]) -> list[Import]:
    """Return what the modules of the product import of each other."""
    found: dict[Import, None] = {}
    for module in known.values():
        # a script finds its neighbours under their plain names
        prefixes = ("", "scripts.") if within(module.name, "scripts") else ("",)
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                absolute = not getattr(node, "level", 0)
                for target in targets(node, module):
                    name = target.removeprefix(ON_A_HOST)
                    candidates = [prefix + part for part in (name, name.rpartition(".")[0]) for prefix in prefixes]
                    if imported := next(filter(known.__contains__, candidates), None):
                        found[Import(module.name, imported, f"{module.path}:{node.lineno}", absolute)] = None
    return list(found)


def package(name: str) -> str:
    """Return the entry of ORDER that a module belongs to; empty where there is none."""
    return max((entry for entry in ORDER if within(name, entry)), key=len, default="")


def within(name: str, entry: str) -> bool:
    """Return whether a module is this entry, or a module of it."""
    return name == entry or name.startswith(f"{entry}.")


def order_violations(known: dict[str, Module], found: list[Import]) -> Iterator[str]:
    """Yield the imports against ORDER, and the modules that ORDER does not know."""
    for module in known.values():
        if not package(module.name) and module.name != "labserver":
            yield f"{module.path}: {module.name} is in no package of ORDER in scripts/check_imports.py"
    for one in found:
        own = package(one.importer)
        if own and not any(within(one.imported, entry) for entry in {own, *ORDER[own]}):
            yield f"{one.place}: {one.importer} may not import {one.imported}"
        if within(one.importer, "labserver") and within(one.imported, "labserver") and one.absolute:
            yield f"{one.place}: import {one.imported} relatively"


def circles(known: dict[str, Module], found: list[Import]) -> Iterator[str]:
    """Yield each circle of imports, once."""
    graph: dict[str, dict[str, str]] = {name: {} for name in known}
    for one in found:
        if one.imported != one.importer:
            graph[one.importer].setdefault(one.imported, one.place)
    finished: set[str] = set()

    def visit(name: str, path: list[str]) -> Iterator[str]:
        if name in path:
            circle = [*path[path.index(name) :], name]
            yield f"{graph[path[-1]][name]}: a circle of imports: {' -> '.join(circle)}"
        elif name not in finished:
            for imported in graph[name]:
                yield from visit(imported, [*path, name])
            finished.add(name)

    for name in known:
        yield from visit(name, [])


def same_names(known: dict[str, Module]) -> Iterator[str]:
    """Yield each class that has the name of another; vec2pca.labserver has the same files as labserver."""
    places: dict[str, str] = {}
    for module in known.values():
        for node in ast.walk(module.tree) if not within(module.name, "vec2pca.labserver") else ():
            if isinstance(node, ast.ClassDef) and node.name not in PRESCRIBED:
                place = f"{module.path}:{node.lineno}"
                if node.name in places:
                    yield f"{place}: class {node.name} has the name of another: {places[node.name]}"
                places.setdefault(node.name, place)


def problems(root: Path) -> list[str]:
    """Return what is wrong in a project, a line each, with the place first."""
    known = modules(root)
    found = imports(known)
    return [*order_violations(known, found), *circles(known, found), *same_names(known)]


def main() -> None:
    """Check the project."""
    sys.exit("\n".join(problems(ROOT)) or 0)


if __name__ == "__main__":
    main()
