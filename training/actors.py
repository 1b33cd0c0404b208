"""The actors of the synthetic collection, a figure and a shape: joints, looks and drawing."""

import itertools
from dataclasses import dataclass
from math import cos, hypot, pi, sin, sqrt
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from training.actions import Point, Pose
from training.textures import Colour, Image, Rng, draw_texture, hsv_colour

Actor = Literal["figure", "shape"]
ACTORS: tuple[Actor, Actor] = ("figure", "shape")

SHIFT = 4  # binary digits after the point of the coordinates that are drawn
SUBPIXELS = 2**SHIFT
INK: Colour = (52, 44, 58)
UPPER_ARM, LOWER_ARM, HALF_LEG = 0.18, 0.17, 0.231


@dataclass(frozen=True)
class Body:
    """Joint positions in body heights, (0, 0) being the ground under the actor; pairs are (left, right)."""

    hips: tuple[Point, Point]
    knees: tuple[Point, Point]
    feet: tuple[Point, Point]
    shoulders: tuple[Point, Point]
    elbows: tuple[Point, Point]
    hands: tuple[Point, Point]
    centre: Point
    head: Point
    right: Point  # unit vector pointing to the actor's right on the screen, turned with the body
    squash: float  # height of the trunk over its height when standing


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


def draw_look(rng: Rng) -> Look:
    """Draw what one actor wears, figure or shape."""
    hue = rng.random()
    return Look(
        hair=hsv_colour(rng.uniform(0.02, 0.12), rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.8)),
        skin=hsv_colour(rng.uniform(0.04, 0.1), rng.uniform(0.25, 0.5), rng.uniform(0.65, 0.97)),
        cloth=hsv_colour(hue, rng.uniform(0.2, 0.45), rng.uniform(0.92, 1.0)),
        trousers=hsv_colour(hue + rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.5), rng.uniform(0.7, 0.9)),
        outline=_outline(rng),
        texture=draw_texture(rng),
    )


def place_joints(pose: Pose) -> Body:
    """Work out every joint of a pose; arms from their angles, knees from hips and feet."""
    hip_y = 0.46 * (1 - 0.55 * pose.crouch)
    chest_y = hip_y + 0.3
    hips, shoulders = ((-0.06, hip_y), (0.06, hip_y)), ((-0.11, chest_y), (0.11, chest_y))
    knees = (_knee(hips[0], pose.feet[0], -1), _knee(hips[1], pose.feet[1], 1))
    elbows = tuple(_swing(shoulders[i], pose.arms[i][0], UPPER_ARM, 2 * i - 1) for i in (0, 1))
    hands = tuple(_swing(elbows[i], pose.arms[i][1], LOWER_ARM, 2 * i - 1) for i in (0, 1))

    def turned(points: tuple[Point, ...]) -> tuple[Point, Point]:
        left, right = (_turn(point, pose) for point in points)
        return left, right

    return Body(
        hips=turned(hips),
        knees=turned(knees),
        feet=turned(pose.feet),
        shoulders=turned(shoulders),
        elbows=turned(elbows),
        hands=turned(hands),
        centre=_turn((0.0, hip_y * 0.9 + 0.09), pose),
        head=_turn((0.0, chest_y + 0.145), pose),
        right=(cos(pose.turn), -sin(pose.turn)),
        squash=1 - 0.35 * pose.crouch,
    )


def draw_actor(actor: Actor, body: Body, look: Look, ground: Point, body_px: float, height: int, width: int) -> Image:
    """Draw the actor on nothing, anti-aliased.

    Args:
        actor: which of the two kinds.
        body: its joints.
        look: what it wears.
        ground: (x, y) in pixels of the ground under it, y downwards.
        body_px: pixels in a body height.
        height: pixels of the frame.
        width: pixels of the frame.

    Returns:
        (height, width, 4).
    """
    canvas = np.zeros((height, width, 4), np.uint8)
    clothed, bare = _figure(body, look) if actor == "figure" else _shape(body, look)
    for part in (*clothed, *bare):
        _draw_part(canvas, part, INK, ground, body_px, rim_px=1.3 * height / 240)
    for part in clothed:
        _draw_part(canvas, part, part.colour, ground, body_px, rim_px=0.0)
    _tint(canvas, look.texture, body, ground, body_px)
    for part in bare:
        _draw_part(canvas, part, part.colour, ground, body_px, rim_px=0.0)
    return canvas


def _swing(joint: Point, angle: float, length: float, side: int) -> Point:
    return joint[0] + side * length * sin(angle), joint[1] - length * cos(angle)


def _knee(hip: Point, foot: Point, side: int) -> Point:
    along = (foot[0] - hip[0], foot[1] - hip[1])
    distance = max(hypot(*along), 1e-6)
    bend = sqrt(max(HALF_LEG**2 - (distance / 2) ** 2, 0.0)) * side / distance
    return (hip[0] + foot[0]) / 2 - bend * along[1], (hip[1] + foot[1]) / 2 + bend * along[0]


def _turn(point: Point, pose: Pose) -> Point:
    x, y = point[0], point[1] - pose.pivot
    c, s = cos(pose.turn), sin(pose.turn)
    return x * c + y * s, pose.pivot + pose.lift - x * s + y * c


def _outline(rng: Rng, points: int = 72) -> NDArray[np.float64]:
    """A soft star, flower or polygon around the origin, about 0.54 body heights across."""
    angle = np.linspace(0, 2 * pi, points, endpoint=False)
    corners, depth = int(rng.integers(3, 8)), rng.uniform(0.03, 0.12)
    radius = 0.27 * (1 + depth * np.cos(corners * (angle - pi / 2)))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


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


def _draw_part(canvas: Image, part: Part, colour: Colour, ground: Point, body_px: float, rim_px: float) -> None:
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
