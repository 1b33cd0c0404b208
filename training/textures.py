"""Pictures as arrays, and the colours, noise and textures that actors and backgrounds are painted with."""

from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB, or (H, W, 4) RGB times opacity, and opacity
Colour = tuple[float, float, float]  # RGB in [0, 255]
Rng = np.random.Generator


def as_image(array: NDArray[np.generic] | cv2.typing.MatLike) -> Image:
    """Round down to bytes, without a copy of what already is."""
    return np.asarray(array, np.uint8)


def hsv_colour(hue: float, saturation: float, value: float) -> Colour:
    """RGB in [0, 255] from hue, saturation and value in [0, 1]; the hue wraps around."""
    hsv = np.array([[[hue % 1 * 360, saturation, value]]], np.float32)
    red, green, blue = (255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))[0, 0].tolist()
    return red, green, blue


def noise(rng: Rng, height: int, width: int, octaves: int = 5) -> NDArray[np.float64]:
    """Cloud-like values in [0, 1], (height, width); each octave half as strong and twice as fine."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        coarse = rng.random((3 * 2**octave, 4 * 2**octave))
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    scaled: NDArray[np.float64] = (total - total.min()) / np.ptp(total)
    return scaled


def draw_texture(rng: Rng, size: int = 128) -> Image:
    """Three colours mixed by noise, with stripes or spots on top; opaque."""
    hue = rng.random()
    ends = [hsv_colour(hue + rng.uniform(-0.15, 0.15), rng.uniform(0.1, 0.35), v) for v in (0.6, 0.9, 1.0)]
    y, x = np.mgrid[0:size, 0:size] * (2 * pi / size)
    waves = np.sin(rng.integers(2, 6) * x + rng.uniform(0, pi)) * np.sin(rng.integers(0, 5) * y + rng.uniform(1, 2))
    level = np.clip(noise(rng, size, size) + 0.3 * waves, 0, 1)
    channels = [np.interp(level, [0.15, 0.5, 0.85], [end[c] for end in ends]) for c in range(3)]
    return as_image(np.stack([*channels, np.full((size, size), 255.0)], axis=2))
