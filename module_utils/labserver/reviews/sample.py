"""A random sample of the lines of a file of reviews, by package `sampling`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from ..sampling.draws import Draw
from ..sampling.engine import sample
from .codecs import encoder
from .manifest import ProgressFile
from .output import Counts, OutputRequest
from .source import Source


@dataclass(frozen=True)
class SampleRequest(OutputRequest):
    """What review_sample is asked for."""

    module: ClassVar[str] = "review_sample"
    unknown: ClassVar[Counts] = {"lines": None, "sampled": None}

    draw: Draw = field(default_factory=Draw)
    progress: ProgressFile = field(default_factory=ProgressFile)

    def check(self) -> None:
        """Raise LabError for options that cannot work."""
        self.draw.check()

    def parameters(self) -> dict[str, Any]:
        """Return what decides the bytes of the output."""
        return asdict(self.draw)

    def values(self) -> dict[str, Any]:
        """Return what of the request the module returns."""
        return self.parameters()

    def produce(self, source: Source) -> Counts:
        """Draw the sample."""
        drawn = sample(source, self.dest, self.draw, encode=encoder(self.dest), progress=self.progress)
        self.progress.finish(source)
        return asdict(drawn)

    def expected(self, known: Counts) -> Counts:
        """Return the counts of a source whose lines were counted before."""
        return {"lines": known["lines"], "sampled": self.draw.size(known["lines"])} if "lines" in known else {}
