"""Is `indexer.align` worth its lines? It and other ways to align find the same cuts in the same similarities.

    python -m benchmarks.alignments FOLDER [--long 6-0] [--beside S] [--encoder FILE]

FOLDER is where `benchmarks.localisation` left its long files. Every cut is aligned with every long file by its
embeddings as they are: no other reading of the query, no weighing of what is common, no pictures. A cut is found if the
best segment of the best file is where it was hidden, and touched if the two share any time. With `--beside`, a query
also shows what lies beside the cut in the original, so that only a part of it is hidden.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import thread_time

import numpy as np
from numpy.typing import NDArray

from app.progress import StepProgress
from benchmarks import aligners
from benchmarks.copies import open_library
from benchmarks.hiding import Hidden
from benchmarks.localisation import DECOY, REVERSED, Answer, Place, read_hidden, segments_ap
from encoder.checkpoint import DEFAULT
from encoder.clips import Span
from encoder.errors import WorldError
from indexer.align import Segment, Timeline, align
from indexer.background import Background
from indexer.evaluation import bootstrap_interval, localisation_recall
from indexer.library import Library

Method = Callable[[NDArray[np.float32], Timeline, Timeline], list[Segment]]
METHODS: Mapping[str, Method] = {
    "`indexer.align`": align,
    "max-similarity": aligners.max_similarity,
    "Hough voting": aligners.hough,
    "time warping": aligners.dtw,
    "temporal network": aligners.temporal_network,
}


@dataclass(frozen=True)
class Pair:
    """A cut beside a long file."""

    file: str
    video: Timeline
    excess: NDArray[np.float32]  # (Q, V)


@dataclass(frozen=True)
class Asked:
    """A cut that is searched for, beside all long files."""

    hidden: Hidden
    query: Timeline
    pairs: list[Pair]


@dataclass
class Measured:
    """What a method answered, and how much of a processor's time each pair took."""

    answers: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def scene(self) -> list[Answer]:
        """Without the cuts that are hidden reversed: those are not the same scene."""
        return [one for one in self.answers if one.hidden.edit != REVERSED]


def asked_of(library: Library, hidden: Sequence[Hidden], beside_s: float) -> Iterator[Asked]:
    """Embed every cut that is asked for, with so many seconds on both sides of it.

    Raises:
        WorldError: a file in which one is hidden is not in the library.
    """
    names = {video: Path(paths[0]).name for video, paths in library.catalog.paths().items()}
    if missing := {one.file for one in hidden}.difference(names.values()):
        raise WorldError(f"{', '.join(sorted(missing))} could not be indexed; remove {library.folder} to try again")
    clips, index = dict(library.catalog.clips_of_videos(names)), library.index.current()
    for one in hidden:
        shown = Span(max(0.0, one.source.start - beside_s), one.source.end + beside_s)
        reading = library.embed_query(one.path, shown).readings[0]
        background = Background.of(reading.embeddings, index)
        pairs = [
            Pair(
                names[video],
                Timeline(
                    Span(0.0, spans[-1].end), np.array([span.start for span in spans]), library.checkpoint.spec.clip_s
                ),
                background.excess(reading.embeddings @ embeddings.T),
            )
            for video, (spans, embeddings) in clips.items()
        ]
        yield Asked(one, reading.timeline, pairs)


def answer(asked: Asked, method: Method, seconds: list[float]) -> Answer:
    """Align a cut with every file, the best file first, and note how much of a processor's time each took."""
    by_file = []
    for pair in asked.pairs:
        before = thread_time()
        segments = method(pair.excess, asked.query, pair.video)
        seconds.append(thread_time() - before)
        by_file.append([Place(pair.file, segment.video, segment.score) for segment in segments])
    ranked = sorted(filter(None, by_file), key=lambda places: (-places[0].score, places[0].file))
    return Answer(asked.hidden, [place for places in ranked for place in places])


def measure(library: Library, hidden: Sequence[Hidden], beside_s: float) -> dict[str, Measured]:
    """What each method makes of all cuts."""
    measured = {name: Measured() for name in METHODS}
    with StepProgress("Aligning") as progress:
        for done, asked in enumerate(asked_of(library, hidden, beside_s), 1):
            for name, method in METHODS.items():
                measured[name].answers.append(answer(asked, method, measured[name].seconds))
            progress.count("cuts", done, len(hidden))
    return measured


def table(measured: Mapping[str, Measured]) -> str:
    """How well each method finds the cuts that are not reversed, and how long it takes a processor, as Markdown."""
    lines = [
        "| method | touched | IoU >= 0.5 | 95 % interval | IoU >= 0.75 | micro-AP | ms a pair |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, one in measured.items():
        best = np.array([max(each.overlaps[:1], default=0.0) for each in one.scene])
        low, high = bootstrap_interval(best >= 0.5, np.arange(len(best)), np.random.default_rng(0))
        recall = localisation_recall([each.overlaps for each in one.scene])
        found = f"{(best > 0).mean():.1%} | {recall[0.5]:.1%} | {low:.0%} to {high:.0%} | {recall[0.75]:.1%}"
        lines.append(f"| {name} | {found} | {segments_ap(one.scene):.3f} | {1000 * np.mean(one.seconds):.2f} |")
    return "\n".join(lines)


def table_of_edits(measured: Mapping[str, Measured]) -> str:
    """The share of each kind of cut that each method finds to a temporal IoU of 0.5, and to 0.75, as Markdown."""
    edits = list(dict.fromkeys(one.hidden.edit for some in measured.values() for one in some.answers))
    lines = [f"| hidden | cuts | {' | '.join(measured)} |", "|---|---:|" + "---:|" * len(measured)]
    for edit in sorted(edits):
        groups = [[one.overlaps for one in some.answers if one.hidden.edit == edit] for some in measured.values()]
        recalls = [localisation_recall(group) for group in groups]
        cells = " | ".join(f"{recall[0.5]:.0%}, {recall[0.75]:.0%}" for recall in recalls)
        lines.append(f"| {edit} | {len(groups[0])} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Align all cuts by all methods and print both tables."""
    parser = argparse.ArgumentParser(description="Compare ways to align a short cut with long files.")
    add = parser.add_argument
    add("folder", type=Path, help="where benchmarks.localisation wrote its long files: its --out")
    add("--long", default="6-0", metavar="FILES-SEED", help="which of them, if it was run with other --files or --seed")
    add("--beside", type=float, default=0.0, metavar="S", help="seconds of the original on both sides of a cut")
    add("--encoder", default=DEFAULT, metavar="NAME|FILE", help="a shipped encoder, or a checkpoint file")
    wanted = parser.parse_args()
    long = wanted.folder / f"long-{wanted.long}"
    if not (long / "hidden.json").exists():
        sys.exit(f"{long} has no hidden.json; make it with: python -m benchmarks.localisation --out {wanted.folder}")
    try:
        with open_library(long.with_name(f"{long.name}-libraries"), [long], wanted.encoder) as library:
            hidden = [one for one in read_hidden(long / "hidden.json") if one.edit != DECOY.name]
            measured = measure(library, hidden, wanted.beside)
    except WorldError as error:
        sys.exit(str(error))
    print(table(measured), table_of_edits(measured), sep="\n\n")


if __name__ == "__main__":
    main()
