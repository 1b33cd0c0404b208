"""Does it help to mark an answer? Labelled videos search for others of their class, and one of the answers is marked.

    python -m benchmarks.unlike --manifest CSV UNSEEN [--encoder FILE] [--seeds 3] [--out FOLDER]

The videos of a manifest's unseen groups search each other, a query's own group left out. Where the first ten answers
hold both right and wrong ones, some drawn wrong ones are given as unwanted, or a right one as wanted as well, as on the
page. Printed is how many of the first five and ten answers are right, and the same of the others, without those that
were marked: taking these away already helps. In brackets the 95 % interval of a paired bootstrap over groups.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.manifest import read_manifest
from app.progress import StepProgress
from benchmarks.calibration import labelled
from benchmarks.copies import open_library
from encoder.checkpoint import DEFAULT
from encoder.clips import ClipSpec
from encoder.errors import WorldError
from indexer.background import Background
from indexer.combine import alike_among, search_all
from indexer.evaluation import bootstrap_difference
from indexer.library import Library
from indexer.lookup import Clips
from indexer.requests import Example, VideoRef
from indexer.search import Match, Query
from training.corpus import Manifest

DEPTHS = (5, 10)
MOST = 3  # answers that are marked
_KEPT = max(DEPTHS) + MOST  # answers looked at, so that there are enough without the marked ones

Labels = Mapping[int, tuple[str, str]]  # video -> label, group
Shares = tuple[float, ...]  # of right answers: among the first of each depth, and of each without the marked ones

Percents = NDArray[np.float64]


@dataclass(frozen=True)
class Marking:
    """Answers of one kind that are marked."""

    name: str
    wrong: int  # how many that are not wanted
    right: int  # how many that are wanted as well


MARKINGS = (
    Marking("1 not wanted", 1, 0),
    Marking("3 not wanted", MOST, 0),
    Marking("1 wanted as well", 0, 1),
    Marking("1 of each", 1, 1),
)


@dataclass(frozen=True)
class Trial:
    """What one marking did to the answers to one query."""

    marking: Marking
    group: str  # of the query
    seed: int
    before: Shares
    after: Shares


def trials(
    library: Library, labels: Labels, seeds: int, progress: Callable[[int, int], None], every: int = 1
) -> Iterator[Trial]:
    """Ask for the class of each video, or of every nth, by its file, mark answers, and ask again."""
    paths, asking = library.catalog.paths(), list(labels.items())[::every]
    for done, (video, (_, group)) in enumerate(asking, 1):
        answers = _Answers(library, labels, video, library.query_of(Example(paths[video][0])))
        plain = answers.to([], [])
        first = plain[: max(DEPTHS)]
        kinds = [[match for match in first if answers.right(match) is kind] for kind in (False, True)]
        for seed in range(seeds) if all(kinds) else ():
            rng = np.random.default_rng([seed, video])
            wrong, right = ([kind[i] for i in rng.permutation(len(kind))] for kind in kinds)
            for marking in MARKINGS:
                unlike, like = wrong[: marking.wrong], right[: marking.right]
                found = answers.to(like, unlike)
                marked = {match.video_id for match in [*unlike, *like]}
                yield Trial(marking, group, seed, answers.shares(plain, marked), answers.shares(found, marked))
        progress(done, len(asking))


class _Answers:
    """Of the videos of other groups, to one query; an example is compared with the same videos once."""

    def __init__(self, library: Library, labels: Labels, video: int, query: Query) -> None:
        self._library, self._labels, self._query = library, labels, query
        self._label, group = labels[video]
        others = np.array([other for other, (_, owner) in labels.items() if owner != group])
        self._among = library.catalog.clip_ids(others)
        self._marked: dict[int, Query] = {}
        self._known: dict[tuple[int, tuple[int, ...]], list[Match]] = {}

    def to(self, like: Sequence[Match], unlike: Sequence[Match]) -> list[Match]:
        """The answers once some are marked: each by its best segment, as the page does it."""
        library, spec = self._library, self._library.checkpoint.spec
        wanted, unwanted = ([self._example(match) for match in some] for some in (like, unlike))
        given = [self._query, *wanted], unwanted
        return search_all(*given, library.catalog, library.index.current(), _KEPT, spec, self._among, self._alike)

    def _example(self, match: Match) -> Query:
        if match.video_id not in self._marked:
            example = Example(VideoRef(match.video_id), match.segments[0].video)
            self._marked[match.video_id] = self._library.query_of(example)
        return self._marked[match.video_id]

    def _alike(
        self, query: Query, background: Background, catalog: Clips, videos: Sequence[int], spec: ClipSpec
    ) -> list[Match]:
        asked = id(query), tuple(videos)  # this keeps the query
        if asked not in self._known:
            self._known[asked] = alike_among(query, background, catalog, videos, spec)
        return self._known[asked]

    def right(self, match: Match) -> bool:
        """Whether an answer is of the class of the query."""
        return self._labels[match.video_id][0] == self._label

    def shares(self, found: Sequence[Match], marked: set[int]) -> Shares:
        """How many of the first are right, of all and of those that are not marked."""
        others = [match for match in found if match.video_id not in marked]
        return tuple(float(np.mean([self.right(match) for match in of[:k]])) for of in (found, others) for k in DEPTHS)


def table(name: str, found: Sequence[Trial], seeds: int) -> str:
    """A line for each marking, as Markdown: per cent before and after, points between; of `other 5` by seed as well."""
    depths = [f"{of} {k}" for of in ("first", "other") for k in DEPTHS]
    lines = [
        f"| {name}: marked | trials | {' | '.join(depths)} | by seed |",
        "|---|---:|" + "---:|" * (len(depths) + 1),
    ]
    for marking in MARKINGS:
        own = [trial for trial in found if trial.marking is marking]
        before, after = (100 * np.array([getattr(trial, side) for trial in own]) for side in ("before", "after"))
        groups, drawn = [trial.group for trial in own], np.array([trial.seed for trial in own])
        told = [_change(before[:, i], after[:, i], groups) for i in range(len(depths))]
        gains = (after - before)[:, depths.index(f"other {DEPTHS[0]}")]
        by_seed = ", ".join(f"{gains[drawn == seed].mean():+.1f}" for seed in range(seeds))
        lines.append(f"| {marking.name} | {len(own)} | {' | '.join(told)} | {by_seed} |")
    return "\n".join(lines)


def _change(before: Percents, after: Percents, groups: Sequence[str]) -> str:
    low, high = bootstrap_difference(after / 100, before / 100, groups, np.random.default_rng(0))
    gain = after.mean() - before.mean()
    return f"{before.mean():.1f} → {after.mean():.1f}: {gain:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def unseen(library: Library, manifest: Manifest) -> Labels:
    """The label and the group of each video of the manifest's unseen groups, by id."""
    every = labelled(library, [manifest.path])
    return {video: (label, group) for video, (label, group) in every.items() if manifest.keeps_back(group[2:])}


def main() -> None:
    """Index the manifests' videos and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--manifest", nargs=2, action="append", required=True, metavar=("CSV", "UNSEEN"),
        help="with path, label and group, and a regular expression of the groups that ask and answer; may be repeated",
    )  # fmt: skip
    add("--encoder", default=DEFAULT, metavar="NAME|FILE", help="a shipped encoder, or a checkpoint file")
    add("--seeds", type=int, default=3, help="draws of what is marked")
    add("--every", type=int, default=1, metavar="N", help="only every nth video asks")
    add("--out", type=Path, default=Path("unlike"), metavar="FOLDER", help="for the library, kept for the next run")
    wanted = parser.parse_args()
    try:
        manifests = [Manifest(Path(path), groups) for path, groups in wanted.manifest]
        videos = [row.path for manifest in manifests for row in read_manifest(manifest.path).rows]
        with open_library(wanted.out, videos, wanted.encoder) as library:
            for manifest in manifests:
                with StepProgress(manifest.name) as progress:
                    labels = unseen(library, manifest)
                    told = partial(progress.count, "queries")
                    found = list(trials(library, labels, wanted.seeds, told, wanted.every))
                print(table(manifest.name, found, wanted.seeds), end="\n\n", flush=True)
    except (WorldError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
