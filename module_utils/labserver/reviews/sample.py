"""A random sample of the lines of a file of reviews, by package `sampling`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from ..content.codecs import encoder
from ..content.source import Source
from ..sampling.draws import Draw
from ..sampling.engine import sample
from .manifest import ProgressFile
from .output import Counts, OutputRequest


@dataclass(frozen=True)
class SampleRequest(OutputRequest):
    """The options of review_sample."""

    module: ClassVar[str] = "review_sample"
    unknown: ClassVar[Counts] = {"lines": None, "sampled": None}

    fraction: float | None = None
    count: int | None = None
    seed: int = 0
    progress: str | None = None

    @property
    def draw(self) -> Draw:
        """The size of the sample and its random numbers."""
        return Draw(self.seed, self.fraction, self.count)

    def check(self) -> None:
        """Raise LabError for options that cannot work."""
        self.draw.check()

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output."""
        return asdict(self.draw)

    values = parameters

    def produce(self, source: Source) -> Counts:
        """Draw the sample."""
        progress = ProgressFile(self.progress)
        lines, sampled = sample(source, self.dest, self.draw, encode=encoder(self.dest), progress=progress)
        progress.finish(source)
        return {"lines": lines, "sampled": sampled}

    def warnings(self, counts: Counts) -> list[str]:
        """Return that nothing was drawn."""
        if counts["sampled"]:
            return []
        return [f"fraction {self.fraction} of {counts['lines']} lines is no line: {self.dest} is empty"]

    def expected(self, known: Counts) -> Counts:
        """Return the counts of a source whose lines were counted before."""
        return {"lines": known["lines"], "sampled": self.draw.size(known["lines"])} if "lines" in known else {}
