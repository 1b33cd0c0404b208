"""All that a report says, as plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from app.manifest import ManifestRow
from app.report.published import Published
from encoder.clips import ClipSpec
from indexer.answers import Answers
from indexer.evaluation import Difference, RetrievalReport
from indexer.measure import IndexQuality
from indexer.update import Failure


@dataclass(frozen=True)
class Lead:
    """How much better the judged encoder is than another row, on the same queries."""

    recall_at_1: Difference
    map: Difference


@dataclass(frozen=True)
class EvaluationRow:
    """One way to make embeddings of the manifest's clips, and how well they retrieve."""

    name: str
    report: RetrievalReport
    lead: Lead | None = None  # of the judged encoder over this; None for itself
    fingerprint: str | None = None  # of a further encoder

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError(f"a row needs a name, got {self.name=}")


@dataclass(frozen=True)
class Lookups:
    """How the clips of the gallery are found in an index that compares a query with these of them."""

    compared: str  # with what
    used: bool  # whether a library of so many clips does so
    measured: Sequence[IndexQuality]  # by how many are asked for, ascending


@dataclass(frozen=True)
class Evaluation:
    """One encoder is judged; its centred features, further encoders and trivial baselines are shown beside it."""

    manifest: str
    protocol: str  # one sentence: which rows searched which
    encoder: str
    fingerprint: str
    spec: ClipSpec
    judged: EvaluationRow
    baselines: Sequence[EvaluationRow]
    centred: EvaluationRow
    others: Sequence[EvaluationRow]  # further encoders
    samples: Sequence[ManifestRow]  # that could be read, as the answers number them
    answers: Sequence[Answers]  # of the judged encoder
    lookups: Sequence[Lookups]  # of the judged encoder's clips
    failed: Sequence[Failure]
    published: Published | None  # where they were measured in the same way
    seconds: float  # the whole evaluation, decoding included
    date: datetime
    seed: int  # of the bootstrap
    command: str
    versions: Mapping[str, str]  # package -> version

    def __post_init__(self) -> None:
        measured = {(tuple(row.report.recall), row.report.queries, row.report.gallery) for row in self.shown}
        if len(measured) > 1:
            raise ValueError(f"all rows must be measured on the same queries, gallery and depths, got {measured}")
        alone = [row.name for row in self.shown[1:] if row.lead is None]
        if alone:
            raise ValueError(f"all rows but the judged one must be compared with it, but not {alone}")

    @property
    def rows(self) -> list[EvaluationRow]:
        """The judged encoder and what it has to beat."""
        return [self.judged, *self.baselines]

    @property
    def best_baseline(self) -> EvaluationRow | None:
        """By R@1."""
        return max(self.baselines, key=lambda row: row.report.recall[1], default=None)

    @property
    def shown(self) -> list[EvaluationRow]:
        """Every row, the judged encoder first."""
        return [self.judged, self.centred, *self.others, *self.baselines]

    @property
    def clips(self) -> int:
        """Videos that were evaluated."""
        return len(self.samples)

    @property
    def classes(self) -> int:
        """Labels among them."""
        return len({sample.label for sample in self.samples})

    @property
    def labels(self) -> list[str]:
        """Of the samples."""
        return [sample.label for sample in self.samples]

    @property
    def grouped(self) -> bool:
        """Whether the manifest says which videos belong together."""
        return self.samples[0].group is not None

    @property
    def owners(self) -> int:
        """How many groups, or queries where there are no groups, the bootstrap draws from."""
        return len(np.unique(self.judged.report.scores.owners))
