"""Videos as small frames in memory, decoded once by several processes."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span
from encoder.video import VideoError, read_clips

_LONGEST_S = 120.0  # of one video; the rest adds little that is new

Frames = NDArray[np.uint8]  # (N, H, W, 3) RGB on a regular time grid


def decode_frames(
    paths: Iterable[Path], fps: float, size: int, workers: int, progress: Callable[[int], None] | None = None
) -> tuple[list[Frames], list[VideoError]]:
    """Decode each video to its grid frames, at most its first two minutes, and say which can't be read."""
    spec = ClipSpec(frames=1, fps=fps, size=size, hop=1)
    videos: list[Frames] = []
    failed: list[VideoError] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done, result in enumerate(pool.map(_decode, paths, _forever(spec), chunksize=4), 1):
            failed.append(result) if isinstance(result, VideoError) else videos.append(result)
            if progress:
                progress(done)
    return videos, failed


def _forever(spec: ClipSpec) -> Iterable[ClipSpec]:
    while True:
        yield spec


def _decode(path: Path, spec: ClipSpec) -> Frames | VideoError:
    try:
        return np.concatenate([clip.frames for clip in read_clips(path, spec, Span(0, _LONGEST_S))])
    except VideoError as error:
        return error
