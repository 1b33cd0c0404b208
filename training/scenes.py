"""Scenes of the synthetic collection: one actor performs one action in one place, rendered frame by frame.

With one seed and a still camera a reversed action shows the frames of its partner backwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from training.actions import Action, Moment, Point, Pose, Traits, draw_traits
from training.actors import Actor, Body, draw_actor, draw_look, place_joints
from training.backgrounds import Background
from training.textures import Image, as_image

Mask = NDArray[np.bool_]

BODY = 0.46  # height of a standing actor of scale 1, as a fraction of the frame height
MARGIN = 0.1  # of the frame size, painted beyond each edge for the camera to move over


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
            raise ValueError(f"width and height must be even and 32 or more, got {self.width=}, {self.height=}")
        if not 0 <= self.drift <= MARGIN:
            raise ValueError(f"drift must be between 0 and {MARGIN}, got {self.drift=}")

    @property
    def frames(self) -> int:
        """Number of frames."""
        return round(self.duration_s * self.fps)


def render(scene: Scene) -> Iterator[tuple[Image, Mask]]:
    """Yield each frame (H, W, 3) with the mask (H, W) of the pixels that the actor covers, even in part."""
    for backdrop, actor in _layers(scene):
        opacity = cv2.merge([actor[:, :, 3]] * 3)
        behind = cv2.multiply(backdrop, 255 - opacity, scale=1 / 255)
        yield as_image(cv2.add(behind, cv2.cvtColor(actor, cv2.COLOR_RGBA2RGB))), actor[:, :, 3] > 0


def render_backdrop(scene: Scene) -> Iterator[Image]:
    """Yield the frames of `render` without the actor, but with the shadow on the ground."""
    for backdrop, _ in _layers(scene):
        yield backdrop


def _layers(scene: Scene) -> Iterator[tuple[Image, Image]]:
    """Yield the place with the actor's shadow (H, W, 3), and the actor alone (H, W, 4)."""
    rng = np.random.default_rng(scene.seed)
    traits, look = draw_traits(rng), draw_look(rng)
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
            draw_actor(scene.actor, body, look, ground, body_px, scene.height, scene.width),
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
    return as_image(cv2.getRectSubPix(place, (scene.width, scene.height), centre))


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


def _soft_shadow(size: int = 64) -> Image:
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    return as_image(255 - 125 * np.clip(1 - x**2 - y**2, 0, 1) ** 0.8)


SHADOW = _soft_shadow()  # light that is left, in [0, 255]
