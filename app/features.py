"""What an encoder, and the trivial baselines, make of whole videos; kept in a folder so that a run can be gone on with.

The clips of a video are embedded together and apart from those of other videos: the last digits of an embedding depend
on what is computed beside it, and the same run is to give the same report to the byte.
"""

import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from encoder.baselines import BASELINES
from encoder.checkpoint import Checkpoint
from encoder.clips import ClipSpec
from encoder.decoding import Decoded, DecodePool, Failed, Finished, Job
from encoder.parts import Clips
from encoder.whole import write_whole

TRIVIAL = "trivial"  # the name of what the baselines made
CLIPS = 10  # a video, evenly spread: the protocol of the field
_WHOLE = ClipSpec(  # what the baselines see: the whole video, stretched over 32 frames
    frames=32, fps=8, size=64, hop=32
)

_AT_ONCE = 16  # clips; ten of one video, so that only a video whose length is not told is taken in parts

Arrays = Mapping[str, NDArray[np.float32]]


class Kept:
    """What was made of each file, one small file of arrays for each; made again when the file has changed."""

    def __init__(self, folder: Path | None) -> None:
        """Keep it in a folder, made if it is missing; None to keep nothing."""
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of(cls, work: Path | None, what: str) -> "Kept":
        """What an encoder, by its fingerprint, or the baselines made, in a run's folder; None if that keeps nothing."""
        return cls(work / "features-1" / what if work else None)

    def get(self, path: str) -> Arrays | None:
        """What was kept of a file; None where nothing was, or not of the file as it is now."""
        place = self._place(path)
        if place is None:
            return None
        try:
            with np.load(io.BytesIO(place.read_bytes())) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, path: str, arrays: Arrays) -> None:
        """Keep what was made of a file."""
        if place := self._place(path):
            content = io.BytesIO()
            np.savez(content, allow_pickle=False, **arrays)
            write_whole(place, content.getvalue())

    def _place(self, path: str) -> Path | None:
        try:
            state = Path(path).stat()
        except OSError:
            return None
        known = f"{path}\0{state.st_size}\0{state.st_mtime_ns}".encode(errors="surrogateescape")
        return self._folder / f"{xxhash.xxh3_128_hexdigest(known)}.npz" if self._folder else None


def counter(progress: Callable[[int, int], None] | None, total: int) -> Iterator[None]:
    """Each `next` reports one more of `total`."""
    for count in range(1, total + 1):
        if progress:
            progress(count, total)
        yield


def clip_embeddings(
    paths: Sequence[str], checkpoint: Checkpoint, pool: DecodePool, kept: Kept, failed: dict[str, str]
) -> Iterator[tuple[str, Arrays | None]]:
    """Yield each path with its ten embeddings as `clips`, (N, D); fewer in a short video, more where no length is told.

    Args:
        paths: of the videos.
        checkpoint: the encoder.
        pool: decodes.
        kept: what is known already.
        failed: path -> why it can't be read; added to. Such a path comes with None.
    """
    jobs = [Job(path, checkpoint.spec, clips=CLIPS) for path in paths]
    return _made_of(jobs, lambda clips: {"clips": checkpoint.embed(clips)}, pool, kept, failed)


def trivial_features(
    paths: Sequence[str], pool: DecodePool, kept: Kept, failed: dict[str, str]
) -> Iterator[tuple[str, Arrays | None]]:
    """Yield each path with the (1, F) feature of each baseline, by its name; the rest as in `clip_embeddings`."""
    jobs = [Job(path, _WHOLE, stretched=True) for path in paths]

    def describe(clips: Clips) -> Arrays:
        return {name: np.stack([baseline(clip) for clip in clips]) for name, baseline in BASELINES.items()}

    return _made_of(jobs, describe, pool, kept, failed)


@dataclass
class _Underway:
    """A video of which some clips have come."""

    waiting: list[Clips] = field(default_factory=list)
    made: list[Arrays] = field(default_factory=list)

    def take(self, clips: Clips, make: Callable[[Clips], Arrays]) -> None:
        """Make something of the clips as soon as there are enough: always the same ones together."""
        self.waiting.append(clips)
        while sum(map(len, self.waiting)) >= _AT_ONCE:
            together = np.concatenate(self.waiting)
            self.made.append(make(together[:_AT_ONCE]))
            self.waiting = [together[_AT_ONCE:]]

    def whole(self, make: Callable[[Clips], Arrays]) -> Arrays:
        """What was made of all of its clips."""
        rest = np.concatenate(self.waiting)
        if len(rest):
            self.made.append(make(rest))
        return {name: np.concatenate([part[name] for part in self.made]) for name in self.made[0]}


def _made_of(
    jobs: Sequence[Job], make: Callable[[Clips], Arrays], pool: DecodePool, kept: Kept, failed: dict[str, str]
) -> Iterator[tuple[str, Arrays | None]]:
    missing = []
    for job in jobs:
        if (known := kept.get(job.path)) is not None:
            yield job.path, known
        else:
            missing.append(job)
    underway: dict[str, _Underway] = defaultdict(_Underway)
    for event in pool.decode(missing):
        if isinstance(event, Decoded):
            underway[event.path].take(event.frames, make)
        elif isinstance(event, Finished):
            arrays = underway.pop(event.path).whole(make)
            kept.put(event.path, arrays)
            yield event.path, arrays
        elif isinstance(event, Failed):
            underway.pop(event.path, None)
            failed[event.path] = event.reason
            yield event.path, None
