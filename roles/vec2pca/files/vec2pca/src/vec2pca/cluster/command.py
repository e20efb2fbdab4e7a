"""The command `vec2pca cluster INPUT... OUTPUT`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from vec2pca.analysis import warnings_of
from vec2pca.cluster.analysis import Request, analyse
from vec2pca.cluster.inputs import find_inputs, is_remote
from vec2pca.cluster.reading import Reading
from vec2pca.cluster.report import as_text
from vec2pca.cluster.session import session
from vec2pca.errors import Vec2pcaError
from vec2pca.files import read_object, readable, write_whole
from vec2pca.labserver.download.address import identity, mask
from vec2pca.labserver.sampling.draws import Draw
from vec2pca.options import add_page, add_training, check_outputs, fraction, warn, warn_of_size, whole_number
from vec2pca.page import render
from vec2pca.progress import Reporter
from vec2pca.settings import Settings

EPILOG = """\
Files are read in the order of their names, each by one task; plain ones of over 8 MB by several.

  vec2pca cluster 'data/*.json.gz' page.html --field reviewText
  vec2pca cluster s3://bucket/reviews/ page.html --field reviewText --master spark://master:7077 --train average

exit codes: 0 done; 1 the input, the output or the cluster needs a fix, and the message names it; 2 wrong usage.
"""


def setting(text: str) -> tuple[str, str]:
    """Return (name, value) of `NAME=VALUE`, a setting of Spark."""
    name, equals, value = text.partition("=")
    if not equals or not name.startswith("spark."):
        raise argparse.ArgumentTypeError(f"{text!r} is not spark.NAME=VALUE")
    if "secret" in name or "password" in name:
        raise argparse.ArgumentTypeError(
            f"{name} on a command line is seen by all users: write it into spark-defaults.conf of $SPARK_CONF_DIR"
        )
    return name, value


def parser() -> argparse.ArgumentParser:
    """Return the command line of `vec2pca cluster`."""
    command = argparse.ArgumentParser(
        prog="vec2pca cluster",
        description="The same analysis of many files on Apache Spark, for more text than one machine holds.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add_inputs(
        command,
        "a file, a folder, a pattern in quotes, an https:// or s3:// address; plain or compressed, by content. A path "
        "has to be there on every host",
    )
    add("output", type=Path, metavar="OUTPUT", help="the page to write (.html), on the host of this program")
    add("--master", help="the cluster, such as spark://HOST:7077 or local[2] [spark-submit's, else local[*]]")
    add(
        "--train", choices=("exact", "average"), default="exact",
        help="exact: one machine's result, trained by this program on all words in order; average: trained by the "
        "executors on slices of the text, and put together after each round [%(default)s]",
    )  # fmt: skip
    add(
        "--parts", type=whole_number(1, 1024), default=4, metavar="P",
        help="average: slices that are trained at a time, best as many as the cluster has cores; the result depends on "
        "it [%(default)s]",
    )  # fmt: skip
    add(
        "--rounds", type=whole_number(1, 10_000), default=16, metavar="R",
        help="average: rounds an epoch, each on another slice of the text [%(default)s]",
    )  # fmt: skip
    add(
        "--field", action="append", default=[], metavar="NAME",
        help="the files hold JSON records, one a line, and this field is the text; repeatable",
    )  # fmt: skip
    add("--strip-html", action="store_true", help="take HTML out of the fields")
    add("--skip-bad-records", action="store_true", help="leave out and count records that lack the field")
    add(
        "--fraction",
        type=fraction(zero=False),
        metavar="F",
        help="take a random part of the lines, as review_sample does",
    )
    seeds = whole_number(0, 2**32 - 1)
    add("--sampling-seed", type=seeds, metavar="S", help="seed of that choice [that of --seed]")
    add("--save-lines", type=Path, metavar="FILE", help="also write the lines that are taken, as they are in the files")
    add_training(command)
    add_page(command)
    add(
        "--conf", type=setting, action="append", default=[], metavar="spark.NAME=VALUE",
        help="a setting of Spark; repeatable. Secrets belong into spark-defaults.conf",
    )  # fmt: skip
    add(
        "--start-timeout", type=whole_number(1), default=120, metavar="SECONDS",
        help="how long to wait for the first executor [%(default)s]",
    )  # fmt: skip
    return command


def add_inputs(command: argparse.ArgumentParser, description: str) -> None:
    """Add the options that name what is read."""
    command.add_argument("inputs", nargs="*", metavar="INPUT", help=description)
    command.add_argument(
        "--inputs-from", metavar="FILE",
        help="also read the INPUTs in this file, one a line; - for standard input. A command line is seen by all "
        "users, and an address may have a password or a token",
    )  # fmt: skip


def input_names(command: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    """Return what the command line names to be read. Raises Vec2pcaError where a list of names cannot be read."""
    names = list(options.inputs)
    if options.inputs_from:
        try:
            listed = sys.stdin.read() if options.inputs_from == "-" else Path(options.inputs_from).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise Vec2pcaError(
                f"--inputs-from {options.inputs_from} cannot be read ({error}): give a file in UTF-8, one INPUT a line"
            ) from error
        names += [line for line in listed.splitlines() if line.strip()]
    if not names:
        command.error("there is no INPUT: name what is to be read, or a list of it with --inputs-from")
    return names


def run_files(arguments: Sequence[str]) -> None:
    """Print the files that `cluster` would read, in its order: a JSON object a line."""
    command = argparse.ArgumentParser(
        prog="vec2pca files",
        description="The files that `vec2pca cluster` would read, in its order: a JSON object a line, with address, "
        "size in bytes, compression, and what changes when the file does; an address on the web without its secrets.",
    )
    add_inputs(command, "as for `vec2pca cluster`")
    for entry in find_inputs(input_names(command, command.parse_intermixed_args(arguments))):
        version = entry.version or str(Path(entry.address).stat().st_mtime_ns)
        listed = {"file": entry.shown, "size": entry.size, "kind": entry.kind, "version": version}
        print(json.dumps({**listed, "source": identity(entry.address)} if entry.shown != entry.address else listed))


def run(arguments: Sequence[str]) -> None:
    """Analyse files on a cluster. Raises Vec2pcaError; its message names the fix."""
    command = parser()
    # As INPUT may be missing, the first of them would else be taken for OUTPUT where an option stands between
    options = command.parse_intermixed_args(arguments)
    if options.components > options.features:
        command.error(f"--components {options.components} is more than --features {options.features}")
    if not options.field and (options.strip_html or options.skip_bad_records):
        command.error("--strip-html and --skip-bad-records are for records: name their --field")
    if options.train == "average" and options.engine == "gensim":
        command.error("--train average needs the kernel: leave --engine out")
    request = make_request(options)
    outputs = {"OUTPUT": options.output, "--json": options.json, "--save-lines": options.save_lines}
    names = input_names(command, options)
    inputs = find_inputs(names)
    paths = {entry.address: Path(entry.address) for entry in inputs if not is_remote(entry.address)}
    piped = check_outputs(outputs, paths | ({"--about": options.about} if options.about else {}))
    about = read_object(options.about, "--about") if options.about else {}
    first = mask(names[0]) if is_remote(names[0]) else names[0]
    title = options.title or f"vec2pca: {readable(first)}"
    progress = Reporter(options.progress)
    with session(options.master, dict(options.conf), progress, options.start_timeout) as spark:
        result, cost = analyse(spark, inputs, request, progress)
    for warning in warnings_of(result, "the files"):
        warn(warning)
    for warning in cost["warnings"]:
        warn(warning)
    if cost["left_out"]:
        warn(f"{cost['left_out']:,} records were left out, the first: {cost['bad_record']}")
    page = render(result, title, about, options.link, cluster=cost, header=options.header)
    warn_of_size(page, result)
    if options.json:
        write_whole(options.json, result.as_json(title, about, cost))
    write_whole(options.output, page)
    if not piped:
        print(as_text(cost))


def make_request(options: argparse.Namespace) -> Request:
    """Return what is asked for."""
    settings = Settings(**{name: getattr(options, name) for name in Settings.__dataclass_fields__ if name != "workers"})
    seed = settings.seed if options.sampling_seed is None else options.sampling_seed
    return Request(
        settings=settings,
        reading=Reading(
            fields=tuple(options.field),
            html=options.strip_html,
            max_errors=None if options.skip_bad_records else 0,
            unicode=settings.unicode,
            kernel=options.train == "average",
        ),
        draw=None if options.fraction is None else Draw(seed, options.fraction),
        save_lines=options.save_lines,
        train=options.train,
        parts=options.parts,
        rounds=options.rounds,
    )
