"""What is a score worth? The chance that an answer is right, fitted on answers that are known to be, for one encoder.

    python -m benchmarks.calibration FOLDER... --manifest CSV... [--mode MODE...] [--same REGEX]... [--out FOLDER]

Same footage (mode copy): videos of the folders are edited and searched for, as of `benchmarks.copies`. Same action (the
other modes): the videos of the manifests search each other, those of their own group left out. Each query gives its ten
best answers. The chance rises with the score (isotonic regression); how far it is off is measured on answers to
queries of groups that it was not fitted on. Writes indexer/calibrations/ENCODER.json and docs/search/calibration.png.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from app.manifest import read_manifest
from app.progress import StepProgress
from benchmarks.copies import LONGEST_S, SHORTEST_S, Copier, open_library
from benchmarks.edits import kinds, together
from benchmarks.gallery import Gallery
from benchmarks.options import add_collection
from benchmarks.sources import draw_sources
from encoder.errors import WorldError
from indexer.confidence import Fit, write_fits
from indexer.discover import resolve
from indexer.library import Library
from indexer.modes import search_in
from indexer.requests import Example, Mode, VideoRef
from indexer.search import Query

ANSWERS = 10  # of a query, as `reelseek search` lists
_LEVELS = 20  # of scores, each with as many answers
_FOLDS = 5  # of groups
_BINS = 10  # of chances
_SHOWN = Path("docs/search/calibration.png")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Answers to some queries; one value an answer in each array."""

    scores: Numbers
    right: NDArray[np.bool_]
    groups: NDArray[np.str_]  # of the query; answers to queries of one group are not independent
    queries: int

    @classmethod
    def of(cls, rows: Sequence[tuple[float, bool, str]], queries: int) -> "Answers":
        """Of (score, right, group)."""
        scores, right, groups = zip(*rows, strict=True)
        return cls(np.minimum(scores, 1.0), np.array(right, bool), np.array(groups), queries)


def table(scores: Numbers, right: NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    """Scores and the chance at each, both ascending: of levels with as many answers, none of them sure."""
    order = np.argsort(scores, kind="stable")
    levels = [part for part in np.array_split(order, _LEVELS) if len(part)]
    middles = np.array([scores[part].mean() for part in levels])
    chances = np.array([(right[part].sum() + 0.5) / (len(part) + 1) for part in levels])
    rising = isotonic_regression(chances, weights=np.array([len(part) for part in levels], float)).x
    return middles, np.asarray(rising)


def unseen_chances(answers: Answers) -> Numbers:
    """The chance of each answer by a fit on answers to queries of other groups."""
    folds = np.unique(answers.groups, return_inverse=True)[1] % _FOLDS
    chances = np.zeros(len(folds))
    for fold in np.unique(folds):
        held = folds == fold
        chances[held] = np.interp(answers.scores[held], *table(answers.scores[~held], answers.right[~held]))
    return chances


def calibration_error(chances: Numbers, right: NDArray[np.bool_]) -> float:
    """Expected calibration error: how far chances are from shares, over bins of chances, by their answers.

    Naeini et al. 2015, https://doi.org/10.1609/aaai.v29i1.9602.
    """
    apart = [len(part) * abs(chances[part].mean() - right[part].mean()) for part in _bins(chances)]
    return float(sum(apart) / len(right))


def _bins(chances: Numbers) -> list[NDArray[np.intp]]:
    """Which answers lie in each of the bins that are not empty."""
    numbers = np.minimum((chances * _BINS).astype(int), _BINS - 1)
    return [np.flatnonzero(numbers == number) for number in np.unique(numbers)]


def fit(answers: Answers, asks: str, data: str) -> Fit:
    """The table of all answers, with how far such a one is off among unseen groups."""
    if len(set(answers.groups)) < _FOLDS:
        raise WorldError(f"a fit needs queries of {_FOLDS} groups or more, got {len(set(answers.groups))}")
    scores, chances = table(answers.scores, answers.right)
    return Fit(
        asks=asks,
        scores=tuple(scores.round(4).tolist()),
        chances=tuple(chances.round(4).tolist()),
        answers=len(answers.scores),
        queries=answers.queries,
        right=round(float(answers.right.mean()), 4),
        error=round(calibration_error(unseen_chances(answers), answers.right), 4),
        data=data,
        date=datetime.now(UTC).date().isoformat(),
    )


def same_footage(library: Library, roots: Sequence[str], same: Sequence[str], queries: int, seed: int) -> Answers:
    """Edited videos search for what they were made of."""
    gallery, rows, asked = Gallery(library, same), [], 0
    with TemporaryDirectory() as folder, StepProgress("Same footage") as progress:
        copier = Copier(gallery, Path(folder) / "copy.mp4")
        drawn = draw_sources(gallery.videos(roots, SHORTEST_S), np.random.default_rng([seed, 0]), LONGEST_S)
        for done, (other, source) in enumerate(pairwise(islice(drawn, queries + 1)), 1):
            rng, single = np.random.default_rng([seed, 1, done]), kinds(other.frames)
            right, ignored = gallery.right(source.video), gallery.right(other.video)
            for kind in [single[int(i)] for i in rng.permutation(len(single))[:2]] + [together(single, rng)]:
                query = copier.embed(kind.edit(source.frames, rng), source.fps, kind.crf)
                asked += 1
                for video, score in search(library, query, Mode.COPY, ANSWERS):
                    if video in right or video not in ignored:
                        rows.append((score, video in right, source.path))
            progress.count("sources", done, queries)
    return Answers.of(rows, asked)


def same_action(library: Library, labels: Mapping[int, tuple[str, str]], mode: Mode) -> Answers:
    """Labelled videos search each other; `labels` has the label and the group of each, by id."""
    rows = []
    with StepProgress(f"Same action, {mode}") as progress:
        for done, (video, (label, group)) in enumerate(labels.items(), 1):
            query = library.query_of(Example(VideoRef(video)))
            found = search(library, query, mode, 4 * ANSWERS)  # some are of the query's own group
            others = [(other, score) for other, score in found if other in labels and labels[other][1] != group]
            rows += [(score, labels[other][0] == label, group) for other, score in others[:ANSWERS]]
            progress.count("videos", done, len(labels))
    return Answers.of(rows, len(labels))


def search(library: Library, query: Query, mode: Mode, k: int) -> list[tuple[int, float]]:
    """The videos that a search finds, with their scores."""
    catalog, index, checkpoint = library.catalog, library.index.current(), library.checkpoint
    found = search_in(mode, [query], [], catalog, index, k, checkpoint.spec, checkpoint.config)
    return [(match.video_id, match.score) for match in found]


def labelled(library: Library, manifests: Sequence[Path]) -> dict[int, tuple[str, str]]:
    """The label and the group of each video of the manifests that is in the library, by id; labels of each apart."""
    ids = {path: video for video, paths in library.catalog.paths().items() for path in paths}
    rows = [(number, row) for number, path in enumerate(manifests) for row in read_manifest(path).rows]
    known = [(ids.get(resolve([row.path])[0]), number, row) for number, row in rows]
    return {
        video: (f"{number}:{row.label}", f"{number}:{row.group or row.path}")
        for video, number, row in known
        if video is not None
    }


def plot(answers: Mapping[str, Answers], path: Path) -> None:
    """Draw how often answers of unseen groups are right against the chance that was told."""
    figure, axes = plt.subplots(1, len(answers), figsize=(3.2 * len(answers), 3.4), squeeze=False, sharey=True)
    for axis, (name, these) in zip(axes[0], answers.items(), strict=True):
        chances = unseen_chances(these)
        bins = _bins(chances)
        axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axis.plot([chances[part].mean() for part in bins], [these.right[part].mean() for part in bins], "o-")
        axis.set(title=name, xlabel="confidence", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes[0][0].set_ylabel("share that is right")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def collected(library: Library, wanted: argparse.Namespace) -> Iterator[tuple[Mode, Answers, str, str]]:
    """For each mode its answers, what they ask, and of what data they are."""
    names = ", ".join(path.name for path in wanted.manifest)
    labels = labelled(library, wanted.manifest)
    for mode in (mode for mode in wanted.mode if mode is not Mode.COPY):
        yield mode, same_action(library, labels, mode), "the same action", f"videos of {names}, groups left out"
    if Mode.COPY in wanted.mode:
        footage = same_footage(library, resolve(wanted.folders), wanted.same, wanted.queries, wanted.seed)
        yield Mode.COPY, footage, "the same footage", f"edited videos of {', '.join(p.name for p in wanted.folders)}"


def main() -> None:
    """Fit some modes, write the file of the encoder and the plot, and print how well they do."""
    parser = argparse.ArgumentParser(description="Fit what the scores of an encoder mean.")
    add = parser.add_argument
    add_collection(parser, "the collection, the videos of the manifests among it", "copies")
    add("--manifest", nargs="+", type=Path, required=True, metavar="CSV", help="with path, label and group")
    add("--mode", nargs="+", type=Mode, choices=list(Mode), default=list(Mode), help="to fit, and no others [all]")
    add("--queries", type=int, default=40, help="sources of edited videos, three queries each")
    wanted = parser.parse_args()
    fits, shown = {}, {}
    try:
        with open_library(wanted.out, wanted.folders, wanted.encoder) as library:
            for mode, answers, asks, data in collected(library, wanted):
                fits[mode.value], shown[mode.value] = fit(answers, asks, data), answers
            path = write_fits(library.checkpoint.fingerprint, fits)
    except WorldError as error:
        sys.exit(str(error))
    plot(shown, _SHOWN)
    for mode_name, one in fits.items():
        print(f"{mode_name}: {one.in_words()}")
    print(f"written to {path} and {_SHOWN}")


if __name__ == "__main__":
    main()
