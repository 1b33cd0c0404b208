"""All that a report on recognition says, as plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.manifest import ManifestRow
from encoder.clips import ClipSpec
from indexer.evaluation import Difference
from indexer.recognition import RecognitionReport
from indexer.update import Failure


@dataclass(frozen=True)
class RecognitionRow:
    """One way to recognise classes, and how well it does."""

    name: str
    report: RecognitionReport
    lead: Difference | None = None  # of the judged way over this, on top-1; None for itself


@dataclass(frozen=True)
class Recognition:
    """One encoder is judged by one protocol; the trivial baselines, by linear probes, are shown beside it."""

    manifest: str
    protocol: str  # a sentence: what was learnt from, and what was tested
    method: str  # a sentence: how
    encoder: str
    fingerprint: str
    spec: ClipSpec
    judged: RecognitionRow
    beside: Sequence[RecognitionRow]
    samples: Sequence[ManifestRow]  # that were tested
    grouped: bool  # whether the manifest says which videos belong together
    folds: int
    seeds: int
    untested: int  # videos left out because no video to learn from has their class
    failed: Sequence[Failure]
    seconds: float
    date: datetime
    command: str
    versions: Mapping[str, str]  # package -> version

    def __post_init__(self) -> None:
        if alone := [row.name for row in self.beside if row.lead is None]:
            raise ValueError(f"all rows but the judged one must be compared with it, but not {alone}")

    @property
    def shown(self) -> list[RecognitionRow]:
        """Every row, the judged one first."""
        return [self.judged, *self.beside]

    @property
    def best_beside(self) -> RecognitionRow:
        """By top-1."""
        return max(self.beside, key=lambda row: row.report.top[1])

    @property
    def owners(self) -> int:
        """How many groups, or videos where there are no groups, the bootstrap draws from."""
        return len(set(self.judged.report.predictions.owners.tolist()))
