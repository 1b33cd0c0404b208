"""Clips of many videos, decoded once and kept: what encoders see costs nothing when another one is measured."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.clips import ClipSpec, Span
from encoder.decoding import Decoded, DecodePool, Failed, Finished, Job
from encoder.errors import VideoError
from encoder.whole import appearing_whole

CLIPS = 10  # a video, as `reelseek evaluate` takes it

Clips = NDArray[np.uint8]  # (N, T, H, W, 3) RGB
Features = NDArray[np.float32]  # (V, D), one a video


@dataclass(frozen=True)
class Part:
    """A video, or a span of one."""

    path: Path
    span: Span | None = None


@dataclass(frozen=True)
class Pictures:
    """The clips of V videos; they overlap, so each different picture of a video is held once."""

    pictures: NDArray[np.uint8]  # (P, H, W, 3) RGB
    clips: NDArray[np.int64]  # (N, T) the pictures that each clip is made of
    videos: NDArray[np.int64]  # (N,) the video that each clip is of: 0 to V - 1, in order

    def batches(self, size: int) -> Iterator[Clips]:
        """Yield all clips, some at a time."""
        for start in range(0, len(self.clips), size):
            yield self.pictures[self.clips[start : start + size]]


def clips_to_encode(parts: Sequence[Part], spec: ClipSpec, pool: DecodePool, kept: Path) -> Pictures:
    """Ten clips of each video, evenly spread, as `reelseek evaluate` sees them; see `_read`."""
    return _read([Job(str(part.path), spec, part.span, clips=CLIPS) for part in parts], pool, kept)


def stretched_clips(parts: Sequence[Part], spec: ClipSpec, pool: DecodePool, kept: Path) -> Pictures:
    """One clip of each video, its frames evenly spread over all of it, whatever the rate of the spec; see `_read`."""
    return _read([_stretched(part, spec) for part in parts], pool, kept)


def stretched_features(
    parts: Sequence[Part], spec: ClipSpec, feature: Callable[[Clips], Features], pool: DecodePool, kept: Path
) -> Features:
    """What `feature` makes of one clip of each video as in `stretched_clips`; kept in place of the pictures.

    Args:
        parts: the videos.
        spec: frames and size of the clip.
        feature: (N, T, H, W, 3) -> (N, D). What it makes of noise tells it from others, and from what it was.
        pool: decodes.
        kept: folder.
    """
    jobs = [_stretched(part, spec) for part in parts]
    noise = np.random.default_rng(0).integers(0, 256, (1, spec.frames, spec.size, spec.size, 3), np.uint8)
    file = kept / f"{_digest(jobs, feature(noise).round(3).tolist())}.npy"
    if not file.exists():
        made = {number: feature(clips)[0] for number, clips in _decoded(jobs, pool)}
        with appearing_whole(file) as partial, partial.open("wb") as stream:
            np.save(stream, np.stack([made[number] for number in range(len(jobs))]))
    features: Features = np.load(file)
    return features


def _stretched(part: Part, spec: ClipSpec) -> Job:
    if part.span is None:
        return Job(str(part.path), spec, stretched=True)
    over = ClipSpec(spec.frames, spec.frames / part.span.duration, spec.size, spec.hop)
    return Job(str(part.path), over, part.span, clips=1)


def _read(jobs: Sequence[Job], pool: DecodePool, folder: Path) -> Pictures:
    """Load what a file in `folder` keeps of these jobs, or decode them to it.

    Raises:
        VideoError: one of the videos can't be read; all encoders are measured on the same videos, so none is left out.
    """
    file = folder / f"{_digest(jobs)}.npz"
    if not file.exists():
        packed = {number: _packed(clips) for number, clips in _decoded(jobs, pool)}
        seen = _joined([packed[number] for number in range(len(jobs))])
        with appearing_whole(file) as partial, partial.open("wb") as stream:
            np.savez(stream, pictures=seen.pictures, clips=seen.clips, videos=seen.videos)
    with np.load(file) as arrays:
        return Pictures(arrays["pictures"], arrays["clips"], arrays["videos"])


def _digest(jobs: Sequence[Job], made_by: object = None) -> str:
    """Tells what is read of which files, files that have changed since, and what is made of it."""
    stats = [Path(job.path).stat() for job in jobs]
    made_of = [(asdict(job), stat.st_size, stat.st_mtime_ns) for job, stat in zip(jobs, stats, strict=True)]
    return hashlib.sha256(json.dumps([made_of, made_by]).encode()).hexdigest()[:12]


def _decoded(jobs: Sequence[Job], pool: DecodePool) -> Iterator[tuple[int, Clips]]:
    """Yield the number of each job with its clips, as they get ready."""
    for turn in _turns(jobs):
        clips: dict[str, list[Clips]] = defaultdict(list)
        for event in pool.decode(jobs[number] for number in turn.values()):
            if isinstance(event, Decoded):
                clips[event.path].append(event.frames)
            elif isinstance(event, Finished):
                yield turn[event.path], np.concatenate(clips.pop(event.path))
            elif isinstance(event, Failed):
                raise VideoError(event.path, f"{event.reason}; take it out, all encoders are measured on the same")


def _turns(jobs: Sequence[Job]) -> list[dict[str, int]]:
    """Path -> number of a job, several times: a pool tells jobs apart by their path, so none twice at once."""
    turns: list[dict[str, int]] = []
    for number, job in enumerate(jobs):
        turn = next((turn for turn in turns if job.path not in turn), None)
        if turn is None:
            turns.append(turn := {})
        turn[job.path] = number
    return turns


def _packed(clips: Clips) -> Pictures:
    places: dict[bytes, int] = {}
    rows = [[places.setdefault(picture.tobytes(), len(places)) for picture in clip] for clip in clips]
    pictures = np.frombuffer(b"".join(places), np.uint8).reshape(-1, *clips.shape[2:])
    return Pictures(pictures, np.array(rows), np.zeros(len(rows), np.int64))


def _joined(each: Sequence[Pictures]) -> Pictures:
    before = np.cumsum([0, *(len(seen.pictures) for seen in each)])
    return Pictures(
        np.concatenate([seen.pictures for seen in each]),
        np.concatenate([seen.clips + start for seen, start in zip(each, before, strict=False)]),
        np.concatenate([seen.videos + video for video, seen in enumerate(each)]),
    )
