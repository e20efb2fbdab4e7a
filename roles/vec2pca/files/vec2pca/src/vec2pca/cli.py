"""The command `vec2pca`: INPUT OUTPUT analyses a text, `compare` compares results, `cluster` uses Spark."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# One BLAS thread: the matrices are small, and the number of threads must not show in the result.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from vec2pca.analysis import analyse, warnings_of
from vec2pca.class_page import class_csv, render_class
from vec2pca.classroom import averaged, compare_class
from vec2pca.cluster.command import run as run_cluster
from vec2pca.cluster.command import run_files
from vec2pca.compare import as_text, compare
from vec2pca.files import read_object, readable, write_whole
from vec2pca.labserver.content.source import Source
from vec2pca.labserver.errors import LabError, explain
from vec2pca.labserver.streams import run_program, seekable, shown
from vec2pca.options import add_page, add_top, add_training, check_outputs, warn, warn_of_size, whole_number
from vec2pca.page import render
from vec2pca.progress import Reporter
from vec2pca.results import differences, named_by_files, read_class, read_hosts, read_result, refuse_twice
from vec2pca.settings import Settings

MAX_WORKERS = 256  # all start at once
STANDARD_OUTPUT = Path("-")
LESS_MEMORY = "Give a smaller --features or a larger --min-count, --workers 1, or end other programs"
EPILOG = """\
exit codes: 0 done; 1 the input, the output or the machine needs a fix, and the message names it; 2 wrong usage.

`vec2pca compare A.json B.json ...` compares results; `vec2pca cluster INPUT... OUTPUT` analyses many files on Spark,
`vec2pca files INPUT...` lists them. Each has a --help.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line of `vec2pca INPUT OUTPUT`."""
    command = argparse.ArgumentParser(
        prog="vec2pca",
        description="Word vectors of a text (skip-gram word2vec), shown by their principal components on a web page.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add(
        "input", type=Path,
        help="UTF-8 text, plain or compressed with gzip, zstd, bzip2 or xz; a line end ends a sentence: one review or "
        "paragraph a line; - for the standard input",
    )  # fmt: skip
    add(
        "output", type=Path, nargs="?",
        help="the page to write (.html), or - for the standard output; an old one stays when the analysis fails. May "
        "be left out with --json",
    )  # fmt: skip
    add(
        "--like", type=Path, metavar="RESULT",
        help="what is not given is taken from this result of --json: with --seed N the same analysis, trained anew",
    )  # fmt: skip
    add_training(command)
    add(
        "--workers", type=whole_number(1, MAX_WORKERS), default=None,
        help="processes that read the text [one a core for long texts]; the result is the same for any number. The "
        "engine gensim also trains with this many threads [1]: faster, but with more than one a result that cannot be "
        "repeated, and the page says so",
    )  # fmt: skip
    add_page(command)
    return command


def compare_parser() -> argparse.ArgumentParser:
    """Return the command line of `vec2pca compare`."""
    command = argparse.ArgumentParser(
        prog="vec2pca compare",
        description="How far results agree: shared words, canonical correlation of the component spaces, correlation "
        "of all cosines, shared neighbours. Of two, a table; of a class of any number, also what they have in common, "
        "what moves, which stand apart, and how much of it is the sample and how much the chance of training.",
    )
    add = command.add_argument
    add("results", type=Path, nargs="*", metavar="RESULT", help="a result that `vec2pca --json` wrote")
    add(
        "--hosts", type=Path, metavar="FILE",
        help="the class as a JSON object instead: name -> {address, results: [own, of other training seeds, ...]} "
        "or {missing: reason}; paths are relative to the file",
    )  # fmt: skip
    add("--html", type=Path, metavar="FILE", help="write the page of the class")
    add(
        "--json", type=Path, nargs="?", const=STANDARD_OUTPUT, metavar="FILE",
        help="write the comparison as JSON; without FILE to the standard output",
    )  # fmt: skip
    add("--csv", type=Path, metavar="FILE", help="write one row a host")
    add("--consensus", type=Path, metavar="FILE", help="write the page of the average of all results")
    add(
        "--title",
        type=readable,
        default="How much do the results vary?",
        help="heading of the page of the class [%(default)s]",
    )
    add_top(command)
    add("--progress", choices=("auto", "none", "json"), default="auto", help="as for an analysis [%(default)s]")
    return command


def run_compare(arguments: Sequence[str]) -> None:
    """Compare results: `vec2pca compare A B ...`."""
    command = compare_parser()
    options = command.parse_args(arguments)
    pages = {"--html": options.html, "--csv": options.csv, "--consensus": options.consensus}
    if bool(options.hosts) == bool(options.results):
        command.error("name results, or --hosts FILE" if not options.hosts else "--hosts names the results: no others")
    if options.results and len(options.results) < 2:
        command.error("two results are needed")
    hosts = read_hosts(options.hosts) if options.hosts else named_by_files(options.results)
    inputs = {str(path): path for host in hosts for path in host.paths}
    inputs |= {"--hosts": options.hosts} if options.hosts else {}
    piped = check_outputs({**pages, "--json": options.json}, inputs)
    refuse_twice([path for host in hosts for path in host.paths])
    if len(options.results) == 2 and not any(pages.values()):
        compare_two(options.results[0], options.results[1], options.json)
        return
    progress = Reporter(options.progress)
    read_class(hosts, strict=not options.hosts, progress=progress)
    comparison = compare_class(hosts, options.title, progress)
    found = comparison.found
    for told in [*(f"{left['name']} is left out: {left['reason']}" for left in found["left_out"]), *found["notes"]]:
        warn(told)
    if options.json:
        write_json(options.json, found)
    if options.csv:
        write_whole(options.csv, class_csv(found))
    if options.consensus:
        result, spread = averaged(comparison, hosts)
        about = {"Hosts": [host["name"] for host in found["hosts"]], "Data set": found["parameters"]["data_set"]}
        title = f"Average of {len(found['hosts'])} samples"
        write_whole(options.consensus, render(result, title, about, options.link, spread, header=options.header))
    if options.html:
        write_whole(options.html, render_class(found, options.link, options.header))
    if not piped:
        print(found["answer"])


def compare_two(first: Path, second: Path, json_file: Path | None) -> None:
    """Write how far two results agree, and what else they differ in."""
    one, other = (read_result(path, parameters=False) for path in (first, second))
    found = compare(one, other)
    for difference in differences(one, other):
        warn(f"the results differ in more than their samples: {difference}")
    write_json(json_file, found) if json_file else print(as_text(found))


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON."""
    write_whole(path, json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def parse_analysis(command: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of an analysis; those not given are those of the result that `--like` names."""
    options = command.parse_args(arguments)
    options.like_file = options.like
    if options.like:
        result = read_result(options.like)
        given: dict[str, Any] = result["parameters"]
        names = [name for name in Settings.__dataclass_fields__ if name in given and name != "workers"]
        chosen = {"min_count": None} if given.get("min_count_chosen") else {}
        command.set_defaults(title=result["title"], **{name: given[name] for name in names}, **chosen)
        like_file = options.like_file
        options = command.parse_args(arguments)
        options.like, options.like_file = result, like_file
    return options


def run(arguments: Sequence[str]) -> None:
    """Analyse a text."""
    command = parser()
    options = parse_analysis(command, arguments)
    if options.components > options.features:
        command.error(f"--components {options.components} is more than --features {options.features}")
    if not (options.output or options.json):
        command.error("name the page to write (OUTPUT.html), or --json FILE")
    inputs = {"INPUT": options.input, "--about": options.about, "--like": options.like_file}
    check_outputs(
        {"OUTPUT": options.output, "--json": options.json}, {key: path for key, path in inputs.items() if path}
    )
    name = shown(options.input)
    about = read_object(options.about, "--about") if options.about else (options.like or {}).get("about", {})
    title = options.title or f"vec2pca: {readable(Path(name).name)}"
    settings = Settings(**{name: getattr(options, name) for name in Settings.__dataclass_fields__})

    with seekable(options.input) as path:
        result = analyse(Source(path, name), settings, Reporter(options.progress))
    for warning in warnings_of(result, name):
        warn(warning)
    page = render(result, title, about, options.link, header=options.header) if options.output else ""
    warn_of_size(page, result)
    if options.json:
        write_whole(options.json, result.as_json(title, about))
    if options.output:
        write_whole(options.output, page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    command_line = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if command_line[:1] == ["compare"]:  # a text of that name: ./compare
            run_compare(command_line[1:])
        elif command_line[:1] == ["cluster"]:
            run_cluster(command_line[1:])
        elif command_line[:1] == ["files"]:
            run_files(command_line[1:])
        else:
            run(command_line)
    except BrokenPipeError:
        raise
    except (LabError, OSError) as error:  # OSError: a disk that fills up, a file that goes away
        warn(f"error: {explain(error)}")
        return 1
    except MemoryError as error:
        warn(f"error: the memory is not enough ({str(error) or 'no more could be had'}). {LESS_MEMORY}")
        return 1
    except KeyboardInterrupt:
        warn("interrupted; nothing was written")
        return 130
    return 0


def program() -> int:
    """Run the command as a program: a reader of its output that has gone away is no error to show."""
    return run_program(main)
