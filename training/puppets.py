"""Puppets: jointed figures drawn on the device, whose movements are known, so that two of them can move alike.

Contrast between clips of one video can't teach that a movement stays the same with another body in another place: each
video has one. Two puppets that perform one movement with other bodies, clothes, cameras and backgrounds can [ours].

Sizes: B movements, T frames, J joints, P parts, S pixels.
"""

from dataclasses import dataclass
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

# What can move: lowest value, at rest, highest; body heights and radians. Angles of a limb say how far it is swung away
# from hanging down, outwards and to the front, which is where the camera is; a bend adds to them below the joint.
_FIGURE = {
    "x": (-0.3, 0.0, 0.3),
    "y": (-0.1, 0.0, 0.25),
    "roll": (-0.3, 0.0, 0.3),  # in the plane of the screen
    "turn": (-0.7, 0.0, 0.7),  # around the upright axis
    "lean_side": (-0.4, 0.0, 0.4),
    "lean_front": (-0.3, 0.0, 1.4),
    "nod": (-0.3, 0.0, 0.3),
}
_LIMBS = {
    "arm_out": (0.05, 0.15, 2.9),
    "arm_front": (-0.6, 0.0, 1.7),
    "elbow": (-0.1, 0.2, 2.4),
    "hand": (-1.5, 0.0, 1.5),
    "leg_out": (0.0, 0.08, 0.9),
    "leg_front": (-0.6, 0.0, 1.3),
    "knee": (-1.6, 0.0, 0.0),
}
_SIDES = {"l": -1, "r": 1}  # of the screen
_DOFS = _FIGURE | {f"{limb}_{side}": values for side in _SIDES for limb, values in _LIMBS.items()}
_LOWEST, _REST, _HIGHEST = torch.tensor([*_DOFS.values()]).T
# What tends to move together, and how often; a movement draws one to three of these.
_GROUPS = {
    ("arm_out_l", "arm_front_l", "elbow_l", "hand_l"): 3.0,
    ("arm_out_r", "arm_front_r", "elbow_r", "hand_r"): 3.0,
    ("elbow_l", "hand_l"): 1.5,
    ("elbow_r", "hand_r"): 1.5,
    ("leg_out_l", "leg_front_l", "knee_l"): 1.0,
    ("leg_out_r", "leg_front_r", "knee_r"): 1.0,
    ("lean_side", "lean_front", "nod"): 1.0,
    ("x", "turn"): 1.0,
    ("y", "knee_l", "knee_r", "leg_front_l", "leg_front_r"): 1.0,
    ("roll", "y"): 0.5,
}
_MOVES = 3  # of each degree of freedom, one after the other

_BONES = {  # body heights; those of shoulders and hips are from the middle
    "trunk": 0.27,
    "head": 0.11,
    "shoulder": 0.105,
    "upper_arm": 0.17,
    "forearm": 0.15,
    "hip": 0.055,
    "thigh": 0.23,
    "shin": 0.23,
}
_NECK, _HAND = 0.05, 0.045  # of every body
_SHIRT, _SKIN, _SLEEVE, _FOREARM, _TROUSERS, _SHIN = range(6)  # what has a colour
_PARTS = (  # from joint to joint, numbered as `_joints` stacks them; radius in body heights; colour
    (0, 1, 0.095, _SHIRT),
    (1, 2, 0.07, _SKIN),
    *((3, 4, 0.042, _SLEEVE), (4, 5, 0.036, _FOREARM), (5, 6, 0.034, _SKIN)),
    *((7, 8, 0.042, _SLEEVE), (8, 9, 0.036, _FOREARM), (9, 10, 0.034, _SKIN)),
    *((11, 12, 0.055, _TROUSERS), (12, 13, 0.045, _SHIN)),
    *((14, 15, 0.055, _TROUSERS), (15, 16, 0.045, _SHIN)),
    (3, 7, 0.06, _SHIRT),
    (11, 14, 0.06, _TROUSERS),
)
_ENDS = torch.tensor([part[:2] for part in _PARTS])
_RADII = torch.tensor([part[2] for part in _PARTS])
_CLOTHES = torch.tensor([part[3] for part in _PARTS])


def twins(backgrounds: Tensor, span: float, rng: torch.Generator) -> Tensor:
    """Show each of B movements by two puppets that share nothing else.

    Args:
        backgrounds: (2, B, 3, T, S, S) RGB in [0, 1], on whose device is drawn; who stands where is drawn anew in each
            half, so row i of both may be of one video.
        span: seconds that a clip covers.
        rng: of the CPU; draws movements, bodies, clothes, cameras and places.

    Returns:
        (2, B, 3, T, S, S) RGB in [0, 1]. The puppets of neighbouring rows wear the same in the same place, so that
        looks alone can't tell which two move alike.
    """
    count, time, device = backgrounds.shape[1], backgrounds.shape[3], backgrounds.device
    movements = draw_movements(count, span, rng)
    pairs = [(torch.arange(count) + half) % count // 2 * 2 for half in range(2)]  # another neighbour in each half
    halves = [_figures(movements, time, alike, rng) for alike in pairs]
    places = [torch.randperm(count, generator=rng)[alike].to(device) for alike in pairs]
    drawn = _draw(
        _Figures(*(torch.cat(both).to(device) for both in zip(*halves, strict=True))),
        torch.cat([half[place] for half, place in zip(backgrounds, places, strict=True)]),
    )
    mirrored = (torch.rand(2 * count, 1, 1, 1, 1, generator=rng) < 0.5).to(device)
    return torch.where(mirrored, drawn.flip(-1), drawn).reshape(backgrounds.shape)


@dataclass(frozen=True)
class Movements:
    """What B puppets do, whoever they are; value = base + moves done + swing."""

    base: Tensor  # (B, DOFS)
    moves: Tensor  # (B, DOFS, MOVES) how far each goes
    begins: Tensor  # (B, DOFS, MOVES) seconds
    ends: Tensor  # (B, DOFS, MOVES) seconds
    swing: Tensor  # (B, DOFS) amplitude
    pace: Tensor  # (B, DOFS) radians a second
    phase: Tensor  # (B, DOFS) radians
    backwards: Tensor  # (B,) whether time runs backwards
    span: float  # seconds

    def at(self, times: Tensor) -> Tensor:
        """(B, T, DOFS) at (B, T) seconds."""
        t = torch.where(self.backwards[:, None], self.span - times, times)[..., None]  # (B, T, 1)
        done = ((t[..., None] - self.begins[:, None]) / (self.ends - self.begins)[:, None]).clamp(0, 1)
        moved = (self.moves[:, None] * done.square() * (3 - 2 * done)).sum(-1)  # each begins and ends at rest
        swung = self.swing[:, None] * torch.sin(self.pace[:, None] * t + self.phase[:, None])
        return self.base[:, None] + moved + swung


def draw_movements(count: int, span: float, rng: torch.Generator) -> Movements:
    """Draw movements of `span` seconds; every fourth is the one before it, backwards."""
    size = (count, len(_DOFS))
    active = _active(count, rng)
    base = _poses(active, rng)
    begins, ends = _moments(count, rng)
    swings = active * _chance(0.5, rng, *size) * _chance(0.5, rng, count, 1)
    beat = 2 * pi * _between(0.4, 2.5, rng, count, 1)  # one for all that swings
    quarters = torch.randint(0, 4, size, generator=rng)
    backwards = torch.arange(count) % 4 == 3
    rows = torch.arange(count) - backwards.long()
    return Movements(
        base=base[rows],
        moves=_moves(base, active, rng)[rows],
        begins=begins[rows] * span,
        ends=ends[rows] * span,
        swing=(swings * _between(0.1, 0.35, rng, *size) * (_HIGHEST - _LOWEST))[rows],
        pace=(beat * torch.where(_chance(0.2, rng, *size), 2.0, 1.0))[rows],
        phase=(_between(0, 2 * pi, rng, count, 1) + pi / 2 * quarters)[rows],
        backwards=backwards,
        span=span,
    )


def _active(count: int, rng: torch.Generator) -> Tensor:
    """(B, DOFS) whether it moves: what one to three groups name."""
    member = torch.tensor([[name in names for name in _DOFS] for names in _GROUPS])
    weights = torch.tensor([*_GROUPS.values()])
    picked = torch.multinomial(weights.expand(count, -1), 3, generator=rng)  # (B, 3)
    kept = torch.arange(3) < torch.randint(1, 4, (count, 1), generator=rng)
    return (member[picked] & kept[..., None]).any(1)


def _poses(active: Tensor, rng: torch.Generator) -> Tensor:
    """(B, DOFS) from where movements start: nearly at rest but for what moves; half of them hold a pose besides."""
    count = len(active)
    held = _active(count, rng) & _chance(0.5, rng, count, 1)
    rest = (_REST + 0.05 * torch.randn(active.shape, generator=rng)).clamp(_LOWEST, _HIGHEST)
    return torch.where(active | held, torch.lerp(_LOWEST, _HIGHEST, torch.rand(active.shape, generator=rng)), rest)


def _moves(base: Tensor, active: Tensor, rng: torch.Generator) -> Tensor:
    """(B, DOFS, MOVES) how far each goes: from goal to goal, some left out; two movements in five end as they began."""
    goals = torch.lerp(_LOWEST, _HIGHEST, torch.rand(_MOVES, *base.shape, generator=rng))
    taken = active & _chance(0.7, rng, *goals.shape)
    places = [base]
    for goal, take in zip(goals, taken, strict=True):
        places.append(torch.where(take, goal, places[-1]))
    places[-1] = torch.where(_chance(0.4, rng, len(base), 1), base, places[-1])
    return torch.stack(places, -1).diff(dim=-1)


def _moments(count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """When moves begin and end, both (B, DOFS, MOVES) in spans."""
    size = (count, len(_DOFS), _MOVES)
    begins = _between(-0.2, 0.7, rng, *size).sort(-1).values
    begins = torch.lerp(begins, begins.mean(1, keepdim=True), 0.7)  # limbs move together
    # Ends are sorted too: no move overtakes the one before it, which would carry a joint beyond its goals.
    return begins, (begins + _between(0.15, 0.45, rng, *size)).sort(-1).values


class _Figures(NamedTuple):
    """What is drawn of B clips, in fractions of the picture from its top left corner."""

    points: Tensor  # (B, T, J, 2)
    depth: Tensor  # (B, T, J) towards the camera
    radii: Tensor  # (B, P)
    colours: Tensor  # (B, P, 3) RGB


def _figures(movements: Movements, time: int, alike: Tensor, rng: torch.Generator) -> _Figures:
    """Let one puppet each perform the movements; row i wears what row `alike[i]` does."""
    count = len(movements.base)
    base, values = movements.base[:, None], movements.at(_times(count, time, movements.span, rng))
    joints = _joints(base + _between(0.85, 1.2, rng, count, 1, 1) * (values - base), _bones(count, rng))
    points, depth, zoom = _filmed(joints, rng)
    stout = _between(0.75, 1.35, rng, count, 1) * _between(0.85, 1.15, rng, count, len(_PARTS))
    return _Figures(points, depth, (_RADII * stout)[alike] * zoom[:, None], _colours(count, rng)[alike][:, _CLOTHES])


def _times(count: int, time: int, span: float, rng: torch.Generator) -> Tensor:
    """(B, T) seconds at which a twin is filmed: faster or slower, begun a little earlier or later."""
    middle = (torch.arange(time) + 0.5) / time - 0.5
    return span * (0.5 + _between(-0.08, 0.08, rng, count, 1) + middle * _between(0.8, 1.25, rng, count, 1))


def _bones(count: int, rng: torch.Generator) -> Tensor:
    """(B, BONES) lengths; one body in five has no human proportions."""
    varied = torch.where(_chance(0.2, rng, count, 1), 0.4, 0.1)
    return torch.tensor([*_BONES.values()]) * torch.exp(varied * torch.randn(count, len(_BONES), generator=rng))


def _joints(values: Tensor, bones: Tensor) -> Tensor:
    """(B, T, J, 3) joints in body heights from (B, T, DOFS) values: x right, y up, z to the camera."""
    dof = dict(zip(_DOFS, values.unbind(-1), strict=True))
    bone = dict(zip(_BONES, bones[:, None, None].unbind(-1), strict=True))
    lean, bow, level = dof["lean_side"], dof["lean_front"], torch.zeros_like(dof["x"])
    pelvis = torch.stack([dof["x"], dof["y"], level], -1)
    up, across = _direction(pi - lean, bow), _direction(pi / 2 - lean, level)
    chest = pelvis + bone["trunk"] * up
    neck = chest + _NECK * up
    joints = [pelvis, neck, neck + bone["head"] * _direction(pi - lean, bow / 2 + dof["nod"])]
    for side, sign in _SIDES.items():
        joints += _arm(chest + sign * bone["shoulder"] * across, side, dof, bone)
    for side, sign in _SIDES.items():
        joints += _leg(pelvis + sign * bone["hip"] * across, side, dof, bone)
    return _turned(torch.stack(joints, -2), pelvis[..., None, :], dof["roll"], dof["turn"])


def _arm(shoulder: Tensor, side: str, dof: dict[str, Tensor], bone: dict[str, Tensor]) -> list[Tensor]:
    """Shoulder, elbow, wrist and tip of a hand."""
    sign, bend, hand = _SIDES[side], dof[f"elbow_{side}"], dof[f"hand_{side}"]
    out, front = sign * dof[f"arm_out_{side}"] - dof["lean_side"] / 2, dof[f"arm_front_{side}"]
    elbow = shoulder + bone["upper_arm"] * _direction(out, front)
    out = out * (1 - 0.3 * bend.sin()) - sign * 0.4 * bend * hand.sin()  # bent, it comes inwards
    wrist = elbow + bone["forearm"] * _direction(out, front + bend)
    return [shoulder, elbow, wrist, wrist + _HAND * _direction(out + sign * 0.5 * hand, front + bend)]


def _leg(hip: Tensor, side: str, dof: dict[str, Tensor], bone: dict[str, Tensor]) -> list[Tensor]:
    """Hip, knee and foot."""
    out, front = _SIDES[side] * dof[f"leg_out_{side}"], dof[f"leg_front_{side}"]
    knee = hip + bone["thigh"] * _direction(out, front)
    return [hip, knee, knee + bone["shin"] * _direction(out, front + dof[f"knee_{side}"])]


def _direction(out: Tensor, front: Tensor) -> Tensor:
    """(..., 3) unit vector: down, swung to the right by `out` and towards the camera by `front`."""
    return torch.stack([out.sin() * front.cos(), -out.cos() * front.cos(), front.sin()], -1)


def _turned(points: Tensor, pivot: Tensor, roll: Tensor, turn: Tensor) -> Tensor:
    """(B, T, J, 3) points turned around the upright axis, then in the plane of the screen, by (B, T) radians."""
    x, y, z = (points - pivot).unbind(-1)
    sin, cos = turn[..., None].sin(), turn[..., None].cos()
    x, z = x * cos + z * sin, z * cos - x * sin
    sin, cos = roll[..., None].sin(), roll[..., None].cos()
    return torch.stack([x * cos - y * sin, x * sin + y * cos, z], -1) + pivot


def _filmed(joints: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Place a camera for each clip: half of them see whole bodies, the others are nearer.

    Returns:
        (B, T, J, 2) points in fractions of the picture, (B, T, J) depth, (B,) fractions in a body height.
    """
    count = len(joints)
    yaw, tilt = _between(-0.5, 0.5, rng, count, 1), _between(-0.15, 0.15, rng, count, 1)
    x, y, depth = _turned(joints, torch.zeros(3), tilt, yaw).unbind(-1)
    whole = _chance(0.5, rng, count)
    zoom = torch.where(whole, _between(0.4, 0.9, rng, count), _between(0.9, 1.8, rng, count))
    height = torch.where(whole, 0.0, 0.2)  # body heights above the pelvis that the camera looks at
    squeezed = zoom * _between(0.75, 1.05, rng, count)  # pictures of all shapes are made square
    x0, y0 = 0.5 + _between(-0.15, 0.15, rng, count), 0.5 + _between(-0.1, 0.1, rng, count) + height * zoom
    x0, y0, squeezed, scale = (each[:, None, None] for each in (x0, y0, squeezed, zoom))
    return torch.stack([x0 + x * squeezed, y0 - y * scale], -1), depth, zoom


def _colours(count: int, rng: torch.Generator) -> Tensor:
    """(B, 6, 3) RGB of what they wear; sleeves are often those of the shirt, or bare."""
    shirt, other, sleeve, trousers = torch.rand(4, count, 3, generator=rng)
    tones = torch.tensor([0.75, 0.55, 0.45]) * _between(0.35, 1.3, rng, count, 1)
    skin = torch.where(_chance(0.8, rng, count, 1), tones + 0.05 * torch.randn(count, 3, generator=rng), other)
    sleeve = torch.where(_chance(0.6, rng, count, 1), shirt, sleeve)
    forearm = torch.where(_chance(0.6, rng, count, 1), skin, sleeve)
    shin = torch.where(_chance(0.7, rng, count, 1), trousers, skin)
    return torch.stack([shirt, skin, sleeve, forearm, trousers, shin], 1).clamp(0, 1)


def _draw(figures: _Figures, backgrounds: Tensor) -> Tensor:
    """Draw the parts over the (B, 3, T, S, S) backgrounds, the farthest first."""
    device, size = backgrounds.device, backgrounds.shape[-1]
    ends = _ENDS.to(device)
    order = figures.depth[:, :, ends].mean(-1).argsort(-1)  # (B, T, P)
    lines = torch.take_along_dim(figures.points[:, :, ends], order[..., None, None], 2)  # (B, T, P, 2, 2)
    radii = torch.take_along_dim(figures.radii[:, None], order, 2)[..., None, None]
    colours = torch.take_along_dim(figures.colours[:, None], order[..., None], 2)[..., None, None]
    centres = (torch.arange(size, device=device) + 0.5) / size
    picture = backgrounds.transpose(1, 2)  # (B, T, 3, S, S)
    for part in range(len(_PARTS)):
        away = _distance(lines[:, :, part], centres) / radii[:, :, part]  # (B, T, S, S) in radii
        covered = ((1 - away) * radii[:, :, part] * size + 0.5).clamp(0, 1)  # anti-aliased
        shaded = colours[:, :, part] * (1.1 - 0.35 * away.clamp(0, 1).square())[:, :, None]
        picture = torch.lerp(picture, shaded.clamp(0, 1), covered[:, :, None])
    return picture.transpose(1, 2)


def _distance(line: Tensor, centres: Tensor) -> Tensor:
    """(B, T, S, S) how far pixels are from lines (B, T, from and to, xy)."""
    (x0, y0), (x1, y1) = ((end[..., 0, None, None], end[..., 1, None, None]) for end in line.unbind(2))
    x, y = centres[None, :] - x0, centres[:, None] - y0  # (B, T, 1, S), (B, T, S, 1)
    dx, dy = x1 - x0, y1 - y0
    along = ((x * dx + y * dy) / (dx.square() + dy.square() + 1e-9)).clamp(0, 1)
    return ((x - along * dx).square() + (y - along * dy).square() + 1e-12).sqrt()


def _between(low: float, high: float, rng: torch.Generator, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=rng)


def _chance(probability: float, rng: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=rng) < probability
