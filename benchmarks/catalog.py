"""How long the catalog of a big library takes for what indexing and searching ask of it.

    python -m benchmarks.catalog [--videos 100000] [--clips 1000000] [--out FOLDER] [--rounds 5]

The library is made up: files of one byte, random embeddings. A catalog of a million clips takes 0.7 GB; with --out it
is kept and used again. Prints median seconds: by the clock, and of the processor, which other work disturbs less.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from sqlalchemy import insert

from encoder.checkpoint import DEFAULT, Checkpoint, load_encoder
from encoder.clips import Span
from encoder.decoding import DecodePool
from encoder.video import VideoInfo
from indexer import schema
from indexer.catalog import Catalog
from indexer.discover import discover, state_of
from indexer.records import EncodedVideo, FileState
from indexer.tables import Clip, File, Video
from indexer.update import Update

FOLDER = 1000  # files in each
HITS = 28_000  # clips that a search looks up: 200 for each of 140 query windows
SHORT, LONG = 10, 10_800  # clips of a video of 11 seconds, and of three hours

INFO = VideoInfo(duration=0.0, width=640, height=360, fps=25.0, codec="h264")


@dataclass(frozen=True)
class Task:
    """Something that is timed."""

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None  # before each run, not timed


def main() -> None:
    """Make a library, or take the one of an earlier run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--clips", type=int, default=1_000_000, help="as many of each video")
    parser.add_argument("--out", type=Path, help="where the library is kept")
    parser.add_argument("--rounds", type=int, default=5, help="the median counts")
    options = parser.parse_args()
    checkpoint = load_encoder(DEFAULT)
    with TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        build(folder, options.videos, options.clips // options.videos, checkpoint.config.dim)
        print(f"| {options.videos:,} videos, {options.clips:,} clips | seconds | of the processor |")
        print("|---|---:|---:|")
        for task in tasks(folder, checkpoint):
            clock, processor = measure(task, options.rounds)
            print(f"| {task.name} | {clock:.4f} | {processor:.4f} |", flush=True)
    print(f"\nNever more than {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB of memory.")


def measure(task: Task, rounds: int) -> tuple[float, float]:
    """Median seconds of a task by the clock, and of the processor."""
    clock, processor = [], []
    for _ in range(rounds):
        task.prepare()
        began = time.perf_counter(), time.process_time()
        task.run()
        clock.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    return median(clock), median(processor)


def build(folder: Path, videos: int, clips: int, dim: int) -> None:
    """Make files, and the catalog as if they had been indexed, `clips` of each; nothing if they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(opened(folder)) as catalog:
        if not catalog.totals()[0]:
            for first in range(0, videos, FOLDER):
                _fill(catalog, folder / "videos" / str(first), range(first, min(first + FOLDER, videos)), clips, dim)
            catalog.set_meta(generation=str(videos))
        if catalog.totals()[:2] != (videos, videos * clips):
            raise SystemExit(f"{folder} holds another library; give --out another folder")


def _fill(catalog: Catalog, folder: Path, numbers: range, clips: int, dim: int) -> None:
    folder.mkdir(parents=True)
    videos, files, rows = [], [], []
    for number in numbers:
        path, content, video = folder / f"{number}.mp4", f"{number:032x}", made_up(clips, dim, number)
        path.write_bytes(b"x")
        state = state_of(str(path))
        link = {"content": content, "video_id": number + 1}
        facts = asdict(INFO) | {"duration": video.duration, "damaged": 0, "added": datetime(2000, 1, 1)}
        videos.append({"id": number + 1, "content": content, **facts})
        files.append({"path": state.path, "size": state.size, "modified": state.modified, **link})
        rows += [
            {"video_id": number + 1, "start": span.start, "end": span.end, "embedding": vector.tobytes()}
            for span, vector in zip(video.spans, video.embeddings.astype("<f2"), strict=True)
        ]
    with catalog.engine.begin() as connection:
        for table, values in ((Video, videos), (File, files), (Clip, rows)):
            connection.execute(insert(table), values)


def made_up(clips: int, dim: int, seed: int) -> EncodedVideo:
    """A video of so many clips, one a second, with random embeddings."""
    vectors = np.random.default_rng(seed).normal(size=(clips, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return EncodedVideo(INFO, clips + 1.0, 0, [Span(float(i), i + 2.0) for i in range(clips)], vectors)


def opened(folder: Path) -> Catalog:
    """The catalog in a folder, as a library opens it."""
    catalog = Catalog(f"sqlite:///{folder / 'catalog.sqlite'}")
    schema.upgrade(catalog.engine)
    catalog.meta()
    return catalog


def tasks(folder: Path, checkpoint: Checkpoint) -> Iterator[Task]:
    """What is asked of the catalog in the life of a library."""
    rng = np.random.default_rng(0)
    with closing(opened(folder)) as catalog:
        hits = rng.permutation(catalog.clip_ids())[:HITS].tolist()
        some = rng.permutation(list(catalog.paths()))[:100].tolist()
        yield Task("open", lambda: opened(folder).close())
        yield Task("count videos, clips and seconds", catalog.totals)
        yield Task("read all files", catalog.files)
        yield Task("index folders in which nothing changed", lambda: rescan(folder, catalog, checkpoint))
        yield Task(f"open, and tell the videos of {len(hits):,} clips", lambda: look_up(folder, hits))
        yield Task(f"tell the videos of {len(hits):,} clips again", lambda: catalog.videos_of_clips(hits))
        yield Task("read the clips of 30 videos", lambda: list(catalog.clips_of_videos(some[:30])))
        yield Task("read the clips of 100 videos", lambda: list(catalog.clips_of_videos(some)))
        yield Task("read all embeddings", lambda: [len(ids) for ids, _ in catalog.embeddings()])
        yield from _additions(folder, catalog, checkpoint.config.dim)


def _additions(folder: Path, catalog: Catalog, dim: int) -> Iterator[Task]:
    """Those that add videos, which are removed at the end."""
    names: list[str] = []
    short, long = made_up(SHORT, dim, 0), made_up(LONG, dim, 0)
    with closing(opened(folder)) as elsewhere:  # as by another process

        def add(video: EncodedVideo) -> None:
            names.append(f"added by the benchmark {len(names)}")
            elsewhere.add_video(FileState(names[-1], 1, 1), names[-1], video)

        yield Task(f"add a video of {SHORT} clips", lambda: add(short))
        yield Task(f"add a video of {LONG:,} clips", lambda: add(long))
        yield Task(f"follow when a video of {SHORT} clips was added", lambda: follow(catalog), lambda: add(short))
        elsewhere.remove_files(names)


def rescan(folder: Path, catalog: Catalog, checkpoint: Checkpoint) -> int:
    """Index all files as `Library.add` does, and return how many were unchanged."""
    found = discover([folder / "videos"])
    with DecodePool(1) as pool:
        return Update(catalog, checkpoint).run(found.files, catalog.files(found.roots), pool).unchanged


def look_up(folder: Path, clip_ids: list[int]) -> int:
    """Tell the videos of clips in a catalog just opened, and return of how many there was one."""
    with closing(opened(folder)) as catalog:
        return len(catalog.videos_of_clips(clip_ids))


def follow(catalog: Catalog) -> int:
    """Read what a vector index has to for a new video, and return how many clips there are."""
    ids = catalog.clip_ids()
    for _ in catalog.embeddings(after=int(ids[-SHORT - 1])):
        pass
    return len(ids)


if __name__ == "__main__":
    main()
