"""The command `vec2pca`: INPUT OUTPUT analyses a text, `compare A B ...` compares results."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# One BLAS thread: the matrices are small, and the number of threads must not show in the result.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from vec2pca import __version__
from vec2pca.analysis import analyse
from vec2pca.class_page import class_csv, render_class
from vec2pca.classroom import averaged, compare_class
from vec2pca.compare import as_text, compare
from vec2pca.errors import Vec2pcaError
from vec2pca.files import check_input, check_output, read_object, write_whole
from vec2pca.page import render
from vec2pca.progress import Reporter
from vec2pca.results import named_by_files, read_class, read_hosts, read_result
from vec2pca.settings import Settings

LARGE_PAGE = 1_500_000  # characters
STANDARD_OUTPUT = Path("-")
EPILOG = """\
exit codes: 0 done; 1 the input, the output or the machine needs a fix, and the message names it; 2 wrong usage.

`vec2pca compare A.json B.json ...` compares results; see `vec2pca compare --help`.
"""


def whole_number(minimum: int, maximum: int = 2**31 - 1) -> Callable[[str], int]:
    """Return an argparse type: a whole number from `minimum` to `maximum`."""

    def whole(text: str) -> int:
        number = int(text)
        if not minimum <= number <= maximum:
            raise argparse.ArgumentTypeError(f"{number} is not between {minimum} and {maximum}")
        return number

    whole.__name__ = "whole number"  # argparse names it in its messages
    return whole


def min_count(text: str) -> int | None:
    """Return the number, or None for `auto`."""
    return None if text == "auto" else whole_number(1)(text)


def fraction(text: str) -> float:
    """Return a number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def link(text: str) -> tuple[str, str]:
    """Return (text, address) of `Text=/address`; only addresses that open a page."""
    label, _, where = text.partition("=")
    if not label or not where.startswith(("/", "./", "../", "#", "http://", "https://")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not Text=/address (the address begins with / ./ ../ # http:// or https://)"
        )
    return label, where


def parser() -> argparse.ArgumentParser:
    """Return the command line of `vec2pca INPUT OUTPUT`."""
    base = Settings()
    command = argparse.ArgumentParser(
        prog="vec2pca",
        description="Word vectors of a text (skip-gram word2vec), shown by their principal components on a web page.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("input", type=Path, help="UTF-8 text; a line end ends a sentence: one review or paragraph a line")
    add(
        "output", type=Path, nargs="?",
        help="the page to write (.html); an old one stays when the analysis fails. May be left out with --json",
    )  # fmt: skip
    add(
        "--like", type=Path, metavar="RESULT",
        help="what is not given is taken from this result of --json: with --seed N the same analysis, trained anew",
    )  # fmt: skip
    add("--features", type=whole_number(1), default=base.features, help="length of a word vector [%(default)s]")
    add(
        "--min-count", type=min_count, default=base.min_count, metavar="N|auto",
        help="leave out words that occur less often [%(default)s]; auto chooses a number that keeps 500 to 4,500 words",
    )  # fmt: skip
    add(
        "--window", type=whole_number(1), default=base.window,
        help="words to each side that count as near [%(default)s]",
    )  # fmt: skip
    add(
        "--sample", type=fraction, default=base.sample,
        help="share of the text above which a word is thinned out; 0 never [%(default)s]",
    )  # fmt: skip
    add("--components", type=whole_number(1), default=base.components, help="principal components [%(default)s]")
    add("--epochs", type=whole_number(1), default=base.epochs, help="times the text is read in training [%(default)s]")
    seeds = whole_number(0, 2**32 - 1)
    add("--seed", type=seeds, default=base.seed, help="same input and seed: same bytes [%(default)s]")
    add(
        "--workers", type=whole_number(1), default=base.workers,
        help="processes that read the text [one a core for long texts]; the result is the same for any number. The "
        "engine gensim also trains with this many threads [1]: faster, but with more than one a result that cannot be "
        "repeated, and the page says so",
    )  # fmt: skip
    add(
        "--engine", choices=("auto", "kernel", "gensim"), default=base.engine,
        help="what trains: a kernel in C, compiled here at first use; gensim, the reference, slower; "
        "auto: the kernel where it can be compiled [%(default)s]",
    )  # fmt: skip
    add("--unicode", action="store_true", help="words are runs of letters of any script, not only A to Z")
    add("--title", help="heading of the page [vec2pca: the input's name]")
    add("--about", type=Path, metavar="FILE", help="JSON object shown on the page: label -> value or list")
    add("--link", type=link, action="append", default=[], metavar="TEXT=/ADDRESS", help="link at the top; repeatable")
    add("--json", type=Path, metavar="FILE", help="also write words, scores, variance and vectors as JSON")
    add(
        "--progress", choices=("auto", "none", "json"), default="auto",
        help="auto: a line on a terminal, else silence; json: one object a line on the error stream [%(default)s]",
    )  # fmt: skip
    add("--version", action="version", version=f"vec2pca {__version__}")
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
    add("--title", default="How much do the results vary?", help="heading of the page of the class [%(default)s]")
    add("--link", type=link, action="append", default=[], metavar="TEXT=/ADDRESS", help="link at the top; repeatable")
    add("--progress", choices=("auto", "none", "json"), default="auto", help="as for an analysis [%(default)s]")
    return command


def run_compare(arguments: Sequence[str]) -> None:
    """Compare results: `vec2pca compare A B ...`."""
    command = compare_parser()
    options = command.parse_args(arguments)
    pages = [path for path in (options.html, options.csv, options.consensus) if path]
    if bool(options.hosts) == bool(options.results):
        command.error("name results, or --hosts FILE" if not options.hosts else "--hosts names the results: no others")
    if options.results and len(options.results) < 2:
        command.error("two results are needed")
    hosts = read_hosts(options.hosts) if options.hosts else named_by_files(options.results)
    inputs = [path for host in hosts for path in host.paths] + ([options.hosts] if options.hosts else [])
    check_outputs(command, [path for path in (*pages, options.json) if path not in (None, STANDARD_OUTPUT)], inputs)
    if len(options.results) == 2 and not pages:
        found = compare(*(read_result(path) for path in options.results))
        write_json(options.json, found) if options.json else print(as_text(found))
        return
    progress = Reporter(options.progress)
    read_class(hosts, strict=not options.hosts, progress=progress)
    comparison = compare_class(hosts, options.title, progress)
    found = comparison.found
    for left in found["left_out"]:
        warn(f"{left['name']} is left out: {left['reason']}")
    if options.json:
        write_json(options.json, found)
    if options.csv:
        write_whole(options.csv, class_csv(found))
    if options.consensus:
        result, spread = averaged(comparison, hosts)
        about = {"Hosts": [host["name"] for host in found["hosts"]], "Data set": found["parameters"]["data_set"]}
        title = f"Average of {len(found['hosts'])} samples"
        write_whole(options.consensus, render(result, title, about, options.link, spread))
    if options.html:
        write_whole(options.html, render_class(found, options.link))
    if options.json != STANDARD_OUTPUT:
        print(found["answer"])


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON to a file or the standard output."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"
    if path == STANDARD_OUTPUT:
        sys.stdout.write(text)
    else:
        write_whole(path, text)


def check_outputs(command: argparse.ArgumentParser, outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Make an output that cannot be written, or is an input or another output, an error before the work."""
    for path in outputs:
        check_output(path)
        others = [other.resolve() for other in (*inputs, *(other for other in outputs if other is not path))]
        if path.resolve() in others:
            command.error(f"{path} is named twice")


def parse_analysis(command: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of an analysis; those not given are those of the result that `--like` names."""
    options = command.parse_args(arguments)
    if options.like:
        result = read_result(options.like)
        given: dict[str, Any] = result["parameters"]
        names = [name for name in Settings.__dataclass_fields__ if name in given]
        chosen = {"min_count": None} if given.get("min_count_chosen") else {}
        command.set_defaults(title=result["title"], **{name: given[name] for name in names}, **chosen)
        options = command.parse_args(arguments)
        options.like = result
    return options


def run(arguments: Sequence[str]) -> None:
    """Analyse a text."""
    command = parser()
    options = parse_analysis(command, arguments)
    if options.components > options.features:
        command.error(f"--components {options.components} is more than --features {options.features}")
    outputs = [path for path in (options.output, options.json) if path]
    if not outputs:
        command.error("name the page to write (OUTPUT.html), or --json FILE")
    check_input(options.input)
    check_outputs(command, outputs, [options.input])
    about = read_object(options.about, "--about") if options.about else (options.like or {}).get("about", {})
    title = options.title or f"vec2pca: {options.input.name}"
    settings = Settings(**{name: getattr(options, name) for name in Settings.__dataclass_fields__})

    result = analyse(options.input, settings, Reporter(options.progress))
    if reason := result.parameters.pop("kernel_error", None):
        warn(f"used gensim, which is slower, because the kernel is unavailable: {reason}. Install a C compiler (gcc)")
    if result.corpus["replaced_bytes"]:
        warn(f"{result.corpus['replaced_bytes']:,} places in {options.input} were not UTF-8 and were replaced")
    if result.corpus["split_sentences"]:
        warn(f"{result.corpus['split_sentences']:,} sentences were over 10,000 words and were split")
    if settings.min_count is None:
        warn(f"--min-count auto chose {result.parameters['min_count']}: {len(result.words):,} words")
    page = render(result, title, about, options.link) if options.output else ""
    if len(page) > LARGE_PAGE:
        size = f"{len(page) / 1e6:.1f} MB for {len(result.words):,} words"
        warn(f"the page has {size}; a larger --min-count keeps it small")
    if options.json:
        write_whole(options.json, result.as_json(title, about))
    if options.output:
        write_whole(options.output, page)


def warn(text: str) -> None:
    """Write a warning or an error to the standard error stream."""
    print(f"vec2pca: {text}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    command_line = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if command_line[:1] == ["compare"]:  # a text of that name: ./compare
            run_compare(command_line[1:])
        else:
            run(command_line)
    except (Vec2pcaError, OSError) as error:  # OSError: a disk that fills up, a file that goes away
        warn(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        warn("interrupted; nothing was written")
        return 130
    return 0
