"""What the modules review_import, review_sample and review_text do, from their options to their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Callable

from .errors import LabError, explain
from .files import check_dest, replacing, sha256_of
from .manifest import Manifest, Status, manifest_path
from .output import check_encoder, encoded
from .records import Wanted, extract
from .sampling import Draw, Share, check_draws, sample
from .source import MissingError, Source
from .tables import Columns, convert

Options = Mapping[str, Any]
Result = dict[str, Any]

# What check mode returns where it cannot know
IMPORT_UNKNOWN: Result = {"lines": None, "sha256": None}
SAMPLE_UNKNOWN: Result = {"lines": None, "sampled": None, "samples": []}
TEXT_UNKNOWN: Result = {"lines": None, "written": None, "left_out": None, "errors": []}


def _target(source: Source, dest: Path) -> None:
    """Raise LabError when the output cannot be written there."""
    if dest.parent.is_dir() or not dest.is_absolute():
        check_dest(dest)  # in check mode a role may not have made the directory yet
    check_encoder(dest)
    if dest.exists() and dest.samefile(source.path):
        raise LabError(f"src and dest are the same file, {dest}: choose another `dest`")


def _one_file(manifest: Manifest, produce: Callable[[BinaryIO], Result], unknown: Result, *, check: bool) -> Result:
    """Make one output unless it is up to date."""
    reason = manifest.reason()
    result = {"changed": bool(reason), "reason": reason, "dest": str(manifest.dest)}
    result["source_digest"] = manifest.identity["digest"]
    if not reason:
        return {**result, **unknown, **manifest.old.get("result", {})}
    if check:
        return {**result, **unknown, **{key: manifest.known(key) for key in unknown if manifest.known(key) is not None}}
    check_dest(manifest.dest)
    with replacing(manifest.dest) as part, encoded(part, manifest.dest) as out:
        counts = produce(out)
    counts = {**unknown, **counts}
    if "sha256" in unknown:
        counts["sha256"] = sha256_of(manifest.dest)
    manifest.write(counts)
    return {**result, **counts}


def _status(options: Options) -> Status:
    return Status(Path(options["progress"]) if options.get("progress") else None)


def run_text(options: Options, *, check: bool = False) -> Result:
    """Do what review_text is asked for; return its result. Raises LabError or OSError."""
    if not options["fields"]:
        raise LabError("fields is empty: name at least one field of the records, such as reviewText")
    if options["max_errors"] is not None and options["on_error"] != "skip":
        raise LabError("max_errors has a meaning with `on_error: skip` alone: set that, or leave max_errors out")
    if options["max_errors"] is not None and options["max_errors"] < 0:
        raise LabError(f"max_errors {options['max_errors']} is below 0: it is the number of bad records to bear")
    source, dest = Source(Path(options["src"])), Path(options["dest"])
    _target(source, dest)
    names = ("fields", "html", "on_error", "max_errors")
    manifest = Manifest("review_text", source, dest, {name: options[name] for name in names})
    wanted = Wanted(tuple(options["fields"]), options["html"])
    bearable = options["max_errors"] if options["on_error"] == "skip" else 0
    status = _status(options)

    def produce(out: BinaryIO) -> Result:
        counts = asdict(extract(source, out, wanted, bearable, status))
        status(source.done, source.stat.st_size, finished=True)
        return counts

    return _one_file(manifest, produce, TEXT_UNKNOWN, check=check)


def run_import(options: Options, *, check: bool = False) -> Result:
    """Do what review_import is asked for; return its result. Raises LabError or OSError."""
    fields = options["fields"] or {}
    if "reviewText" in fields:
        raise LabError("fields names reviewText, which comes from the column `text_column`: take it out of `fields`")
    stray = sorted(set(options["numbers"]) - set(fields))
    if stray:
        raise LabError(f"numbers names {', '.join(stray)}, which `fields` does not have: add it there")
    source, dest = Source(Path(options["src"])), Path(options["dest"])
    _target(source, dest)
    names = ("text_column", "fields", "numbers", "html")
    manifest = Manifest("review_import", source, dest, {name: options[name] for name in names})
    columns = Columns(options["text_column"], fields, tuple(options["numbers"]), options["html"])

    def produce(out: BinaryIO) -> Result:
        return {"lines": convert(source, out, columns)}

    return _one_file(manifest, produce, IMPORT_UNKNOWN, check=check)


def _draws(options: Options) -> list[Draw]:
    """Return the draws that the options of review_sample ask for."""
    samples = options["samples"]
    if bool(samples) == bool(options["dest"]):
        raise LabError("give either `dest`, for one sample, or `samples`, a list of them with a dest each")
    disjoint = bool(options["disjoint"])
    if not samples:
        if disjoint:
            raise LabError("disjoint has a meaning with `samples` alone: take it out")
        samples = [{"dest": options["dest"]}]
    shares, seeds = [], []
    for wanted in samples:
        size = {name: wanted.get(name) for name in ("fraction", "count")}
        if size == {"fraction": None, "count": None}:
            size = {name: options[name] for name in ("fraction", "count")}
        if size["fraction"] is not None and size["count"] is not None:
            raise LabError(f"fraction and count are both given for {wanted['dest']}: take one of them out")
        if size == {"fraction": None, "count": None}:
            raise LabError(f"no size is given for {wanted['dest']}: set `fraction`, such as 0.1, or `count`")
        shares.append(Share(Path(wanted["dest"]), **size))
        if disjoint and wanted.get("seed") is not None:
            raise LabError(
                "disjoint samples are dealt out by one seed: take `seed` out of `samples`, set it beside them"
            )
        seeds.append(options["seed"] if wanted.get("seed") is None else wanted["seed"])
    if disjoint:
        return [Draw(options["seed"], tuple(shares), options["stratify_by"])]
    return [Draw(seed, (share,), options["stratify_by"]) for seed, share in zip(seeds, shares)]


def run_sample(options: Options, *, check: bool = False) -> Result:
    """Do what review_sample is asked for; return its result. Raises LabError or OSError."""
    draws = _draws(options)
    source = Source(Path(options["src"]))
    for draw in draws:
        for share in draw.shares:
            _target(source, share.dest)
    check_draws(draws)
    manifests = {
        share.dest: Manifest("review_sample", source, share.dest, _parameters(draw, share, options))
        for draw in draws
        for share in draw.shares
    }
    reasons = {dest: manifest.reason() for dest, manifest in manifests.items()}
    # Disjoint samples come from one draw: all are made again or none.
    todo = [draw for draw in draws if any(reasons[share.dest] for share in draw.shares)]
    status = _status(options)
    if todo and not check:
        for drawn in sample(source, todo, status):
            counts: Result = {"lines": drawn.lines, "sampled": drawn.sampled}
            if drawn.strata is not None:
                counts["strata"] = drawn.strata
            manifests[drawn.share.dest].write(counts)
            manifests[drawn.share.dest].read()
        status(source.done, source.stat.st_size, finished=True)
    results = [
        _sample_result(draw, share, manifests[share.dest], reasons[share.dest], changed=draw in todo)
        for draw in draws
        for share in draw.shares
    ]
    first = next((one for one in results if one["changed"]), results[0])
    result = {**first, "changed": bool(todo), "source_digest": manifests[draws[0].shares[0].dest].identity["digest"]}
    return {**result, "samples": results}


def _parameters(draw: Draw, share: Share, options: Options) -> Result:
    parameters: Result = {"fraction": share.fraction, "count": share.count, "seed": draw.seed}
    parameters["stratify_by"] = options["stratify_by"]
    if len(draw.shares) > 1:  # which lines this share gets depends on the others
        parameters["disjoint"] = [[str(other.dest), other.fraction, other.count] for other in draw.shares]
    return parameters


def _sample_result(draw: Draw, share: Share, manifest: Manifest, reason: str, *, changed: bool) -> Result:
    lines = manifest.known("lines")
    strata = _strata(manifest, share)
    return {
        "changed": changed,
        "dest": str(share.dest),
        "seed": draw.seed,
        "fraction": share.fraction,
        "count": share.count,
        "lines": lines,
        "sampled": _sampled(share, lines, strata, stratified=draw.stratify_by is not None),
        "reason": reason or ("another of the disjoint samples is made again" if changed else ""),
        "manifest": str(manifest_path(share.dest)),
        **({"strata": strata} if strata is not None else {}),
    }


def _strata(manifest: Manifest, share: Share) -> Result | None:
    """Return what is taken of each stratum, when the last run knew how many lines each has."""
    strata = manifest.known("strata")
    if strata is None or manifest.parameters["stratify_by"] != manifest.old["parameters"]["stratify_by"]:
        return None
    return {name: {"lines": of["lines"], "sampled": share.size(of["lines"])} for name, of in strata.items()}


def _sampled(share: Share, lines: int | None, strata: Result | None, *, stratified: bool) -> int | None:
    if stratified:
        return sum(int(of["sampled"]) for of in strata.values()) if strata is not None else None
    return share.size(lines) if lines is not None else None


def run_module(module: Any, run: Callable[..., Result], unknown: Result) -> None:
    """Run one of the above for an Ansible module and end it."""
    try:
        result = run(module.params, check=module.check_mode)
    except MissingError as error:
        if not module.check_mode:
            module.fail_json(msg=str(error))
        # On a fresh host the task that makes it has only been checked as well.
        reason = {"reason": "src does not exist yet", "source_digest": None, "dest": module.params["dest"]}
        module.exit_json(changed=True, **unknown, **reason)
    except LabError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=explain(error))
    outputs = result.get("samples", [result])
    changed = [{"dest": one["dest"], "reason": one["reason"]} for one in outputs if one["changed"]]
    result["diff"] = {"before": {}, "after": {"made": changed} if changed else {}}
    for output in outputs:
        if output.get("sampled") == 0:
            module.warn(
                f"fraction {output['fraction']} of {output['lines']} lines is no line: {output['dest']} is empty"
            )
        if Path(output["dest"]).exists():
            arguments = module.load_file_common_arguments(module.params, path=output["dest"])
            result["changed"] = module.set_fs_attributes_if_different(arguments, result["changed"], {})
    module.exit_json(**result)
