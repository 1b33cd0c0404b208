"""A labelled collection of short synthetic videos: every action on every background, by two kinds of actor.

The action says nothing about the background, and with one seed and a still camera a reversed action shows the
frames of its partner backwards: neither places nor unordered frames tell the two apart.
"""

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import hypot, pi, sin
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from training.actions import ACTIONS, Action, Body, Moment, Point, Pose, Traits, draw_traits, place_joints

Image = NDArray[np.uint8]  # (H, W, 3) RGB, or (H, W, 4) RGB times opacity, and opacity
Mask = NDArray[np.bool_]
Colour = tuple[float, float, float]  # RGB in [0, 255]
Rng = np.random.Generator
Actor = Literal["figure", "shape"]
ACTORS: tuple[Actor, Actor] = ("figure", "shape")

BODY = 0.46  # height of a standing actor of scale 1, as a fraction of the frame height
HORIZON = 0.64  # fraction of a background's height
MARGIN = 0.1  # of the frame size, painted beyond each edge for the camera to move over
SHIFT = 4  # binary digits after the point of the coordinates that are drawn
SUBPIXELS = 2**SHIFT
INK: Colour = (52, 44, 58)


@dataclass(frozen=True)
class Background:
    """A place, the same picture in every video that uses it."""

    name: str
    paint: Callable[[Rng, int, int], Image]  # rng, height and width in pixels
    seed: int


@dataclass(frozen=True)
class Scene:
    """One performance in one place; the same record always renders the same frames.

    `drift` is how far the camera wanders as a fraction of the frame width, 0 for a camera that stands still.
    """

    action: Action
    background: Background
    actor: Actor
    seed: int
    duration_s: float = 4.0
    fps: int = 25
    width: int = 320
    height: int = 240
    drift: float = 0.0

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError(f"a scene needs two frames or more, got {self.duration_s=} at {self.fps=}")
        if self.width < 32 or self.height < 32 or self.width % 2 or self.height % 2:
            raise ValueError(
                f"width and height must be even and 32 or more, got {self.width=}, {self.height=}"
            )
        if not 0 <= self.drift <= MARGIN:
            raise ValueError(f"drift must be between 0 and {MARGIN}, got {self.drift=}")

    @property
    def frames(self) -> int:
        """Number of frames."""
        return round(self.duration_s * self.fps)


@dataclass(frozen=True)
class Look:
    """What an actor wears; drawn from the scene's seed."""

    skin: Colour
    hair: Colour
    cloth: Colour
    trousers: Colour
    outline: NDArray[np.float64]  # (N, 2) in body heights around the centre of a shape
    texture: Image  # (128, 128, 4) multiplied into everything but skin


@dataclass(frozen=True)
class Part:
    """A line of some thickness through points in body heights, or without a radius a filled polygon."""

    points: NDArray[np.float64]  # (N, 2)
    colour: Colour
    radius: float | None  # body heights


def render(scene: Scene) -> Iterator[tuple[Image, Mask]]:
    """Yield each frame (H, W, 3) with the mask (H, W) of the pixels that the actor covers, even in part."""
    for backdrop, actor in _layers(scene):
        opacity = cv2.merge([actor[:, :, 3]] * 3)
        behind = cv2.multiply(backdrop, 255 - opacity, scale=1 / 255)
        yield _image(cv2.add(behind, cv2.cvtColor(actor, cv2.COLOR_RGBA2RGB))), actor[:, :, 3] > 0


def render_backdrop(scene: Scene) -> Iterator[Image]:
    """Yield the frames of `render` without the actor, but with the shadow on the ground."""
    for backdrop, _ in _layers(scene):
        yield backdrop


def write_collection(
    folder: Path,
    videos_per_action: int = 8,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    *,
    films: int = 3,
    scenes_per_film: int = 11,
    shortest_s: float = 3.0,
    longest_s: float = 5.0,
    width: int = 320,
    height: int = 240,
) -> Path:
    """Write folder/ACTION/*.mp4, folder/films/*.mp4, films.csv and manifest.csv; return the manifest's path.

    Videos that are already there are kept, so an interrupted call is finished by the next one. The manifest
    has the header path,label,group with the background as group; films.csv has path,start,end,label with the
    seconds of each scene of each film. The manifest appears last, once every video is complete.

    Args:
        folder: made if missing.
        videos_per_action: each on the next background, so 8 or more use every background for every action.
        seed: the same seed and sizes give the same frames.
        progress: called with videos done and videos in all, after each video.
        films: number of long videos made of several scenes.
        scenes_per_film: scenes in each film, one after the other without a break.
        shortest_s: length in seconds of the shortest possible scene.
        longest_s: length in seconds of the longest possible scene.
        width: pixels, even.
        height: pixels, even.

    Raises:
        ValueError: there would be nothing to write.
        OSError: the folder cannot be written; no partial file is left behind.
    """
    if videos_per_action < 1 or scenes_per_film < 1:
        raise ValueError(f"one or more is needed of each, got {videos_per_action=}, {scenes_per_film=}")
    plan = _Plan(seed, shortest_s, longest_s, width, height)
    videos = [plan.scene(a, b) for a in range(len(ACTIONS)) for b in range(videos_per_action)]
    reels = [plan.film(number, scenes_per_film) for number in range(films)]
    files = [(folder / _video_name(scene), [scene]) for scene in videos]
    files += [(folder / _film_name(number, reel), reel) for number, reel in enumerate(reels)]
    for done, (path, scenes) in enumerate(files, start=1):
        if not path.exists():
            _write_video(path, scenes)
        if progress is not None:
            progress(done, len(files))
    moments = [row for number, reel in enumerate(reels) for row in _moments(_film_name(number, reel), reel)]
    _write_table(folder / "films.csv", ("path", "start", "end", "label"), moments)
    rows = [(_video_name(scene), scene.action.name, scene.background.name) for scene in videos]
    _write_table(folder / "manifest.csv", ("path", "label", "group"), rows)
    return folder / "manifest.csv"


@dataclass(frozen=True)
class _Plan:
    """Which scenes a collection holds."""

    seed: int
    shortest_s: float
    longest_s: float
    width: int
    height: int

    def scene(self, action: int, number: int) -> Scene:
        """Video `number` of an action; each goes through the backgrounds in turn."""
        rng = np.random.default_rng([self.seed, 0, action, number])
        background = BACKGROUNDS[(number + action) % len(BACKGROUNDS)]
        lap = number // len(BACKGROUNDS)
        return self._draw(rng, ACTIONS[action], background, ACTORS[(number + action // 2 + lap) % 2])

    def film(self, number: int, scenes: int) -> list[Scene]:
        """Different actions on different backgrounds as long as there are any left."""
        rng = np.random.default_rng([self.seed, 1, number])
        actions, places = rng.permutation(len(ACTIONS)), rng.permutation(len(BACKGROUNDS))
        picks = [(actions[i % len(actions)], places[i % len(places)], rng.integers(2)) for i in range(scenes)]
        return [self._draw(rng, ACTIONS[a], BACKGROUNDS[b], ACTORS[c]) for a, b, c in picks]

    def _draw(self, rng: Rng, action: Action, background: Background, actor: Actor) -> Scene:
        return Scene(
            action=action,
            background=background,
            actor=actor,
            seed=int(rng.integers(2**32)),
            duration_s=float(rng.uniform(self.shortest_s, self.longest_s)),
            width=self.width,
            height=self.height,
            drift=float(rng.uniform(0.02, 0.06)) if rng.random() < 0.5 else 0.0,
        )


# --- layers -------------------------------------------------------------------------------------------------


def _layers(scene: Scene) -> Iterator[tuple[Image, Image]]:
    """Yield the place with the actor's shadow (H, W, 3), and the actor alone (H, W, 4)."""
    rng = np.random.default_rng(scene.seed)
    traits, look = draw_traits(rng), _draw_look(rng)
    sway = rng.uniform(0, 2 * pi, 4)
    place = _paint_place(scene)
    for index in range(scene.frames):
        shift = _camera(scene, index, sway)
        pose = _pose(scene, index, traits)
        body_px = scene.height * BODY * pose.scale
        ground = pose.x * scene.width - shift[0], scene.height * (0.8 + 0.1 * (pose.scale - 0.95)) - shift[1]
        backdrop = _crop(place, scene, shift)
        body = place_joints(pose)
        yield (
            _cast_shadow(backdrop, body, pose, ground, body_px),
            _draw_actor(scene, body, look, ground, body_px),
        )


def _pose(scene: Scene, index: int, traits: Traits) -> Pose:
    if scene.action.reverse_of is not None:
        index = scene.frames - 1 - index
    return scene.action.pose(Moment(index / (scene.frames - 1), index / scene.fps), traits)


def _camera(scene: Scene, index: int, sway: NDArray[np.float64]) -> Point:
    """Pixels the camera has moved right and down: a slow pan and a little shake."""
    reach, seconds = scene.drift * scene.width, index / scene.fps
    across = 0.9 * sin(1.1 * seconds + sway[0]) + 0.1 * sin(7 * seconds + sway[1])
    down = 0.25 * sin(0.8 * seconds + sway[2]) + 0.08 * sin(6 * seconds + sway[3])
    return reach * across, reach * down


def _paint_place(scene: Scene) -> Image:
    height, width = round(scene.height * (1 + 2 * MARGIN)), round(scene.width * (1 + 2 * MARGIN))
    return scene.background.paint(np.random.default_rng(scene.background.seed), height, width)


def _crop(place: Image, scene: Scene, shift: Point) -> Image:
    centre = (place.shape[1] - 1) / 2 + shift[0], (place.shape[0] - 1) / 2 + shift[1]
    return _image(cv2.getRectSubPix(place, (scene.width, scene.height), centre))


def _cast_shadow(backdrop: Image, body: Body, pose: Pose, ground: Point, body_px: float) -> Image:
    """Darken the ground under the actor; wider and fainter the higher it is."""
    xs = [x for x, _ in (*body.feet, *body.shoulders, body.head)]
    half = (0.5 * (max(xs) - min(xs)) + 0.12 + 0.15 * pose.lift) * body_px
    centre = ground[0] + 0.5 * (max(xs) + min(xs)) * body_px
    x0, y0 = max(int(centre - half), 0), max(int(ground[1] - 0.075 * body_px), 0)
    patch = backdrop[y0 : y0 + round(0.17 * body_px) + 2, x0 : max(round(centre + half) + 2, 0)]
    if patch.size == 0:
        return backdrop
    size = SHADOW.shape[0] - 1
    across, down = (
        [2 * half / size, 0, centre - half - x0],
        [0, 0.17 * body_px / size, ground[1] - 0.075 * body_px - y0],
    )
    light = cv2.warpAffine(SHADOW, np.array([across, down]), patch.shape[1::-1], borderValue=255)
    light = cv2.addWeighted(light, 1 / (1 + pose.lift), light, 0, 255 * pose.lift / (1 + pose.lift))
    patch[:] = cv2.multiply(patch, cv2.merge([light] * 3), scale=1 / 255)
    return backdrop


def _image(array: NDArray[np.generic] | cv2.typing.MatLike) -> Image:
    return np.asarray(array, np.uint8)


def _soft_shadow(size: int = 64) -> Image:
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    return _image(255 - 125 * np.clip(1 - x**2 - y**2, 0, 1) ** 0.8)


SHADOW = _soft_shadow()  # light that is left, in [0, 255]


# --- actors -------------------------------------------------------------------------------------------------


def _draw_look(rng: Rng) -> Look:
    hue = rng.random()
    return Look(
        hair=_colour(rng.uniform(0.02, 0.12), rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.8)),
        skin=_colour(rng.uniform(0.04, 0.1), rng.uniform(0.25, 0.5), rng.uniform(0.65, 0.97)),
        cloth=_colour(hue, rng.uniform(0.2, 0.45), rng.uniform(0.92, 1.0)),
        trousers=_colour(hue + rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.5), rng.uniform(0.7, 0.9)),
        outline=_outline(rng),
        texture=_texture(rng),
    )


def _outline(rng: Rng, points: int = 72) -> NDArray[np.float64]:
    """A soft star, flower or polygon around the origin, about 0.54 body heights across."""
    angle = np.linspace(0, 2 * pi, points, endpoint=False)
    corners, depth = int(rng.integers(3, 8)), rng.uniform(0.03, 0.12)
    radius = 0.27 * (1 + depth * np.cos(corners * (angle - pi / 2)))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _texture(rng: Rng, size: int = 128) -> Image:
    """Three colours mixed by noise, with stripes or spots on top; opaque."""
    hue = rng.random()
    ends = [_colour(hue + rng.uniform(-0.15, 0.15), rng.uniform(0.1, 0.35), v) for v in (0.6, 0.9, 1.0)]
    y, x = np.mgrid[0:size, 0:size] * (2 * pi / size)
    waves = np.sin(rng.integers(2, 6) * x + rng.uniform(0, pi)) * np.sin(
        rng.integers(0, 5) * y + rng.uniform(1, 2)
    )
    level = np.clip(_noise(rng, size, size) + 0.3 * waves, 0, 1)
    channels = [np.interp(level, [0.15, 0.5, 0.85], [end[c] for end in ends]) for c in range(3)]
    return _image(np.stack([*channels, np.full((size, size), 255.0)], axis=2))


def _draw_actor(scene: Scene, body: Body, look: Look, ground: Point, body_px: float) -> Image:
    """The actor on nothing, (H, W, 4), anti-aliased."""
    canvas = np.zeros((scene.height, scene.width, 4), np.uint8)
    clothed, bare = _figure(body, look) if scene.actor == "figure" else _shape(body, look)
    for part in (*clothed, *bare):
        _draw_part(canvas, part, INK, ground, body_px, rim_px=1.3 * scene.height / 240)
    for part in clothed:
        _draw_part(canvas, part, part.colour, ground, body_px, rim_px=0.0)
    _tint(canvas, look.texture, body, ground, body_px)
    for part in bare:
        _draw_part(canvas, part, part.colour, ground, body_px, rim_px=0.0)
    return canvas


def _figure(body: Body, look: Look) -> tuple[list[Part], list[Part]]:
    """Clothed and bare parts of a person facing the camera."""
    trunk = np.array([*body.shoulders, body.hips[1], body.hips[0], body.shoulders[0]])
    clothed = [
        *(_limb(look.trousers, 0.045, body.hips[i], body.knees[i], body.feet[i]) for i in (0, 1)),
        Part(trunk, look.cloth, None),
        _limb(look.cloth, 0.05, *body.shoulders, body.hips[1], body.hips[0], body.shoulders[0]),
        *(_limb(look.cloth, 0.036, body.shoulders[i], body.elbows[i], body.hands[i]) for i in (0, 1)),
    ]
    right, up = _axes(body)
    crown = np.array(body.head) + 0.03 * up
    bare = [Part(crown[None], look.hair, 0.095), Part((crown - 0.035 * up)[None], look.skin, 0.08)]
    bare += [_limb(look.skin, 0.042, hand) for hand in body.hands]
    return clothed, [*bare, *_eyes(crown - 0.03 * up, right, 0.033, 0.012)]


def _shape(body: Body, look: Look) -> tuple[list[Part], list[Part]]:
    """Clothed and bare parts of a round creature with thin arms and legs."""
    right, up = _axes(body)
    centre, sides = np.array(body.centre), (-right, right)
    trunk = centre + look.outline @ np.stack([right / body.squash**0.5, up * body.squash])
    clothed = []
    for i, side in enumerate(sides):
        hand, elbow = np.array(body.hands[i]) + 0.17 * side, np.array(body.elbows[i]) + 0.15 * side
        foot = np.array(body.feet[i]) + 0.03 * side + 0.03 * up
        arm = np.stack([centre + 0.16 * side + 0.08 * up, elbow, hand])
        leg = np.stack([centre + 0.09 * side - 0.1 * up, foot])
        clothed += [Part(limb, look.trousers, 0.022) for limb in (arm, leg)]
        clothed += [Part(foot[None], look.trousers, 0.055), Part(hand[None], look.trousers, 0.06)]
    face = centre + 0.08 * up
    whites = [Part((face + 0.075 * side)[None], (250, 248, 240), 0.05) for side in sides]
    return [*clothed, Part(trunk, look.cloth, None)], [*whites, *_eyes(face, right, 0.075, 0.024)]


def _axes(body: Body) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors to the body's right and up."""
    return np.array(body.right), np.array((-body.right[1], body.right[0]))


def _eyes(face: NDArray[np.float64], right: NDArray[np.float64], apart: float, radius: float) -> list[Part]:
    return [Part((face + side * apart * right)[None], INK, radius) for side in (-1, 1)]


def _limb(colour: Colour, radius: float, *joints: Point) -> Part:
    return Part(np.array(joints), colour, radius)


def _draw_part(
    canvas: Image, part: Part, colour: Colour, ground: Point, body_px: float, rim_px: float
) -> None:
    points = (np.array(ground) + part.points * (body_px, -body_px)) * SUBPIXELS
    paint = (*colour, 255.0)
    if part.radius is None:
        cv2.fillPoly(canvas, [points.round().astype(np.int32)], paint, cv2.LINE_AA, SHIFT)
        if rim_px:
            rim = round(2 * rim_px) + 1
            cv2.polylines(canvas, [points.round().astype(np.int32)], True, paint, rim, cv2.LINE_AA, SHIFT)
        return
    radius = (part.radius * body_px + rim_px) * SUBPIXELS
    for x, y in points.tolist():
        cv2.circle(canvas, (round(x), round(y)), round(radius), paint, -1, cv2.LINE_AA, SHIFT)
    for (x0, y0), (x1, y1) in itertools.pairwise(points.tolist()):
        stretch = radius / max(hypot(x1 - x0, y1 - y0), 1e-6)
        dx, dy = (y0 - y1) * stretch, (x1 - x0) * stretch  # across the line
        corners = np.array([(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)])
        cv2.fillConvexPoly(canvas, corners.astype(np.int32), paint, cv2.LINE_AA, SHIFT)


def _tint(canvas: Image, texture: Image, body: Body, ground: Point, body_px: float) -> None:
    """Multiply the texture into what is drawn, laid so that it moves, grows and turns with the body."""
    left, top, width, height = cv2.boundingRect(canvas[:, :, 3])
    if width == 0:
        return
    patch = canvas[top : top + height, left : left + width]
    step, half = 1.2 * body_px / texture.shape[0], texture.shape[0] / 2
    x, y = ground[0] + body.centre[0] * body_px - left, ground[1] - body.centre[1] * body_px - top
    c, s = body.right[0] * step, -body.right[1] * step
    matrix = np.array([[c, -s, x - half * (c - s)], [s, c, y - half * (c + s)]])
    laid = cv2.warpAffine(texture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    patch[:] = cv2.multiply(patch, laid, scale=1 / 255)


# --- backgrounds --------------------------------------------------------------------------------------------


def _colour(hue: float, saturation: float, value: float) -> Colour:
    """RGB in [0, 255] from hue, saturation and value in [0, 1]; the hue wraps around."""
    hsv = np.array([[[hue % 1 * 360, saturation, value]]], np.float32)
    red, green, blue = (255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))[0, 0].tolist()
    return red, green, blue


def _noise(rng: Rng, height: int, width: int, octaves: int = 5) -> NDArray[np.float64]:
    """Cloud-like values in [0, 1], (height, width); each octave half as strong and twice as fine."""
    total = np.zeros((height, width))
    for octave in range(octaves):
        coarse = rng.random((3 * 2**octave, 4 * 2**octave))
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    scaled: NDArray[np.float64] = (total - total.min()) / np.ptp(total)
    return scaled


def _gradient(top: Colour, bottom: Colour, height: int, width: int) -> NDArray[np.float64]:
    """(height, width, 3) from one colour to the other."""
    down = np.linspace(0, 1, height)[:, None, None]
    return np.broadcast_to(np.array(top) * (1 - down) + np.array(bottom) * down, (height, width, 3)).copy()


def _grain(rng: Rng, area: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """Make an area lighter and darker in patches, up to `amount` of its colour either way."""
    shade: NDArray[np.float64] = area * (1 + amount * (2 * _noise(rng, *area.shape[:2]) - 1))[:, :, None]
    return shade


def _finish(rng: Rng, picture: NDArray[np.float64]) -> Image:
    """Add a little fine structure everywhere and darken the corners."""
    height, width = picture.shape[:2]
    fine = cv2.GaussianBlur(rng.normal(0, 6, (height, width)), (0, 0), 0.8)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lit = (picture + fine[:, :, None]) * (1 - 0.13 * (x**2 + y**2))[:, :, None]
    return _image(np.clip(lit, 0, 255))


def _land(
    rng: Rng, height: int, width: int, sky: tuple[Colour, Colour], ground: tuple[Colour, Colour]
) -> NDArray[np.float64]:
    """Clouded sky above the horizon, mottled ground below; each given from top to bottom."""
    line = round(HORIZON * height)
    above = _grain(rng, _gradient(*sky, line, width), 0.1)
    return np.concatenate([above, _grain(rng, _gradient(*ground, height - line, width), 0.16)])


def _ridge(rng: Rng, picture: NDArray[np.float64], rise: float, colour: Colour) -> None:
    """Draw hills of that colour up to `rise` of the height above the horizon."""
    height, width = picture.shape[:2]
    coarse = rng.random((1, 7))
    top = HORIZON - rise * (0.35 + 0.65 * cv2.resize(coarse, (width, 1), interpolation=cv2.INTER_CUBIC)[0])
    row = np.arange(height)[:, None]
    inside = np.clip(row - top * height, 0, 1) * (row < HORIZON * height)
    picture += inside[:, :, None] * (
        _grain(rng, np.broadcast_to(np.array(colour), picture.shape), 0.12) - picture
    )


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


def _dusk(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((104, 92, 148), (250, 190, 148)), ((132, 100, 112), (92, 72, 94)))
    cv2.circle(picture, (round(0.7 * width), round(0.4 * height)), round(0.07 * height), (255, 226, 178), -1)
    for rise, colour in ((0.36, (190, 138, 150)), (0.24, (154, 112, 138)), (0.12, (120, 90, 120))):
        _ridge(rng, picture, rise, colour)
    return _finish(rng, picture)


def _beach(rng: Rng, height: int, width: int) -> Image:
    picture = _land(
        rng, height, width, ((156, 204, 226), (240, 236, 222)), ((236, 218, 178), (218, 192, 146))
    )
    top, line = round(0.47 * height), round(HORIZON * height)
    sea = _gradient((84, 150, 176), (150, 206, 204), line - top, width)
    waves = cv2.resize(rng.random((line - top, 12)), (width, line - top), interpolation=cv2.INTER_CUBIC)
    picture[top:line] = sea + 46 * np.clip(waves - 0.6, 0, 1)[:, :, None]
    picture[line : line + 3] = (248, 246, 238)
    return _finish(rng, picture)


def _snow(rng: Rng, height: int, width: int) -> Image:
    picture = _land(
        rng, height, width, ((178, 196, 214), (228, 232, 238)), ((238, 242, 246), (208, 218, 232))
    )
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


def _city(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((92, 104, 150), (226, 184, 176)), ((128, 124, 134), (96, 94, 108)))
    line, x = round(HORIZON * height), 0
    while x < width:
        wide, tall = int(width * rng.uniform(0.06, 0.14)), int(height * rng.uniform(0.15, 0.48))
        wall = np.array((96, 92, 120)) * rng.uniform(0.75, 1.25)
        picture[line - tall : line, x : x + wide] = wall
        for top in range(line - tall + 5, line - 8, 10):
            for left in range(x + 4, x + wide - 6, 9):
                picture[top : top + 5, left : left + 4] = (
                    (250, 216, 150) if rng.random() < 0.4 else wall * 0.8
                )
        x += wide
    return _finish(rng, picture)


def _room(
    rng: Rng, height: int, width: int, wall: tuple[Colour, Colour], floor: tuple[Colour, Colour]
) -> NDArray[np.float64]:
    """A wall with a skirting board, and floor boards that meet far behind it."""
    picture = _land(rng, height, width, wall, floor)
    line = round(HORIZON * height)
    for end in np.linspace(-1.5, 2.5, 17):
        start = (round((0.5 + 0.35 * (end - 0.5)) * width), line)
        cv2.line(
            picture, start, (round(end * width), height), tuple(0.82 * np.array(floor[1])), 1, cv2.LINE_8
        )
    picture[line - 6 : line] = (244, 240, 232)
    picture[line - 1 : line + 1] = 0.6 * np.array(floor[1])
    return picture


def _parlour(rng: Rng, height: int, width: int) -> Image:
    picture = _room(rng, height, width, ((214, 196, 186), (226, 208, 196)), ((186, 146, 112), (160, 118, 86)))
    wall = picture[: round(HORIZON * height) - 6]
    stripes = np.sin(np.arange(width) * 2 * pi / (0.07 * width)) > 0.2
    wall[:, stripes] *= np.array((0.9, 0.86, 0.9))
    return _finish(rng, picture)


def _gallery(rng: Rng, height: int, width: int) -> Image:
    picture = _room(
        rng, height, width, ((196, 208, 204), (214, 222, 216)), ((150, 152, 158), (118, 120, 130))
    )
    for centre in (0.16, 0.42, 0.63, 0.87):
        half_w, half_h = int(width * rng.uniform(0.05, 0.09)), int(height * rng.uniform(0.1, 0.16))
        x, y = int(width * centre), int(height * rng.uniform(0.26, 0.34))
        picture[y - half_h - 4 : y + half_h + 4, x - half_w - 4 : x + half_w + 4] = (112, 88, 70)
        canvas = _texture(rng)[:, :, :3]
        picture[y - half_h : y + half_h, x - half_w : x + half_w] = cv2.resize(
            canvas, (2 * half_w, 2 * half_h)
        )
    return _finish(rng, picture)


def _lights(rng: Rng, height: int, width: int) -> Image:
    picture = _land(rng, height, width, ((58, 60, 96), (118, 92, 128)), ((96, 84, 112), (66, 60, 88)))
    for strength in (0.15, 0.2, 0.25, 0.3, 0.35):
        glow = np.zeros_like(picture)
        for _ in range(14):
            x, y = int(rng.integers(width)), int(height * rng.uniform(0, HORIZON - 0.04))
            colour = _colour(rng.uniform(-0.1, 0.17), rng.uniform(0.3, 0.6), 1.0)
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


# --- files --------------------------------------------------------------------------------------------------


def _video_name(scene: Scene) -> str:
    return f"{scene.action.name}/{scene.background.name}-{scene.actor}-{scene.seed:08x}.mp4"


def _film_name(number: int, scenes: list[Scene]) -> str:
    return f"films/film-{number + 1}-{scenes[0].seed:08x}.mp4"


def _moments(name: str, scenes: list[Scene]) -> Iterator[tuple[str, str, str, str]]:
    """Name, start and end in seconds and action of each scene of a film."""
    frames = 0
    for scene in scenes:
        start, frames = frames, frames + scene.frames
        yield name, f"{start / scene.fps:.2f}", f"{frames / scene.fps:.2f}", scene.action.name


@contextmanager
def _appearing_whole(path: Path) -> Iterator[Path]:
    """Give the path of a partial file that takes its real name at the end, or is removed on any error."""
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_table(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with _appearing_whole(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def _write_video(path: Path, scenes: list[Scene]) -> None:
    """Write the scenes one after the other as H.264 that browsers play; PyAV's write errors are OSErrors."""
    options = {"movflags": "faststart"}
    with _appearing_whole(path) as part, av.open(str(part), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=scenes[0].fps)
        stream.width, stream.height, stream.pix_fmt = scenes[0].width, scenes[0].height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "24", "g": "50", "bf": "0", "refs": "1"}
        stream.codec_context.thread_count = 1  # the result depends on the number of threads
        for scene in scenes:
            for frame, _ in render(scene):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
