"""How long a search takes, from the file of a query clip to ranked segments, in a library grown to many clips.

    python -m benchmarks.queries LIBRARY CLIP... [--clips 100000] [--seconds 5] [--rounds 5] [--keep DIR]

The library is copied and filled up with embeddings that lie as its own do (`vectors_bootstrap.py`), cut into videos as
long as its own, with the sketches of these. The first seconds of each clip are searched for several times, in turns;
prints the median of each stage. With --keep the grown library stays for the next run.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.vectors_bootstrap import draw, from_library
from encoder.clips import Span
from encoder.decoding import DecodePool
from encoder.errors import WorldError
from encoder.video import VideoInfo
from indexer.background import Background
from indexer.blas import one_blas_thread
from indexer.catalog import Catalog
from indexer.library import Library
from indexer.query import embed_query
from indexer.records import EncodedVideo, FileState
from indexer.search import align_videos, candidates, looked_at

STAGES = ("read and embed", "look up", "align", "compare pictures", "whole search")
RESULTS = 10
_INFO = VideoInfo(duration=0.0, width=640, height=360, fps=25.0, codec="h264")


def main() -> None:
    """Grow a library and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("clips_of", nargs="+", metavar="CLIP", help="videos to search for a part of")
    parser.add_argument("--clips", type=int, default=100_000, help="in the grown library")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a query")
    parser.add_argument("--rounds", type=int, default=5, help="the median counts")
    parser.add_argument("--keep", type=Path, help="where the grown library stays")
    options = parser.parse_args()
    try:
        with TemporaryDirectory() as scratch:
            folder = options.keep or Path(scratch) / "library"
            grow(options.library, folder, options.clips)
            print(f"| query of {options.seconds:g} s, {options.clips:,} clips | windows | {' | '.join(STAGES)} |")
            print("|---|" + "---:|" * (len(STAGES) + 1))
            with Library.open(folder) as library, DecodePool(1) as pool:
                library.warm_up()
                for row in rows(library, pool, options.clips_of, options.seconds, options.rounds):
                    print(row, flush=True)
    except WorldError as error:
        sys.exit(str(error))


def grow(library: Path, folder: Path, clips: int) -> None:
    """Copy a library and fill it up with drawn videos, each as long as a real one and with its sketches."""
    if not folder.exists():
        shutil.copytree(library, folder)
    with closing(Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")) as catalog:
        _, have, _ = catalog.totals()
        missing = max(0, clips - have)
        vectors = draw(from_library(library), missing, seed=0) if missing else np.empty((0, 0), np.float16)
        at, number = 0, 0
        for spans, sketches in _shapes(catalog) if missing else ():
            part = vectors[at : at + len(spans)].astype(np.float32)
            if not len(part):
                break
            name, kept = f"drawn {number}", len(part)
            video = EncodedVideo(_INFO, spans[kept - 1].end, 0, spans[:kept], part, sketches[:kept])
            catalog.add_video(FileState(name, 1, 1), f"{number:032x}", video)
            at, number = at + kept, number + 1


def _shapes(catalog: Catalog) -> Iterator[tuple[list[Span], list[bytes]]]:
    """The spans and sketches of the library's videos, again and again."""
    real = list(catalog.paths())
    while real:
        for video_id in real:
            packed = catalog.sketches(video_id, Span(0.0, np.inf))
            spans = catalog.clips_of(video_id)[0]
            if len(packed) == len(spans):
                yield spans, [sketch for _, sketch in packed]


def rows(library: Library, pool: DecodePool, clips: list[str], seconds: float, rounds: int) -> Iterator[str]:
    """A line of the table for each clip, with milliseconds, and one of their medians."""
    pool.start()
    taken = [[timed(library, pool, clip, seconds) for clip in clips] for _ in range(rounds)]
    every = []
    for number, clip in enumerate(clips):
        windows, times = taken[0][number][0], np.array([turn[number][1] for turn in taken])
        every.append([median(column) for column in times.T])
        yield _row(Path(clip).name, str(windows), every[-1])
    yield _row("median", "", [median(column) for column in zip(*every, strict=True)])


def timed(library: Library, pool: DecodePool, clip: str, seconds: float) -> tuple[int, list[float]]:
    """The number of windows of a query from the start of a clip, and the seconds of each stage and of all."""
    catalog, spec, clock = library.catalog, library.checkpoint.spec, [time.perf_counter()]
    query = embed_query(clip, Span(0.0, seconds), library.checkpoint, pool)  # the library keeps the latest ones
    clock.append(time.perf_counter())
    with one_blas_thread():  # as `search` does it
        index = library.index.current()
        background = Background.of(query.embeddings, index)
        videos = candidates(query, background, catalog, index, RESULTS)
        clock.append(time.perf_counter())
        found = align_videos(query, background, catalog, videos, spec)
        clock.append(time.perf_counter())
        looked_at(found, catalog, spec)
        clock.append(time.perf_counter())
    return len(query.embeddings), [*np.diff(clock).tolist(), clock[-1] - clock[0]]


def _row(name: str, windows: str, times: list[float]) -> str:
    return f"| {name} | {windows} | {' | '.join(f'{1000 * each:.0f} ms' for each in times)} |"


if __name__ == "__main__":
    main()
