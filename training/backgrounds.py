"""The places of the synthetic collection, painted from noise: landscapes, rooms and a night of lights."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

from training.textures import Colour, Image, Rng, as_image, draw_texture, hsv_colour, noise

HORIZON = 0.64  # fraction of a background's height


@dataclass(frozen=True)
class Background:
    """A place, the same picture in every video that uses it."""

    name: str
    paint: Callable[[Rng, int, int], Image]  # rng, height and width in pixels
    seed: int


def _meadow(rng: Rng, height: int, width: int) -> Image:
    sky, ground = ((138, 186, 222), (222, 234, 232)), ((150, 178, 108), (96, 138, 74))
    picture = _land(rng, height, width, sky, ground)
    for rise, colour in ((0.3, (150, 178, 176)), (0.2, (128, 164, 132)), (0.1, (120, 152, 96))):
        _ridge(rng, picture, rise, colour)
    for _ in range(130):
        x, y = int(rng.integers(width)), int(height * rng.uniform(HORIZON + 0.02, 1))
        petal = [(246, 236, 190), (238, 190, 196), (250, 248, 244)][int(rng.integers(3))]
        cv2.circle(picture, (x, y), 1, petal, -1)
    return _finish(rng, picture)


def _parlour(rng: Rng, height: int, width: int) -> Image:
    picture = _room(rng, height, width, ((214, 196, 186), (226, 208, 196)), ((186, 146, 112), (160, 118, 86)))
    wall = picture[: round(HORIZON * height) - 6]
    stripes = np.sin(np.arange(width) * 2 * pi / (0.07 * width)) > 0.2
    wall[:, stripes] *= np.array((0.9, 0.86, 0.9))
    return _finish(rng, picture)


def _dusk(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((104, 92, 148), (250, 190, 148)), ((132, 100, 112), (92, 72, 94)))
    cv2.circle(picture, (round(0.7 * width), round(0.4 * height)), round(0.07 * height), (255, 226, 178), -1)
    for rise, colour in ((0.36, (190, 138, 150)), (0.24, (154, 112, 138)), (0.12, (120, 90, 120))):
        _ridge(rng, picture, rise, colour)
    return _finish(rng, picture)


def _gallery(rng: Rng, height: int, width: int) -> Image:
    picture = _room(rng, height, width, ((196, 208, 204), (214, 222, 216)), ((150, 152, 158), (118, 120, 130)))
    for centre in (0.16, 0.42, 0.63, 0.87):
        half_w, half_h = int(width * rng.uniform(0.05, 0.09)), int(height * rng.uniform(0.1, 0.16))
        x, y = int(width * centre), int(height * rng.uniform(0.26, 0.34))
        picture[y - half_h - 4 : y + half_h + 4, x - half_w - 4 : x + half_w + 4] = (112, 88, 70)
        canvas = draw_texture(rng)[:, :, :3]
        picture[y - half_h : y + half_h, x - half_w : x + half_w] = cv2.resize(canvas, (2 * half_w, 2 * half_h))
    return _finish(rng, picture)


def _beach(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((156, 204, 226), (240, 236, 222)), ((236, 218, 178), (218, 192, 146)))
    top, line = round(0.47 * height), round(HORIZON * height)
    sea = _gradient((84, 150, 176), (150, 206, 204), line - top, width)
    waves = cv2.resize(rng.random((line - top, 12)), (width, line - top), interpolation=cv2.INTER_CUBIC)
    picture[top:line] = sea + 46 * np.clip(waves - 0.6, 0, 1)[:, :, None]
    picture[line : line + 3] = (248, 246, 238)
    return _finish(rng, picture)


def _city(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((92, 104, 150), (226, 184, 176)), ((128, 124, 134), (96, 94, 108)))
    line, x = round(HORIZON * height), 0
    while x < width:
        wide, tall = int(width * rng.uniform(0.06, 0.14)), int(height * rng.uniform(0.15, 0.48))
        wall = np.array((96, 92, 120)) * rng.uniform(0.75, 1.25)
        picture[line - tall : line, x : x + wide] = wall
        for top in range(line - tall + 5, line - 8, 10):
            for left in range(x + 4, x + wide - 6, 9):
                picture[top : top + 5, left : left + 4] = (250, 216, 150) if rng.random() < 0.4 else wall * 0.8
        x += wide
    return _finish(rng, picture)


def _snow(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((178, 196, 214), (228, 232, 238)), ((238, 242, 246), (208, 218, 232)))
    _ridge(rng, picture, 0.3, (196, 208, 222))
    for x in np.sort(rng.uniform(0, 1, 22)):
        base, tall = HORIZON * height + rng.uniform(0, 4), height * rng.uniform(0.12, 0.3)
        colour = tuple(rng.uniform(0.8, 1.15) * np.array((98, 130, 130)))
        for tier in (1.0, 0.75, 0.5):
            tip, half = base - tall * (1.25 - 0.75 * tier + 0.25), 0.22 * tall * tier
            foot = base - tall * (1 - tier)
            corners = [(x * width, tip), (x * width + half, foot), (x * width - half, foot)]
            cv2.fillPoly(picture, [np.round(corners).astype(np.int32)], colour)
    return _finish(rng, picture)


def _lights(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((58, 60, 96), (118, 92, 128)), ((96, 84, 112), (66, 60, 88)))
    for strength in (0.15, 0.2, 0.25, 0.3, 0.35):
        glow = np.zeros_like(picture)
        for _ in range(14):
            x, y = int(rng.integers(width)), int(height * rng.uniform(0, HORIZON - 0.04))
            colour = hsv_colour(rng.uniform(-0.1, 0.17), rng.uniform(0.3, 0.6), 1.0)
            cv2.circle(glow, (x, y), int(height * rng.uniform(0.015, 0.06)), colour, -1)
        picture += strength * cv2.GaussianBlur(glow, (0, 0), 1.5)
    return _finish(rng, picture)


BACKGROUNDS: tuple[Background, ...] = (
    Background("meadow", _meadow, 11),
    Background("parlour", _parlour, 12),
    Background("dusk", _dusk, 13),
    Background("gallery", _gallery, 14),
    Background("beach", _beach, 15),
    Background("city", _city, 16),
    Background("snow", _snow, 17),
    Background("lights", _lights, 18),
)


def _land(
    rng: Rng, height: int, width: int, sky: tuple[Colour, Colour], ground: tuple[Colour, Colour]
) -> NDArray[np.float64]:
    """Clouded sky above the horizon, mottled ground below; each given from top to bottom."""
    line = round(HORIZON * height)
    above = _grain(rng, _gradient(*sky, line, width), 0.1)
    return np.concatenate([above, _grain(rng, _gradient(*ground, height - line, width), 0.16)])


def _room(
    rng: Rng, height: int, width: int, wall: tuple[Colour, Colour], floor: tuple[Colour, Colour]
) -> NDArray[np.float64]:
    """A wall with a skirting board, and floor boards that meet far behind it."""
    picture = _land(rng, height, width, wall, floor)
    line = round(HORIZON * height)
    for end in np.linspace(-1.5, 2.5, 17):
        start = (round((0.5 + 0.35 * (end - 0.5)) * width), line)
        cv2.line(picture, start, (round(end * width), height), tuple(0.82 * np.array(floor[1])), 1, cv2.LINE_8)
    picture[line - 6 : line] = (244, 240, 232)
    picture[line - 1 : line + 1] = 0.6 * np.array(floor[1])
    return picture


def _ridge(rng: Rng, picture: NDArray[np.float64], rise: float, colour: Colour) -> None:
    """Draw hills of that colour up to `rise` of the height above the horizon."""
    height, width = picture.shape[:2]
    coarse = rng.random((1, 7))
    top = HORIZON - rise * (0.35 + 0.65 * cv2.resize(coarse, (width, 1), interpolation=cv2.INTER_CUBIC)[0])
    row = np.arange(height)[:, None]
    inside = np.clip(row - top * height, 0, 1) * (row < HORIZON * height)
    picture += inside[:, :, None] * (_grain(rng, np.broadcast_to(np.array(colour), picture.shape), 0.12) - picture)


def _gradient(top: Colour, bottom: Colour, height: int, width: int) -> NDArray[np.float64]:
    """(height, width, 3) from one colour to the other."""
    down = np.linspace(0, 1, height)[:, None, None]
    return np.broadcast_to(np.array(top) * (1 - down) + np.array(bottom) * down, (height, width, 3)).copy()


def _grain(rng: Rng, area: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """Make an area lighter and darker in patches, up to `amount` of its colour either way."""
    shade: NDArray[np.float64] = area * (1 + amount * (2 * noise(rng, *area.shape[:2]) - 1))[:, :, None]
    return shade


def _finish(rng: Rng, picture: NDArray[np.float64]) -> Image:
    """Add a little fine structure everywhere and darken the corners."""
    height, width = picture.shape[:2]
    fine = cv2.GaussianBlur(rng.normal(0, 6, (height, width)), (0, 0), 0.8)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lit = (picture + fine[:, :, None]) * (1 - 0.13 * (x**2 + y**2))[:, :, None]
    return as_image(np.clip(lit, 0, 255))
