"""Sketches: the small grey pictures of a video that a library keeps beside its embeddings."""

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from encoder.errors import WorldError

SIDE = 16  # pixels of a sketch
_EFFORT = 1  # of zlib


class SketchError(WorldError):
    """A sketch that can't be read, in one sentence."""


def sketches(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour pictures (..., H, W, 3) as small grey ones (..., SIDE, SIDE)."""
    flat = pictures.reshape(-1, *pictures.shape[-3:])
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in flat]
    small = np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in grey])
    return small.reshape(*pictures.shape[:-3], SIDE, SIDE).astype(np.uint8)


def pack(pictures: NDArray[np.uint8]) -> bytes:
    """Sketches (n, SIDE, SIDE) that follow each other, in about a quarter of the bytes."""
    steps = np.concatenate([pictures[:1], np.diff(pictures, axis=0)])  # modulo 256
    return zlib.compress(steps.tobytes(), _EFFORT)


def unpack(packed: bytes) -> NDArray[np.uint8]:
    """The sketches (n, SIDE, SIDE) of `pack`.

    Raises:
        SketchError: these are other bytes.
    """
    try:
        steps = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(-1, SIDE, SIDE)
    except (zlib.error, ValueError) as error:
        raise SketchError(f"a sketch is damaged ({error}); mend it with: reelseek verify --repair") from error
    return np.cumsum(steps, axis=0, dtype=np.uint8)
