"""Does a score mean the same whatever is searched for? Ways to normalise similarities, by the micro-AP of copies.

    python -m benchmarks.normalisation FOLDER... [--queries 60] [--strangers 20] [--same REGEX]... [--out FOLDER]

Videos are edited as in `benchmarks.copies`, once in one way and once in three, and searched for in the whole
collection. Strangers are edited and searched for too, but their recordings are taken out of the index, so that every
answer to them is wrong. By embeddings alone the score of a video is that of its best pair of windows, the query taken
as it is; below that stands what whole searches answer. Micro-AP ranks all answers together (Pizzi et al. 2023,
https://arxiv.org/abs/2306.09489). Intervals are 95 %, a bootstrap over the sources of queries.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from app.progress import StepProgress
from benchmarks.copies import LONGEST_S, SHORTEST_S, Copier, open_library
from benchmarks.edits import kinds, together
from benchmarks.gallery import RESULTS, Gallery
from benchmarks.options import add_collection
from benchmarks.sources import Source, draw_sources
from encoder.errors import WorldError
from indexer.background import SAMPLE, Background
from indexer.discover import resolve
from indexer.evaluation import micro_ap
from indexer.modes import search_in
from indexer.requests import Mode
from indexer.search import Query

_RESAMPLES = 1000
_KTH = 10  # nearest clip of all
BASELINE = "cosine"

Similarities = NDArray[np.float32]  # (Q, N) of query windows to the clips of the collection
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """An edited video that is searched for."""

    query: Query
    source: str  # path of what it was made of
    right: set[int]  # videos; empty where the recording is not in the index
    ignored: set[int]  # videos that count neither as right nor as wrong


@dataclass(frozen=True)
class Answered:
    """What came first, best first; of several right videos only the best."""

    scores: Numbers
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Clips:
    """All clips that are searched, those of a video beside each other."""

    embeddings: NDArray[np.float32]  # (N, D)
    videos: NDArray[np.int64]  # ids
    first: NDArray[np.intp]  # clip of each video
    background: Background  # of the clips, as if they were queries

    @classmethod
    def of(cls, gallery: Gallery, held_out: set[int]) -> "Clips":
        """Those of a gallery but for some videos."""
        searched = [video for video in gallery.paths if video not in held_out]
        videos, each = zip(*gallery.catalog.clips_of_videos(searched), strict=True)
        embeddings = [vectors for _, vectors in each]
        first = np.cumsum([0, *map(len, embeddings[:-1])])
        every = np.concatenate(embeddings)
        return cls(every, np.array(videos), first, Background.of(every, gallery.index))


def subtracted(similarities: Similarities, from_each: NDArray[np.float32]) -> Similarities:
    """Less a number for each query window."""
    return similarities - from_each[:, None]


def both_sides(similarities: Similarities, query: Background, clips: Background) -> Similarities:
    """`Background.excess` over the mean of the query's background and that of each clip."""
    usual, near = ((getattr(query, name)[:, None] + getattr(clips, name)[None]) / 2 for name in ("usual", "near"))
    pairs = Background(usual.ravel(), near.ravel())
    return pairs.excess(similarities.reshape(-1, 1)).reshape(similarities.shape)


def ways(query: NDArray[np.float32], clips: Clips, sample: NDArray[np.float32]) -> Iterator[tuple[str, Similarities]]:
    """Each way to normalise the similarities of query windows (Q, D), with what it makes of them."""
    alike, background = query @ clips.embeddings.T, Background.among(query @ sample.T)
    nearest = background.usual + background.near * (1 - background.usual)
    kth = -np.partition(-alike, _KTH - 1, axis=1)[:, _KTH - 1]
    yield BASELINE, alike
    yield "less the usual", subtracted(alike, background.usual)
    yield "less the nearest of a sample (Douze et al. 2021)", subtracted(alike, nearest)
    yield f"less the {_KTH}th nearest of all", subtracted(alike, kth)
    yield "from the usual to 1", subtracted(alike, background.usual) / (1 - background.usual[:, None])
    yield "`Background.excess`", background.excess(alike)
    yield "the same, both sides", both_sides(alike, background, clips.background)


def ask(
    gallery: Gallery, roots: Sequence[str], queries: int, strangers: int, seed: int
) -> tuple[list[Asked], set[int]]:
    """Edit and embed so many sources, the last of them strangers; also the videos of the strangers."""
    asked, held_out = list[Asked](), set[int]()
    drawn = draw_sources(gallery.videos(roots, SHORTEST_S), np.random.default_rng([seed, 0]), LONGEST_S)
    with TemporaryDirectory() as folder, StepProgress("Copies") as progress:
        copier = Copier(gallery, Path(folder) / "copy.mp4")
        for done, (other, source) in enumerate(pairwise(islice(drawn, queries + strangers + 1)), 1):
            asked += _edited(copier, source, other, np.random.default_rng([seed, 1, done]))
            held_out |= gallery.right(source.video) if done > queries else set()
            progress.count("sources", done, queries + strangers)
    return [_without(one, held_out) for one in asked], held_out


def _edited(copier: Copier, source: Source, other: Source, rng: np.random.Generator) -> Iterator[Asked]:
    single = kinds(other.frames)
    right = copier.gallery.right(source.video)
    for kind in (single[int(rng.integers(len(single)))], together(single, rng)):
        query = copier.embed(kind.edit(source.frames, rng), source.fps, kind.crf)
        yield Asked(query, source.path, right, copier.gallery.right(other.video) - right)


def _without(asked: Asked, held_out: set[int]) -> Asked:
    return Asked(asked.query, asked.source, asked.right - held_out, asked.ignored)


def measure(gallery: Gallery, asked: Sequence[Asked], held_out: set[int]) -> dict[str, list[Answered]]:
    """What is answered in each way, and by whole searches."""
    gallery.index.remove(gallery.catalog.clip_ids(np.array(sorted(held_out), np.int64)))
    clips, sample = Clips.of(gallery, held_out), gallery.index.sample(SAMPLE)
    answered: dict[str, list[Answered]] = {}
    with StepProgress("Searching") as progress:
        for done, one in enumerate(asked, 1):
            for name, normalised in ways(one.query.readings[0].embeddings, clips, sample):
                scores = np.maximum.reduceat(normalised.max(0), clips.first)
                answered.setdefault(name, []).append(first_answers(one, clips.videos, scores))
            for mode in (Mode.SIMILAR, Mode.COPY):
                found = whole_search(gallery, one.query, mode)
                answered.setdefault(f"whole search, `{mode}`", []).append(first_answers(one, *found))
            progress.count("queries", done, len(asked))
    return answered


def whole_search(gallery: Gallery, query: Query, mode: Mode) -> tuple[NDArray[np.int64], Numbers]:
    """The videos that `reelseek search` finds, and their scores."""
    config = gallery.library.checkpoint.config
    found = search_in(mode, [query], [], gallery.catalog, gallery.index, RESULTS, gallery.spec, config)
    return np.array([match.video_id for match in found], np.int64), np.array([match.score for match in found])


def first_answers(asked: Asked, videos: NDArray[np.int64], scores: NDArray[np.floating]) -> Answered:
    """The best answers to a query, as `RESULTS` says how many."""
    counts = np.flatnonzero(~np.isin(videos, list(asked.ignored)))
    best = counts[np.argsort(-scores[counts], kind="stable")][:RESULTS]
    right = np.isin(videos[best], list(asked.right))
    kept = ~right | (np.cumsum(right) == 1)
    return Answered(np.asarray(scores[best][kept], np.float64), right[kept])


def ap(answered: Sequence[Answered], asked: Sequence[Asked], chosen: Sequence[int]) -> float:
    """Micro-AP of some queries; those of strangers have nothing to be found."""
    scores, right = (np.concatenate([getattr(answered[i], name) for i in chosen]) for name in ("scores", "right"))
    return micro_ap(scores, right, sum(bool(asked[i].right) for i in chosen))


def table(answered: Mapping[str, Sequence[Answered]], asked: Sequence[Asked], rng: np.random.Generator) -> str:
    """How well each way does, and how much better than the plain cosine, as Markdown."""
    lines = [
        "| score | micro-AP | 95 % interval | above cosine | 95 % interval | R@1 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    draws = _draws(asked, rng)
    every = {name: np.array([ap(these, asked, drawn) for drawn in draws]) for name, these in answered.items()}
    for name, these in answered.items():
        first = np.mean([bool(these[i].right[:1].any()) for i in range(len(asked)) if asked[i].right])
        above = ap(these, asked, range(len(asked))) - ap(answered[BASELINE], asked, range(len(asked)))
        cells = f"{ap(these, asked, range(len(asked))):.3f} | {_interval(every[name])} | {above:+.3f}"
        lines.append(f"| {name} | {cells} | {_interval(every[name] - every[BASELINE], '+')} | {first:.1%} |")
    return "\n".join(lines)


def _draws(asked: Sequence[Asked], rng: np.random.Generator) -> list[list[int]]:
    """Which queries count in each resample: all of each source that is drawn, strangers and others apart."""
    of: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for i, one in enumerate(asked):
        of[not one.right, one.source].append(i)
    groups = [[some for (strange, _), some in of.items() if strange is which] for which in (False, True)]
    return [
        [i for group in groups for drawn in rng.integers(len(group), size=len(group)) for i in group[int(drawn)]]
        for _ in range(_RESAMPLES)
    ]


def _interval(values: Numbers, sign: str = "") -> str:
    low, high = np.quantile(values, [0.025, 0.975])
    return f"{low:{sign}.3f} to {high:{sign}.3f}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Compare ways to normalise the similarities of a search.")
    add = parser.add_argument
    add_collection(parser, "the collection: videos of it are edited and searched for in it", "copies")
    add("--queries", type=int, default=60, help="sources whose copies are searched for, two each")
    add("--strangers", type=int, default=20, help="sources that are taken out of the index")
    wanted = parser.parse_args()
    try:
        with open_library(wanted.out, wanted.folders, wanted.encoder) as library:
            gallery = Gallery(library, wanted.same)
            asked, out = ask(gallery, resolve(wanted.folders), wanted.queries, wanted.strangers, wanted.seed)
            answered = measure(gallery, asked, out)
    except WorldError as error:
        sys.exit(str(error))
    print(table(answered, asked, np.random.default_rng(wanted.seed)))


if __name__ == "__main__":
    main()
