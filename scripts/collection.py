"""scripts/collection: builds the Ansible collection labserver.lab from the roles and modules as they are.

The same sources give the same bytes. What a collection names otherwise than a project does is rewritten: imports of
module_utils, the filters and the lookup of the roles, the modules in examples, and where secrets are.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import hashlib
import importlib.util
import io
import json
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import environment
import machine
from machine import ROOT, ScriptError

Content = dict[str, bytes]  # by path within the collection

GALAXY = ROOT / "galaxy"  # what only the collection has
AS_THEY_ARE = ("CHANGELOG.md", "LICENSE", "docs/reference.md")
PLUGINS = {"action_plugins": "action", "filter_plugins": "filter", "lookup_plugins": "lookup"}
LEFT_OUT = "roles/vec2pca/files/vec2pca/tests/"
UTILITIES = "ansible_collections.labserver.lab.plugins.module_utils.labserver"
TEMPLATES = (".yml", ".j2")
# In a project secrets are beside the roles; of a collection that folder goes with each upgrade
SECRETS, BESIDE_PLAYBOOK = "role_path | dirname | dirname", "playbook_dir"


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="scripts/collection", description=__doc__.partition(": ")[2])
    parser.add_argument("folder", type=Path, help="where the archive goes, for ansible-galaxy collection install")
    options = parser.parse_args()
    environment.enter()
    print(build(options.folder))
    return 0


def build(folder: Path) -> Path:
    """Write the archive into a folder; return its path."""
    import yaml  # of the environment that the script enters

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = semantic(project["version"])
    about = {**yaml.safe_load((GALAXY / "galaxy.yml").read_text(encoding="utf-8")), "version": version}
    content = collect(tracked())
    folder = machine.output_folder(folder)
    archive = folder / f"{about['namespace']}-{about['name']}-{version}.tar.gz"
    archive.write_bytes(packed(with_manifest(about, content)))
    return archive


def semantic(version: str) -> str:
    """Return a version of Python's as a semantic one: 0.3.0.dev0 is 0.3.0-dev0."""
    return re.sub(r"[.-]?((?:dev|a|b|rc)\d*)$", r"-\1", version)


def tracked() -> list[str]:
    """Return the paths of the project's files."""
    command = ["git", "ls-files", "-z", "--", "CHANGELOG.md", "LICENSE", "docs", "galaxy", "library"]
    command += ["module_utils", "roles"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ScriptError(f"git does not list the files of {ROOT} ({done.stderr.strip()}): run it in a clone")
    return sorted(filter(None, done.stdout.split("\0")))


def destination(path: str) -> str:
    """Return where a file goes; an empty text where it stays out."""
    parts = PurePosixPath(path).parts
    if path.startswith(LEFT_OUT):
        return ""
    if path in AS_THEY_ARE:
        return path
    if path == "galaxy/galaxy.yml":
        return ""  # an archive has it as MANIFEST.json
    if parts[0] == "galaxy":
        return str(PurePosixPath(*parts[1:]))
    if parts[0] == "library":
        return f"plugins/modules/{parts[1]}"
    if parts[0] == "module_utils":
        return f"plugins/{path}"
    if parts[0] == "roles":
        return f"plugins/{PLUGINS[parts[2]]}/{parts[3]}" if parts[2] in PLUGINS else path
    return ""


def collect(paths: list[str]) -> Content:
    """Return the files of the collection, links resolved."""
    modules = {PurePosixPath(path).stem for path in paths if path.startswith("library/")}
    qualified = qualifier(
        set(filters(paths)), {PurePosixPath(path).stem for path in paths if "/lookup_plugins/" in path}
    )
    content: Content = {}
    for path in paths:
        target = destination(path)
        if not target:
            continue
        data = (ROOT / path).read_bytes()
        if target in content:
            raise ScriptError(f"{path} would replace another file of its name in plugins/: rename it")
        if target.startswith("plugins/"):
            data = python(data.decode(), modules, qualified).encode()
        elif target.startswith("roles/") and "/files/" not in target and target.endswith(TEMPLATES):
            text = with_full_defaults(qualified(data.decode()), modules)
            data = (text.replace(SECRETS, BESIDE_PLAYBOOK) if "/defaults/" in target else text).encode()
        content[target] = data
    return dict(sorted(content.items()))


def filters(paths: list[str]) -> Iterator[str]:
    """Yield the names of the roles' filters."""
    for path in (path for path in paths if "/filter_plugins/" in path):
        specification = importlib.util.spec_from_file_location("labserver_filters", ROOT / path)
        if specification is None or specification.loader is None:
            raise ScriptError(f"{path} is no file of Python: remove it, or name it .py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        yield from module.FilterModule().filters()


def qualifier(filter_names: set[str], lookups: set[str]) -> Callable[[str], str]:
    """Return a function that gives our filters and lookups their full names: Ansible finds only modules without."""
    applied = re.compile(rf"(\|\s*)({'|'.join(sorted(filter_names))})\b")
    looked_up = re.compile(rf"((?:lookup|query)\(')({'|'.join(sorted(lookups))})'")

    def qualified(text: str) -> str:
        return looked_up.sub(r"\1labserver.lab.\2'", applied.sub(r"\1labserver.lab.\2", text))

    return qualified


def with_full_defaults(text: str, modules: set[str]) -> str:
    """Return a file of tasks with the full names of our modules in module_defaults: a task finds its own without."""
    key = re.compile(
        rf"^(?P<defaults>( *)module_defaults:\n(?:\2 .*\n)*?\2  )(?P<name>{'|'.join(sorted(modules))}):", re.MULTILINE
    )
    while (full := key.sub(r"\g<defaults>labserver.lab.\g<name>:", text)) != text:
        text = full
    return text


def python(source: str, modules: set[str], qualified: Callable[[str], str]) -> str:
    """Return a plugin's source with the imports and the full names of a collection."""
    names = "|".join(sorted(modules))
    used = re.compile(rf"^( +(?:- )?)({names}):", re.MULTILINE)  # a task of an example
    linked = re.compile(rf"(\bM\()({names})\)|(\b(?:O|RV)\()({names})#module:")
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        text = "".join(lines[first:last])
        if text.startswith("sys.path.append("):
            text = "\n" * (last - first)  # for what a collection imports by its name
        elif text.startswith(("DOCUMENTATION =", "RETURN =")):
            text = linked.sub(full_link, text)
        elif text.startswith("EXAMPLES ="):
            text = used.sub(r"\1labserver.lab.\2:", qualified(text))
        lines[first:last] = text.splitlines(keepends=True)
    for node in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)):
        module = node.module
        if module and not node.level and f"{module}.".startswith(("ansible.module_utils.labserver.", "labserver.")):
            within = module.partition("labserver")[2]
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line.replace(f"from {module} import", f"from {UTILITIES}{within} import", 1)
    return "".join(lines)


def full_link(match: re.Match[str]) -> str:
    """Return a link of the documentation to one of our modules, by its full name."""
    module, name, option, other = match.groups()
    return f"{module}labserver.lab.{name})" if module else f"{option}labserver.lab.{other}#module:"


def with_manifest(about: Mapping[str, object], content: Content) -> Content:
    """Return the files with those that name each with its checksum, as ansible-galaxy writes them."""
    listed: list[dict[str, object]] = [
        {"name": name, "ftype": "dir", "chksum_type": None, "chksum_sha256": None, "format": 1}
        for name in (".", *folders(content))
    ]
    listed += [entry(path, data) for path, data in content.items()]
    files = as_json({"files": listed, "format": 1})
    unset = dict.fromkeys(("license_file", "repository", "documentation", "homepage", "issues"))
    manifest = {
        "collection_info": {**about, **unset},
        "file_manifest_file": entry("FILES.json", files),
        "format": 1,
    }
    return {"MANIFEST.json": as_json(manifest), "FILES.json": files, **content}


def folders(content: Content) -> list[str]:
    """Return all folders, each after the one that it is in."""
    return sorted({str(parent) for path in content for parent in PurePosixPath(path).parents} - {"."})


def entry(path: str, data: bytes) -> dict[str, object]:
    """Return what the list of files says of one."""
    digest = hashlib.sha256(data).hexdigest()
    return {"name": path, "ftype": "file", "chksum_type": "sha256", "chksum_sha256": digest, "format": 1}


def as_json(value: object) -> bytes:
    """Return it as ansible-galaxy writes it."""
    return json.dumps(value, indent=4, sort_keys=True).encode()


def packed(content: Content) -> bytes:
    """Return an archive that is the same for the same files: in order, without times and owners."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for folder in folders(content):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for path, data in content.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(machine.run_main(main))
