"""What an analysis on a cluster cost, as text."""

from __future__ import annotations

from typing import Any

COLUMNS = ("phase", "seconds", "tasks", "CPU s program", "executors", "Spark")
PHASE = "{seconds} s, tasks: {tasks}, seconds of CPU: program {CPU s program}, executors {executors}, Spark {Spark}"


def rows_of(cost: dict[str, Any]) -> list[list[str]]:
    """Return one row a phase, for COLUMNS."""
    return [
        [
            phase["name"],
            f"{phase['seconds']:.1f}",
            f"{phase['tasks']:,}" + (f" ({phase['failed_tasks']} failed)" if phase["failed_tasks"] else ""),
            *(f"{phase[key]:.1f}" for key in ("driver_cpu", "executor_cpu", "spark_cpu")),
        ]
        for phase in cost["phases"]
    ]


def facts_of(cost: dict[str, Any]) -> dict[str, str]:
    """Return what the reader should know about the run on the cluster, as labels and values."""
    executors = f"{cost['executors']} executors" if cost["executors"] else "in one process"
    lost = f", {cost['lost_executors']} lost" if cost["lost_executors"] else ""
    cpu = sum(phase[key] for phase in cost["phases"] for key in ("driver_cpu", "executor_cpu", "spark_cpu"))
    read = sum(phase.get("words", 0) for phase in cost["phases"])
    speed = f", {read / cost['seconds']:,.0f} words a second" if cost["seconds"] else ""
    left_out = (
        {"Left out": f"{cost['left_out']:,} records, the first: {cost['bad_record']}"} if cost["left_out"] else {}
    )
    return {
        "Files": f"{cost['files']:,}, {cost['bytes'] / 1e6:,.1f} MB",
        "Spark": f"{cost['spark']} at {cost['master']}, {executors}{lost}",
        "Time": f"{cost['seconds']:,.1f} s{speed}; {cpu:,.1f} s of CPU",
        **left_out,
        "Vectors": f"SHA-256 {cost['vectors_sha256']}",
    }


def phases_of(cost: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of the table as one value, for a list of facts."""
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in rows_of(cost))
    return {"Phases": {row["phase"]: PHASE.format(**row) for row in rows}}


def as_text(cost: dict[str, Any]) -> str:
    """Return the whole report as text for a terminal."""
    table = [list(COLUMNS), *rows_of(cost)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
    return "\n".join([*(f"{label}: {value}" for label, value in facts_of(cost).items()), "", *lines])
