"""What happens to a video before it is posted again: edits, as functions of frames.

An edit takes (T, H, W, 3) uint8 RGB frames to others, of which there may be more or fewer, larger or smaller; what its
name leaves open is drawn. None changes the frames it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Rng = np.random.Generator
Edit = Callable[[Frames, Rng], Frames]

CRF, HEAVY_CRF = 18, 39  # of H.264: hardly visible, and blocky
_BAR = 0.15  # of the picture's height or width, on either side
_SMALL = 48  # pixels, the short side
_WORDS = ("WATCH TILL THE END", "follow for more", "you won't believe this", "part 2 in the comments")
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Kind:
    """A way to edit, and how hard the result is compressed."""

    name: str
    family: str  # of edits that hardly come together
    edit: Edit
    crf: int = CRF


def kinds(around: Frames) -> list[Kind]:
    """All single edits, those of a family together; `around` is what a picture-in-picture lies on."""
    return [
        *[Kind(f"speed {factor:g}", "time", partial(speed, factor=factor)) for factor in (0.5, 0.75, 1.5, 2.0)],
        Kind("brightness", "colour", brightness),
        Kind("contrast", "colour", contrast),
        Kind("grey", "colour", grey),
        Kind("crop to 50 %", "frame", crop),
        Kind("mirror", "frame", mirror),
        Kind("letterbox", "frame", letterbox),
        Kind("picture in picture", "frame", partial(picture_in_picture, around=around)),
        Kind("logo", "overlay", logo),
        Kind("text", "overlay", text),
        Kind("blur", "loss", blur),
        Kind("resize", "loss", resize),
        Kind("compression", "loss", unedited, HEAVY_CRF),
    ]


def together(single: Sequence[Kind], rng: Rng, count: int = 3) -> Kind:
    """Some edits one after the other, each of another family, in the order in which they are given."""
    families = rng.permutation(list(dict.fromkeys(kind.family for kind in single)))[:count]
    wanted = {family: rng.choice([kind.name for kind in single if kind.family == family]) for family in families}
    drawn = [kind for kind in single if wanted.get(kind.family) == kind.name]

    def edit(frames: Frames, rng: Rng) -> Frames:
        for kind in drawn:
            frames = kind.edit(frames, rng)
        return frames

    return Kind(" + ".join(kind.name for kind in drawn), "", edit, max(kind.crf for kind in drawn))


def unedited(frames: Frames, rng: Rng) -> Frames:
    """The frames as they are."""
    return frames


def crop(frames: Frames, rng: Rng, area: float = 0.5) -> Frames:
    """A part of the picture, of its shape, anywhere in it."""
    height, width = (round(side * area**0.5) for side in frames.shape[1:3])
    top, left = rng.integers(frames.shape[1] - height + 1), rng.integers(frames.shape[2] - width + 1)
    return frames[:, top : top + height, left : left + width]


def mirror(frames: Frames, rng: Rng) -> Frames:
    """Left and right exchanged."""
    return frames[:, :, ::-1]


def letterbox(frames: Frames, rng: Rng) -> Frames:
    """Black bars above and below, or left and right."""
    bars = [(0, 0)] * 4
    axis = int(rng.integers(1, 3))
    bars[axis] = (round(_BAR * frames.shape[axis]),) * 2
    return np.pad(frames, bars)


def picture_in_picture(frames: Frames, rng: Rng, around: Frames, scale: float = 0.5) -> Frames:
    """The video over another one, which starts again when it ends, at `scale` of its width and anywhere in it."""
    result = around[np.arange(len(frames)) % len(around)]
    height, width = frames.shape[1:3]
    factor = min(scale * result.shape[2] / width, 0.9 * result.shape[1] / height)
    small = _resized(frames, max(1, round(width * factor)), max(1, round(height * factor)))
    top, left = (rng.integers(result.shape[i] - small.shape[i] + 1) for i in (1, 2))
    result[:, top : top + small.shape[1], left : left + small.shape[2]] = small
    return result


def logo(frames: Frames, rng: Rng) -> Frames:
    """A disc and a ring of one colour in a corner, a quarter of the short side wide."""
    height, width = frames.shape[1:3]
    radius = min(height, width) / 8
    x, y = (rng.choice([1.3 * radius, side - 1.3 * radius]) for side in (width, height))
    distance = np.hypot(np.arange(width) - x, (np.arange(height) - y)[:, None]) / radius
    covered = (distance < 0.5) | ((distance > 0.7) & (distance < 1))
    return _painted(frames, rng.integers(0, 256, 3), 0.85 * covered)


def text(frames: Frames, rng: Rng) -> Frames:
    """A line in white with black edges, as wide as the picture, near the top or the bottom."""
    height, width = frames.shape[1:3]
    words, face = str(rng.choice(_WORDS)), cv2.FONT_HERSHEY_DUPLEX
    size = 0.9 * width / cv2.getTextSize(words, face, 1.0, 1)[0][0]
    tall = cv2.getTextSize(words, face, size, 1)[0][1]
    at = (round(0.05 * width), round(rng.choice([0.1 * height + tall, 0.9 * height])))
    inner = cv2.putText(np.zeros((height, width), np.uint8), words, at, face, size, (255,), 1, cv2.LINE_AA)
    reach = 2 * max(1, tall // 8) + 1
    outer = cv2.dilate(inner, np.ones((reach, reach), np.uint8))
    for colour, mask in ((0, outer), (255, inner)):
        frames = _painted(frames, np.full(3, colour), mask / 255)
    return frames


def brightness(frames: Frames, rng: Rng) -> Frames:
    """Lighter or darker by 40 to 80 grey levels."""
    shift = rng.choice([-1, 1]) * rng.uniform(40, 80)
    return _mapped(frames, np.arange(256) + shift)


def contrast(frames: Frames, rng: Rng) -> Frames:
    """Grey levels 1.4 to 2 times nearer to the middle, or farther from it."""
    factor = rng.uniform(1.4, 2) ** rng.choice([-1, 1])
    return _mapped(frames, 128 + factor * (np.arange(256) - 128))


def grey(frames: Frames, rng: Rng) -> Frames:
    """No colours."""
    return _bytes(np.repeat((frames @ _GREY)[..., None], 3, -1))


def blur(frames: Frames, rng: Rng) -> Frames:
    """A Gaussian of 1.5 to 3 % of the short side."""
    sigma = min(frames.shape[1:3]) * rng.uniform(0.015, 0.03)
    return np.stack([_bytes(cv2.GaussianBlur(frame, (0, 0), sigma)) for frame in frames])


def resize(frames: Frames, rng: Rng) -> Frames:
    """Down to 48 pixels on the short side, and up again."""
    height, width = frames.shape[1:3]
    factor = min(1.0, _SMALL / min(height, width))
    small = _resized(frames, max(1, round(width * factor)), max(1, round(height * factor)))
    return _resized(small, width, height)


def speed(frames: Frames, rng: Rng, factor: float) -> Frames:
    """As fast as `factor` times before, by leaving out or repeating frames."""
    moments = np.minimum(np.arange(max(1, round(len(frames) / factor))) * factor, len(frames) - 1)
    shown: Frames = frames[moments.astype(int)]
    return shown


def backwards(frames: Frames, rng: Rng) -> Frames:
    """The last frame first."""
    return frames[::-1]


def _resized(frames: Frames, width: int, height: int) -> Frames:
    how = cv2.INTER_AREA if width < frames.shape[2] else cv2.INTER_LINEAR
    return np.stack([_bytes(cv2.resize(frame, (width, height), interpolation=how)) for frame in frames])


def _mapped(frames: Frames, levels: NDArray[np.float64]) -> Frames:
    """Each grey level replaced by what `levels` (256,) has in its place."""
    changed: Frames = _bytes(levels)[frames]
    return changed


def _painted(frames: Frames, colour: NDArray[np.int64], cover: NDArray[np.float64]) -> Frames:
    """A colour (3,) laid over the frames, as opaque as `cover` (H, W) in [0, 1] says."""
    rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    opaque, result = cover[box][..., None], frames.copy()
    result[:, *box] = _bytes(frames[:, *box] * (1 - opaque) + colour * opaque)
    return result


def _bytes(values: NDArray[np.generic]) -> Frames:
    return np.asarray(values).astype(np.float32).round().clip(0, 255).astype(np.uint8)
