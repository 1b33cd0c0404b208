"""Read video by PyAV and by OpenCV, and print what each got and at what cost as Markdown tables.

Why `encoder/video.py` reads by PyAV: which files each reader can read, whether frames come with the right times and
the right shape, how far a damaged file is read, and how long it takes to get what an encoder needs.

    python -m benchmarks.decode [FOLDER ...] [--repeats 5]

Without a folder it measures videos that it makes itself, whose frame times are known. Every reader has one thread,
as in indexing, where files rather than frames are decoded side by side.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from encoder.clips import ClipSpec
from encoder.errors import VideoError
from encoder.video import probe, read_clips

GRID = ClipSpec(frames=1, fps=4, size=64, hop=1)
LONGEST = 2000  # frames of one file that are looked at
WORTH_TELLING_S = 0.5

Times = list[float]  # seconds from the first frame, one a frame
Reader = Callable[[Path], Iterator[float]]


@dataclass(frozen=True)
class Made:
    """A video whose frame times are known."""

    path: Path
    times: Times
    shown: tuple[int, int]  # width and height in pixels as a player shows them


@dataclass
class Score:
    """What one reader got out of a set of files."""

    read: set[Path] = field(default_factory=set)  # files that gave a frame
    frames: int = 0
    ordered: int = 0  # files whose frame times all ascend


# What each reader gives


def times_by_pyav(path: Path) -> Iterator[float]:
    """Yield the time of each frame, damaged packets passed over, as `encoder/frames.py` does."""
    try:
        with av.open(f"file:{path}", metadata_errors="ignore") as container:
            if not container.streams.video:
                return
            packets = container.demux(container.streams.video[0])
            yield from _decoded_times(packets, container.format.name == "avi")
    except (av.FFmpegError, ValueError):
        return


def _decoded_times(packets: Iterator["av.Packet[VideoStream]"], without_pts: bool) -> Iterator[float]:
    moment = length = 0.0
    while True:
        try:
            frames = next(packets).decode()
        except StopIteration:
            return
        except av.InvalidDataError:
            continue
        for frame in frames:
            ticks = frame.dts if without_pts else frame.pts  # AVI holds no presentation times
            if ticks is None or frame.time_base is None:  # flushed out at the end
                moment += length
            else:
                moment, length = float(ticks * frame.time_base), float(frame.duration * frame.time_base)
            yield moment


def times_by_opencv(path: Path) -> Iterator[float]:
    """Yield the time of each frame that VideoCapture gives."""
    capture = open_by_opencv(path)
    while capture.grab():
        yield capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
    capture.release()


def open_by_opencv(path: Path) -> cv2.VideoCapture:
    """Open a file by OpenCV's FFmpeg, with one thread."""
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def grid_by_pyav(path: Path) -> int:
    """Decode and make small: 64 x 64 RGB, 4 a second, and count them."""
    return sum(1 for _ in read_clips(path, GRID))


def grid_by_opencv(path: Path) -> int:
    """The same by OpenCV, converting only frames that are shown at a grid time."""
    capture, count, first = open_by_opencv(path), 0, None
    while capture.grab():
        now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        first = now if first is None else first
        if now - first >= count / GRID.fps - 1e-6:
            found, picture = capture.retrieve()
            if not found:
                break
            small = cv2.resize(picture, (GRID.size, GRID.size), interpolation=cv2.INTER_AREA)
            cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
            count += 1
    capture.release()
    return count


TIMES: dict[str, Reader] = {"PyAV": times_by_pyav, "OpenCV": times_by_opencv}
GRIDS: dict[str, Callable[[Path], int]] = {"PyAV": grid_by_pyav, "OpenCV": grid_by_opencv}


# Videos with known times


def make_videos(folder: Path) -> list[Made]:
    """Write ten seconds in several codecs and containers, leaving out codecs that PyAV cannot encode here."""
    steady = [i / 25 for i in range(250)]
    gaps = np.random.default_rng(0).choice([0.02, 0.04, 0.08, 0.2], 249)
    variable = [0.0, *np.cumsum(gaps).round(3).tolist()]
    square, wide = Fraction(1), Fraction(4, 3)
    wanted: list[tuple[str, str, tuple[int, int], Times, int, Fraction]] = [
        ("H.264 720p, variable rate.mp4", "libx264", (1280, 720), variable, 1000, square),
        ("HEVC 720p.mp4", "libx265", (1280, 720), steady, 25, square),
        ("AV1 720p.mkv", "libsvtav1", (1280, 720), steady, 1000, square),
        ("MPEG-4 360p.avi", "mpeg4", (640, 360), steady, 25, square),
        ("MPEG-2 360p.mpg", "mpeg2video", (640, 360), steady, 25, square),
        ("VP9 360p.webm", "libvpx-vp9", (640, 360), steady, 1000, square),
        ("H.264 576p, pixels 4:3.mp4", "libx264", (720, 576), steady, 25, wide),
    ]
    return [_make(folder / each[0], *each[1:]) for each in wanted if each[1] in av.codecs_available]


def _make(path: Path, codec: str, size: tuple[int, int], times: Times, clock: int, pixel: Fraction) -> Made:
    options = {"preset": "8" if codec == "libsvtav1" else "veryfast", "x265-params": "log-level=none", "g": "50"}
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, clock)
        stream.codec_context.sample_aspect_ratio = pixel
        for moment, picture in zip(times, _pictures(size), strict=False):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(moment * clock), Fraction(1, clock)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Made(path, times, (round(size[0] * pixel), size[1]))


def _pictures(size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """A texture that drifts by 3 pixels a frame."""
    texture = cv2.resize(np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8), size)
    shift = 0
    while True:
        yield np.roll(texture, (shift, shift), (0, 1))
        shift += 3


# Tables


def table_of_made(videos: Sequence[Made], repeats: int) -> str:
    """One row a video and reader: frames, largest error of a time, shape, seconds."""
    lines = [
        "| video | reader | frames | largest time error | shape as shown | time, PyAV = 1 |",
        "|---|---|---|---|---|---|",
    ]
    for made in videos:
        seconds = medians(made.path, repeats)
        for name, reader in TIMES.items():
            times = from_first(reader(made.path))
            error = max((abs(a - b) for a, b in zip(times, made.times, strict=False)), default=float("nan"))
            shape = "-" if not times else "yes" if shape_by(name, made.path) == made.shown else "no"
            ratio = f"{seconds[name] / seconds['PyAV']:.2f}" if times else "-"
            wrong = f"{error * 1000:.1f} ms" if times else "-"
            lines.append(
                f"| {made.path.name} | {name} | {len(times)} of {len(made.times)} | {wrong} | {shape} | {ratio} |"
            )
    return "\n".join(lines)


def shape_by(name: str, path: Path) -> tuple[int, int] | None:
    """Width and height that a reader gives to a player."""
    if name == "PyAV":
        info = probe(path)
        return info.width, info.height
    found, picture = open_by_opencv(path).read()
    return (picture.shape[1], picture.shape[0]) if found else None


def from_first(times: Iterator[float]) -> Times:
    """Times since the first frame."""
    found = list(islice(times, LONGEST))
    return [one - found[0] for one in found]


def medians(path: Path, repeats: int) -> dict[str, float]:
    """Median seconds of each reader for the grid of one file, the readers taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in GRIDS}
    for _ in range(repeats):
        for name, grid in GRIDS.items():
            started = time.perf_counter()
            grid(path)
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in taken.items()}


def table_of_folder(folder: Path, repeats: int) -> str:
    """What each reader gets out of a folder, then the files where they differ."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    counts: dict[str, dict[Path, Times]] = {
        name: {path: from_first(reader(path)) for path in files} for name, reader in TIMES.items()
    }
    same = [path for path in files if 1 < len(counts["PyAV"][path]) == len(counts["OpenCV"][path]) < LONGEST]
    same = [path for path in same if ascending(counts["OpenCV"][path]) and readable(path)]
    seconds = {path: medians(path, repeats) for path in same}
    ratios = [each["OpenCV"] / each["PyAV"] for each in seconds.values()]
    whole = {name: sum(each[name] for each in seconds.values()) for name in GRIDS}
    lines = ["| reader | files with pictures | frames | files whose times ascend |", "|---|---|---|---|"]
    for name, found in counts.items():
        score = score_of(found)
        lines.append(f"| {name} | {len(score.read)} of {len(files)} | {score.frames} | {score.ordered} |")
    lines += ["", f"On the {len(same)} files of which both give the same number of frames at ascending times, OpenCV"]
    lines += [f"takes {statistics.median(ratios):.2f} times as long as PyAV on the median file and"]
    lines += [f"{whole['OpenCV'] / whole['PyAV']:.2f} times as long on all of them together."]
    far = {path: each for path, each in seconds.items() if not 0.5 < each["OpenCV"] / each["PyAV"] < 2}
    slow = {path: each for path, each in far.items() if max(each.values()) > WORTH_TELLING_S}
    lines += ["", f"Where one takes more than twice as long as the other, and over {WORTH_TELLING_S} s:", ""]
    lines += ["| file | PyAV | OpenCV |", "|---|---|---|"]
    lines += [f"| {path.name} | {each['PyAV']:.2f} s | {each['OpenCV']:.2f} s |" for path, each in slow.items()]
    lines += ["", "| file | PyAV frames | OpenCV frames | OpenCV times |", "|---|---|---|---|"]
    for path in files:
        one, other = counts["PyAV"][path], counts["OpenCV"][path]
        if len(one) != len(other) or ascending(one) != ascending(other):
            told = "-" if not other else "ascend" if ascending(other) else "do not ascend"
            lines.append(f"| {path.relative_to(folder).as_posix()} | {len(one)} | {len(other)} | {told} |")
    return "\n".join(lines)


def score_of(found: dict[Path, Times]) -> Score:
    """Add up what a reader got out of many files."""
    score = Score()
    for path, times in found.items():
        if times:
            score.read.add(path)
            score.frames += len(times)
            score.ordered += ascending(times)
    return score


def ascending(times: Times) -> bool:
    """Whether each frame comes after the one before it."""
    return all(later > earlier for earlier, later in pairwise(times))


def readable(path: Path) -> bool:
    """Whether `encoder/video.py` reads the file."""
    try:
        probe(path)
    except VideoError:
        return False
    return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compare PyAV and OpenCV as readers of video.")
    parser.add_argument("folders", nargs="*", type=Path, help="measure the files in these, rather than made ones")
    parser.add_argument("--repeats", type=int, default=5, help="of which the median counts")
    wanted = parser.parse_args()
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # quiet
    cv2.utils.logging.setLogLevel(0)
    cv2.setNumThreads(1)
    print(f"PyAV {av.__version__}, OpenCV {cv2.__version__}, median of {wanted.repeats} runs\n")
    for folder in wanted.folders:
        print(f"{table_of_folder(folder, wanted.repeats)}\n")
    if not wanted.folders:
        with tempfile.TemporaryDirectory() as place:
            print(table_of_made(make_videos(Path(place)), wanted.repeats))


if __name__ == "__main__":
    main()
