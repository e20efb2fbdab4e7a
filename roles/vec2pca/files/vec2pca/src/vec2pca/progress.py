"""Progress: a line that renews itself on a terminal, JSON lines on request, otherwise silence."""

from __future__ import annotations

import json
import sys
import time
from typing import Protocol

TERMINAL_PAUSE = 0.2  # seconds between two lines
JSON_PAUSE = 1.0


class Progress(Protocol):
    """What a long computation calls while it works."""

    def __call__(self, phase: str, done: int, total: int, **facts: float) -> None:
        """`done` of `total` units of `phase` are finished; `facts` are figures worth showing."""


class Reporter:
    """A `Progress` that writes to the standard error stream: `reporter(phase, done, total, words=..., sentences=...)`.

    mode: "json" writes one object a line; "auto" one renewed line when that stream is a terminal, else nothing.
    """

    def __init__(self, mode: str) -> None:
        """Start the clock."""
        self.json = mode == "json"
        self.quiet = mode == "none" or (mode == "auto" and not sys.stderr.isatty())
        self.phase = ""
        self.start = self.last = 0.0

    def __call__(self, phase: str, done: int, total: int, **facts: float) -> None:
        """Write the progress of `phase`, unless that was done a moment ago."""
        if self.quiet:
            return
        now = time.monotonic()
        if phase != self.phase:
            self.phase, self.start, self.last = phase, now, 0.0
        finished = done >= total
        if not finished and now - self.last < (JSON_PAUSE if self.json else TERMINAL_PAUSE):
            return
        self.last = now
        spent = now - self.start
        # Not every phase knows its words
        rate = round(facts["words"] / spent) if spent and "words" in facts else None
        left = round(spent * (total - done) / done, 1) if done else None
        if self.json:
            state = {"phase": phase, "done": done, "total": total, **facts}
            shown = json.dumps({**state, "words_per_second": rate, "seconds_left": left}, allow_nan=False)
            print(shown, file=sys.stderr, flush=True)
        else:
            sentences = f"{facts['sentences']:,} sentences, " if "sentences" in facts else ""
            remaining = "" if left is None or finished else f", {left:.0f} s left"
            speed = "" if rate is None else f"{rate:,} words/s"
            lost = f", {facts['lost_executors']} executors lost" if facts.get("lost_executors") else ""
            line = f"{phase:5} {100 * done / total if total else 100:3.0f} %  {sentences}{speed}{remaining}{lost}"
            print(f"\r\033[K{line}", end="\n" if finished else "", file=sys.stderr, flush=True)
