"""Small exact videos made on the spot, for every test that needs one."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes: threads that wait for each other are slower here
settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
_SHARED = Path(__file__).parents[2] / "shared" / "data"
_PIXELS = {"ffv1": "gray", "gif": "rgb8", "libx265": "yuv420p"}
_OPTIONS = {
    "libx264": {"preset": "ultrafast", "crf": "12", "threads": "1"},
    "libx265": {"preset": "ultrafast", "crf": "12", "x265-params": "log-level=none:pools=1"},
    "mpeg4": {"qscale": "2", "flags": "+qscale"},
}


class MakeVideo(Protocol):
    """What `make_video` gives."""

    def __call__(self, path: Path, times: Sequence[float], **how: Any) -> Path: ...


class MovingVideo(Protocol):
    """What `moving_video` gives."""

    def __call__(self, path: Path, seconds: float, seed: int, **how: Any) -> Path: ...


def committed(library: Path) -> int:
    """How many videos a library's folder has, seen from outside."""
    try:
        with closing(sqlite3.connect(f"file:{library}/catalog.sqlite?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM video").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real videos, which lies beside the checkout."""
    if not _SHARED.is_dir():
        pytest.skip("needs the real videos of ../shared/data")
    return _SHARED


@pytest.fixture(scope="session")
def grey() -> Callable[[int], int]:
    """The grey level that `make_video` gives frame i: neighbours differ by 37, so lossy codecs don't blur them."""
    return _grey


@pytest.fixture(scope="session")
def make_video() -> MakeVideo:
    """Write a video whose frames appear at the given times; see `_write` for what can be chosen.

    make_video(path, [0, 0.04, 0.1])  -> path; frame i is a plain picture of level grey(i), and lasts until the next
    """
    return _write


@pytest.fixture(scope="session")
def moving_video() -> MovingVideo:
    """Write an H.264 video of a blob that moves over a textured background; the seed decides both.

    moving_video(path, seconds, seed, fps=25, size=(64, 48))  -> path; the same arguments give the same bytes
    """
    return _write_moving


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder to put videos in."""
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def clip(moving_video: MovingVideo, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """clip(path, seed, seconds=3) puts a short moving video there; the same seed gives the same bytes."""
    made: dict[tuple[int, float], bytes] = {}
    folder = tmp_path_factory.mktemp("clips")

    def put(path: Path, seed: int, seconds: float = 3) -> Path:
        if (seed, seconds) not in made:
            made[seed, seconds] = moving_video(folder / f"{seed}-{seconds}.mp4", seconds, seed, fps=12).read_bytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made[seed, seconds])
        return path

    return put


@pytest.fixture(scope="session")
def small_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small untrained encoder, for clips of 32 pixels."""
    import torch  # when a test asks for it: many need none

    from encoder.checkpoint import save_encoder
    from encoder.clips import ClipSpec
    from encoder.config import EncoderConfig
    from encoder.model import Encoder

    path = tmp_path_factory.mktemp("encoder") / "small.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_encoder(Encoder(EncoderConfig(width=8)), ClipSpec(size=32), path)
    return path


def _grey(index: int) -> int:
    return 37 * index % 251


def _write(
    path: Path,
    times: Sequence[float],
    pictures: Sequence[Picture] | None = None,
    codec: str = "ffv1",  # lossless, any size; .mkv keeps milliseconds
    pixels: str | None = None,
    size: tuple[int, int] = (64, 48),  # width, height, where pictures are not given
    last_s: float = 0.04,  # how long the last frame is shown
    clock: int = 1000,  # ticks a second
    rotation: int | None = None,  # degrees counter-clockwise that a player has to turn the picture
    shape: Fraction | None = None,  # width of a pixel over its height
    options: dict[str, str] | None = None,
) -> Path:
    if pictures is None:
        pictures = [np.full((size[1], size[0], 3), _grey(i), np.uint8) for i in range(len(times))]
    ticks = [round(time * clock) for time in times]
    lengths = {a: b - a for a, b in zip(ticks, [*ticks[1:], ticks[-1] + round(last_s * clock)], strict=True)}
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25, options={**_OPTIONS.get(codec, {}), **(options or {})})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels or _PIXELS.get(codec, "yuv420p")
        stream.time_base = stream.codec_context.time_base = Fraction(1, clock)
        if shape:
            stream.codec_context.sample_aspect_ratio = shape
        if rotation:
            stream.set_display_rotation(rotation)
        for tick, picture in zip(ticks, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, clock)
            container.mux(_lasting(stream.encode(frame), lengths))
        container.mux(_lasting(stream.encode(), lengths))
    return path


def _lasting(packets: list[av.Packet], lengths: dict[int, int]) -> list[av.Packet]:
    for packet in packets:
        assert packet.pts is not None
        packet.duration = lengths[packet.pts]
    return packets


def _write_moving(
    path: Path, seconds: float, seed: int, fps: int = 25, size: tuple[int, int] = (64, 48), **how: Any
) -> Path:
    count = max(1, round(seconds * fps))
    pictures = _moving_pictures(count, fps, size, np.random.default_rng(seed))
    times = [i / fps for i in range(count)]
    return _write(path, times, pictures, **{"codec": "libx264", "clock": fps, "last_s": 1 / fps, **how})


def _moving_pictures(count: int, fps: int, size: tuple[int, int], rng: np.random.Generator) -> list[Picture]:
    width, height = size
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    background = np.kron(rng.integers(0, 256, (4, 6, 3)), np.ones((-(-height // 4), -(-width // 6), 1)))
    colour, speed, phase = rng.integers(0, 256, 3), rng.uniform(0.2, 1.5, 2), rng.uniform(0, 2 * np.pi, 2)
    pictures = []
    for i in range(count):
        at_x, at_y = 0.5 + 0.35 * np.sin(2 * np.pi * speed * i / fps + phase)
        near = np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 0.02)[..., None]
        pictures.append(np.uint8(near * colour + (1 - near) * background[:height, :width]))
    return pictures
