"""Options that several of the commands have."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from vec2pca import __version__
from vec2pca.analysis import Result
from vec2pca.files import readable
from vec2pca.labserver import files as labserver_files
from vec2pca.labserver.errors import LabError
from vec2pca.labserver.streams import descriptor
from vec2pca.settings import LIMITS, Settings

LARGE_PAGE = 1_500_000  # characters


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
    return None if text == "auto" else whole_number(*LIMITS["min_count"])(text)


def fraction(*, zero: bool) -> Callable[[str], float]:
    """Return an argparse type: a number from 0 to 1, 0 itself where `zero`."""

    def number(text: str) -> float:
        value = float(text)
        if not 0 <= value <= 1 or (value == 0 and not zero):
            raise argparse.ArgumentTypeError(f"{text} is not {'from 0' if zero else 'above 0 and up'} to 1")
        return value

    return number


def link(text: str) -> tuple[str, str]:
    """Return (text, address) of `Text=/address`; only addresses that open a page."""
    label, _, where = text.partition("=")
    if not label or not where.startswith(("/", "./", "../", "#", "http://", "https://")):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not Text=/address (the address begins with / ./ ../ # http:// or https://)"
        )
    return readable(label), readable(where)


def header(text: str) -> str:
    """Return an address on the web server that no comment of HTML can end in."""
    if not re.fullmatch(r"(/[A-Za-z0-9_.]+)+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not /address, of letters, digits, dots and underscores")
    return text


def add_top(command: argparse.ArgumentParser) -> None:
    """Add what leads from the page to others."""
    add = command.add_argument
    add("--link", type=link, action="append", default=[], metavar="TEXT=/ADDRESS", help="link at the top; repeatable")
    add(
        "--header", type=header, metavar="/ADDRESS",
        help="header of the site, which a web server puts in where it has server-side includes",
    )  # fmt: skip


def add_training(command: argparse.ArgumentParser) -> None:
    """Add what the result depends on, besides the text."""
    base, add = Settings(), command.add_argument
    add(
        "--features", type=whole_number(*LIMITS["features"]), default=base.features,
        help="length of a word vector [%(default)s]",
    )  # fmt: skip
    add(
        "--min-count", type=min_count, default=base.min_count, metavar="N|auto",
        help="leave out words that occur less often [%(default)s]; auto chooses a number that keeps 500 to 4,500 words",
    )  # fmt: skip
    add(
        "--window", type=whole_number(*LIMITS["window"]), default=base.window,
        help="words to each side that count as near [%(default)s]",
    )  # fmt: skip
    add(
        "--sample", type=fraction(zero=True), default=base.sample,
        help="share of the text above which a word is thinned out; 0 never [%(default)s]",
    )  # fmt: skip
    add(
        "--components", type=whole_number(*LIMITS["components"]), default=base.components,
        help="principal components [%(default)s]",
    )  # fmt: skip
    add(
        "--epochs", type=whole_number(*LIMITS["epochs"]), default=base.epochs,
        help="times the text is read in training [%(default)s]",
    )  # fmt: skip
    seeds = whole_number(*LIMITS["seed"])
    add("--seed", type=seeds, default=base.seed, help="same input and seed: same bytes [%(default)s]")
    add(
        "--engine", choices=("auto", "kernel", "gensim"), default=base.engine,
        help="what trains: a kernel in C, compiled here at first use; gensim, the reference, slower; "
        "auto: the kernel where it can be compiled [%(default)s]",
    )  # fmt: skip
    add("--unicode", action="store_true", help="words are runs of letters of any script, not only A to Z")


def add_page(command: argparse.ArgumentParser) -> None:
    """Add what is shown, and where."""
    add = command.add_argument
    add("--title", type=readable, help="heading of the page [vec2pca: the input's name]")
    add("--about", type=Path, metavar="FILE", help="JSON object shown on the page: label -> value or list")
    add_top(command)
    add("--json", type=Path, metavar="FILE", help="also write words, scores, variance and vectors as JSON")
    add(
        "--progress", choices=("auto", "none", "json"), default="auto",
        help="auto: a line on a terminal, else silence; json: one object a line on the error stream [%(default)s]",
    )  # fmt: skip
    add("--version", action="version", version=f"vec2pca {__version__}")


def check_outputs(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path]) -> bool:
    """Check outputs and inputs (option -> path) before the work; return whether one goes to the standard output.

    Raises LabError for an output that cannot be written, or is an input or another output.
    """
    given = {option: path for option, path in outputs.items() if path}
    streams = {option: stream for option, path in given.items() if (stream := descriptor(path, 1)) is not None}
    if len(set(streams.values())) < len(streams):
        raise LabError(f"{' and '.join(streams)} are the same stream: name a file for all but one")
    files = {option: path.absolute() for option, path in given.items() if option not in streams}
    sources = {option: path.absolute() for option, path in inputs.items() if descriptor(path, 0) is None}
    labserver_files.check_outputs(files, sources)
    return 1 in streams.values()


def warn_of_size(page: str, result: Result) -> None:
    """Warn of a page that loads slowly."""
    if len(page) > LARGE_PAGE:
        size = f"{len(page) / 1e6:.1f} MB for {len(result.words):,} words"
        warn(f"the page has {size}; a larger --min-count keeps it small")


def warn(text: str) -> None:
    """Write a warning or an error to the standard error stream."""
    print(f"vec2pca: {text}", file=sys.stderr)
