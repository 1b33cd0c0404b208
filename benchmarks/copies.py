"""Are edited copies found? Videos of a collection are edited, written and searched for, as by `reelseek search`.

    python -m benchmarks.copies FOLDER... [--queries 40] [--encoder FILE] [--same REGEX]... [--out FOLDER]

A query is right if the first video found is the one that it was made of: the same bytes, or the same recording by
`--same`. Micro-AP is that of the video copy detection challenge (Pizzi et al. 2023, https://arxiv.org/abs/2306.09489):
the results of all queries of a kind are ranked together by score, so that it falls where wrong results of one query
score above right ones of another.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import av
import numpy as np

from app.progress import FileProgress, StepProgress
from benchmarks.edits import CRF, Frames, Kind, Rng, backwards, kinds, together, unedited
from benchmarks.gallery import Gallery
from benchmarks.options import add_collection
from benchmarks.sources import Source, draw_sources, turning
from encoder.checkpoint import load_encoder
from encoder.errors import WorldError
from indexer.current import exists
from indexer.discover import resolve
from indexer.evaluation import bootstrap_interval, micro_ap
from indexer.library import Library
from indexer.search import Query

SHORTEST_S, LONGEST_S = 1.5, 6.0  # of a source
LONG_S, CUT_S = 15.0, 3.0  # of a file that is cut, and of the cut
TURNS = 3.0  # grey levels: `turning` of a video whose reverse must be told apart


@dataclass(frozen=True)
class Answer:
    """What the search for one edited video found."""

    kind: str
    edits: str  # which ones, where the kind leaves that open
    path: str  # of the source
    start: float  # seconds, in the source
    rank: int | None  # of the first right video; None: not among the results
    score: float | None  # of that video
    first: str | None  # path of the first video
    wrong: list[float]  # scores of the wrong videos among the results, best first
    right_by_mean: bool  # whether the video with the nearest mean embedding is right


@dataclass(frozen=True)
class Direction:
    """How well a video and its reverse match the source."""

    path: str
    turning: float  # grey levels
    forwards: float  # score
    backwards: float  # score


class Copier:
    """Makes copies of sources and searches for them; keeps what came of it."""

    def __init__(self, gallery: Gallery, file: Path) -> None:
        self.gallery, self.file = gallery, file
        self.answers: list[Answer] = []
        self.directions: list[Direction] = []

    def try_edits(self, source: Source, other: Source, rng: Rng) -> None:
        """Search for every edit of a source; `other` is what it is set into as a picture in picture."""
        single = kinds(other.frames)
        plain = self.search("re-encoded only", Kind("", "", unedited), source, other.video, rng)
        for kind in single:
            self.search(kind.name, kind, source, other.video, rng)
        self.search("three at once", together(single, rng), source, other.video, rng)
        if (turns := turning(source.frames)) > TURNS:
            scores = [self.gallery.score(plain, source.video)]
            scores += [self.gallery.score(self.embed(backwards(source.frames, rng), source.fps), source.video)]
            self.directions.append(Direction(source.path, turns, *scores))

    def search(self, name: str, kind: Kind, source: Source, other: int | None, rng: Rng) -> Query:
        """Search for an edited source and return the query; the video `other` counts neither as right nor as wrong."""
        gallery = self.gallery
        query = self.embed(kind.edit(source.frames, rng), source.fps, kind.crf)
        right = gallery.right(source.video)
        ignored = (gallery.right(other) if other is not None else set()) - right
        found = gallery.search(query, ignored)
        rank = next((i for i, (video, _) in enumerate(found) if video in right), None)
        self.answers.append(
            Answer(
                name, kind.name, source.path, source.start,
                rank=None if rank is None else rank + 1,
                score=None if rank is None else found[rank][1],
                first=gallery.paths[found[0][0]][0] if found else None,
                wrong=[score for video, score in found if video not in right],
                right_by_mean=gallery.nearest_mean(query, ignored) in right,
            )
        )  # fmt: skip
        return query

    def embed(self, frames: Frames, fps: float, crf: int = CRF) -> Query:
        """Write a video and embed it as a search does."""
        write_video(self.file, frames, fps, crf)
        return self.gallery.library.embed_query(self.file)


def write_video(path: Path, frames: Frames, fps: float, crf: int) -> None:
    """Write H.264, without the last row or column where there is an odd number of them."""
    write_pieces(path, [frames], fps, crf)


def write_pieces(path: Path, pieces: Iterable[Frames], fps: float, crf: int) -> None:
    """Write as `write_video` what comes in pieces of one size, of which the first is not empty."""
    left = iter(pieces)
    first = next(left)
    height, width = (side // 2 * 2 for side in first.shape[1:3])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": str(crf)}
        stream.codec_context.thread_count = 1
        for frame in chain(first, chain.from_iterable(left)):
            cropped = np.ascontiguousarray(frame[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cropped, "rgb24")))
        container.mux(stream.encode())


def measure(library: Library, roots: Sequence[str], same: Sequence[str], queries: int, seed: int) -> Copier:
    """Make so many queries of each kind from the videos below some folders, and search for them."""
    gallery = Gallery(library, same)
    with TemporaryDirectory() as folder, StepProgress("Copies") as progress:
        copier = Copier(gallery, Path(folder) / "copy.mp4")
        drawn = draw_sources(gallery.videos(roots, SHORTEST_S), np.random.default_rng([seed, 0]), LONGEST_S)
        for done, (other, source) in enumerate(pairwise(islice(drawn, queries + 1)), 1):
            copier.try_edits(source, other, np.random.default_rng([seed, 1, done]))
            progress.count("sources", done, queries)
        rng = np.random.default_rng([seed, 2])
        for done, source in enumerate(islice(draw_sources(gallery.videos(roots, LONG_S), rng, CUT_S), queries), 1):
            copier.search(f"cut of {CUT_S:g} s", Kind("", "", unedited), source, None, rng)
            progress.count("cuts", done, queries)
    return copier


def copies_ap(answers: Sequence[Answer]) -> float:
    """Micro-AP of all results together; of several right ones of a query the best counts."""
    right = [answer.score for answer in answers if answer.score is not None]
    wrong = [score for answer in answers for score in answer.wrong]
    return micro_ap([*right, *wrong], [True] * len(right) + [False] * len(wrong), len(answers))


def table(answers: Sequence[Answer], directions: Sequence[Direction]) -> str:
    """What was measured, as Markdown."""
    lines = [
        "| edit | queries | R@1 | 95 % interval | micro-AP | R@1 by mean embedding |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(answer.kind for answer in answers):
        these = [answer for answer in answers if answer.kind == name]
        by_mean = mean(answer.right_by_mean for answer in these)
        first = _share([answer.rank == 1 for answer in these])
        lines.append(f"| {name} | {len(these)} | {first} | {copies_ap(these):.1%} | {by_mean:.1%} |")
    told = [one.forwards > one.backwards for one in directions]
    return "\n".join([*lines, f"| reversed: told apart | {len(told)} | {_share(told)} | | |"])


def _share(hits: Sequence[bool]) -> str:
    if not hits:
        return "- | -"
    low, high = bootstrap_interval(hits, np.arange(len(hits)), np.random.default_rng(0))
    return f"{mean(hits):.1%} | {low:.0%} to {high:.0%}"


def open_library(out: Path, folders: Sequence[Path], encoder: str) -> Library:
    """The library of the folders, brought up to date; each encoder has its own, kept for the next run."""
    checkpoint = load_encoder(encoder)
    place = out / f"library-{checkpoint.fingerprint}"
    library = Library.open(place) if exists(place) else Library.create(place, checkpoint)
    with FileProgress("Indexing") as progress:
        library.add(folders, progress=progress.update_files)
    return library


def main() -> None:
    """Measure, print the table and write copies.json."""
    parser = argparse.ArgumentParser(description="Measure how well edited copies are found.")
    add = parser.add_argument
    add_collection(parser, "the collection: videos of it are edited and searched for in it", "copies")
    add("--queries", type=int, default=40, help="of each kind")
    wanted = parser.parse_args()
    try:
        with open_library(wanted.out, wanted.folders, wanted.encoder) as library:
            made = measure(library, resolve(wanted.folders), wanted.same, wanted.queries, wanted.seed)
    except WorldError as error:
        sys.exit(str(error))
    print(table(made.answers, made.directions))
    write_json(wanted.out / "copies.json", made)


def write_json(path: Path, made: Copier) -> None:
    """Write every answer, for looking at what failed."""
    rows = {"answers": [asdict(one) for one in made.answers], "directions": [asdict(one) for one in made.directions]}
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
