"""Puppets: jointed figures drawn on the device, whose movements are known, so that two of them can move alike.

Contrast between clips of one video can't teach that a movement stays the same with another body in another place: each
video has one. Two puppets that perform one movement with other bodies, clothes, cameras and backgrounds can [ours].

Sizes: B movements, T frames, J joints, P parts, S pixels.
"""

from dataclasses import dataclass, fields
from math import pi

import torch
from torch import Tensor

# The degrees of freedom: what can move, in body heights and radians. Angles of a limb say how far it is swung away from
# hanging down: first outwards, then forwards; a bend adds to both of them below the joint.
_DOFS = (
    "x", "y", "roll", "turn",  # of the whole figure: place on the screen, in its plane, around its upright axis
    "lean_side", "lean_front", "nod",
    "arm_out_l", "arm_front_l", "elbow_l", "hand_l", "arm_out_r", "arm_front_r", "elbow_r", "hand_r",
    "leg_out_l", "leg_front_l", "knee_l", "leg_out_r", "leg_front_r", "knee_r",
)  # fmt: skip
_AT = {name: number for number, name in enumerate(_DOFS)}
_LOWEST = torch.tensor([-0.3, -0.1, -0.3, -0.7, -0.4, -0.3, -0.3]
    + [0.05, -0.6, -0.1, -1.5] * 2 + [0.0, -0.6, -1.6] * 2)  # fmt: skip
_HIGHEST = torch.tensor([0.3, 0.25, 0.3, 0.7, 0.4, 1.4, 0.3]
    + [2.9, 1.7, 2.4, 1.5] * 2 + [0.9, 1.3, 0.0] * 2)  # fmt: skip
_REST = torch.tensor([0.0] * 7 + [0.15, 0.0, 0.2, 0.0] * 2 + [0.08, 0.0, 0.0] * 2)
# What tends to move together; a movement draws one to three of these.
_GROUPS = (
    ("arm_out_l", "arm_front_l", "elbow_l", "hand_l"),
    ("arm_out_r", "arm_front_r", "elbow_r", "hand_r"),
    ("elbow_l", "hand_l"),
    ("elbow_r", "hand_r"),
    ("leg_out_l", "leg_front_l", "knee_l"),
    ("leg_out_r", "leg_front_r", "knee_r"),
    ("lean_side", "lean_front", "nod"),
    ("x", "turn"),
    ("y", "knee_l", "knee_r", "leg_front_l", "leg_front_r"),
    ("roll", "y"),
)
_GROUP_WEIGHTS = torch.tensor([3.0, 3.0, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5])
_MOVES = 3  # of each degree of freedom, one after the other

# Parts: from joint to joint, of some thickness. Joints are numbered as `_joints` stacks them.
_PARTS = (
    (0, 1), (1, 2), (3, 4), (4, 5), (5, 6), (7, 8), (8, 9), (9, 10),
    (11, 12), (12, 13), (14, 15), (15, 16), (3, 7), (11, 14),
)  # fmt: skip
_RADII = torch.tensor([0.095, 0.07, 0.042, 0.036, 0.034, 0.042, 0.036, 0.034, 0.055, 0.045, 0.055, 0.045, 0.06, 0.06])
_CLOTHES = torch.tensor([0, 1, 2, 3, 1, 2, 3, 1, 4, 5, 4, 5, 0, 4])  # which of the colours: cloth, skin, sleeves, ...
_COLOURS = 6


@dataclass(frozen=True)
class Movements:
    """What B puppets do, whoever they are; value = base + moves done + swing."""

    base: Tensor  # (B, DOFS)
    moves: Tensor  # (B, DOFS, MOVES) how far each goes
    begins: Tensor  # (B, DOFS, MOVES) seconds
    lasts: Tensor  # (B, DOFS, MOVES) seconds
    swing: Tensor  # (B, DOFS) amplitude
    pace: Tensor  # (B, DOFS) radians a second
    phase: Tensor  # (B, DOFS) radians
    backwards: Tensor  # (B,) whether time runs backwards
    span: float  # seconds

    def at(self, times: Tensor) -> Tensor:
        """(B, T, DOFS) at (B, T) seconds."""
        t = torch.where(self.backwards[:, None], self.span - times, times)[..., None]  # (B, T, 1)
        done = ((t[..., None] - self.begins[:, None]) / self.lasts[:, None]).clamp(0, 1)
        moved = (self.moves[:, None] * done.square() * (3 - 2 * done)).sum(-1)  # each begins and ends at rest
        swung = self.swing[:, None] * torch.sin(self.pace[:, None] * t + self.phase[:, None])
        return self.base[:, None] + moved + swung


def draw_movements(count: int, span: float, rng: torch.Generator) -> Movements:
    """Draw movements of `span` seconds; every fourth is the one before it, backwards."""
    size = (count, len(_DOFS))

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=rng)

    active = _active(count, rng)
    pose = _LOWEST + (_HIGHEST - _LOWEST) * torch.rand(size, generator=rng)
    posed = _active(count, rng) * (uniform(0, 1, count, 1) < 0.5)  # some hold a pose while they move
    base = torch.where(active + posed > 0, pose, _REST + 0.05 * torch.randn(size, generator=rng))
    reach = (_HIGHEST - _LOWEST)[:, None]
    goals = _LOWEST[:, None] + reach * torch.rand((*size, _MOVES), generator=rng)
    moves = torch.diff(torch.cat([base[..., None], goals], -1), dim=-1)
    moves = moves * active[..., None] * (uniform(0, 1, *size, _MOVES) < 0.7)
    moves[..., -1] = torch.where(uniform(0, 1, count, 1) < 0.4, -moves[..., :-1].sum(-1), moves[..., -1])  # and back
    swings = active * (uniform(0, 1, *size) < 0.5) * (uniform(0, 1, count, 1) < 0.5)
    shared = uniform(0.4, 2.5, count, 1)  # one beat for all that swings
    begins = uniform(-0.2, 0.7, *size, _MOVES).sort(-1).values
    begins = torch.lerp(begins, begins.mean(1, keepdim=True).expand_as(begins), 0.7)  # limbs move together
    lasts = uniform(0.15, 0.45, *size, _MOVES)
    swing = swings * uniform(0.1, 0.35, *size) * reach[:, 0]
    pace = 2 * pi * shared * torch.where(uniform(0, 1, *size) < 0.2, 2.0, 1.0)
    phase = uniform(0, 2 * pi, count, 1) + (pi / 2) * torch.randint(0, 4, size, generator=rng)
    backwards = torch.arange(count) % 4 == 3
    rows = torch.arange(count) - backwards.long()
    return Movements(
        base[rows], moves[rows], begins[rows] * span, lasts[rows] * span, swing[rows], pace[rows], phase[rows],
        backwards, span,
    )  # fmt: skip


def _active(count: int, rng: torch.Generator) -> Tensor:
    """(B, DOFS) 1 for what moves: one to three groups of what can."""
    member = torch.zeros(len(_GROUPS), len(_DOFS))
    for number, names in enumerate(_GROUPS):
        member[number, [_AT[name] for name in names]] = 1
    picked = torch.multinomial(_GROUP_WEIGHTS.expand(count, -1), 3, generator=rng)  # (B, 3)
    kept = torch.arange(3) < torch.randint(1, 4, (count, 1), generator=rng)
    return (member[picked] * kept[..., None]).amax(1)


def twins(backgrounds: Tensor, span: float, rng: torch.Generator) -> Tensor:
    """Show each of B movements by two puppets that share nothing else.

    Args:
        backgrounds: (2, B, 3, T, S, S) RGB in [0, 1], on whose device is drawn.
        span: seconds that a clip covers.
        rng: of the CPU; draws movements, bodies, clothes and cameras.

    Returns:
        (2, B, 3, T, S, S) RGB in [0, 1]. The puppets of neighbouring rows wear the same in the same place, so that
        looks alone can't tell which two move alike.
    """
    _, count, _, time, _, _ = backgrounds.shape
    movements = draw_movements(count, span, rng)
    pairs = [(torch.arange(count) + twin) % count // 2 * 2 for twin in range(2)]  # who wears the same, in each half
    drawn = _draw(
        _joined([_figures(movements, time, alike, rng) for alike in pairs], backgrounds.device),
        torch.cat([each[alike.to(each.device)] for each, alike in zip(backgrounds, pairs, strict=True)]),
    )
    mirrored = (torch.rand(2 * count, 1, 1, 1, 1, generator=rng) < 0.5).to(drawn.device)
    return torch.where(mirrored, drawn.flip(-1), drawn).reshape(backgrounds.shape)


@dataclass(frozen=True)
class _Figures:
    """What is drawn of B clips, in fractions of the picture from its top left corner."""

    points: Tensor  # (B, T, J, 2)
    depth: Tensor  # (B, T, J) towards the camera
    radii: Tensor  # (B, P)
    colours: Tensor  # (B, P, 3) RGB


def _joined(halves: list[_Figures], device: torch.device) -> _Figures:
    names = [field.name for field in fields(_Figures)]
    return _Figures(*(torch.cat([getattr(half, name) for half in halves]).to(device) for name in names))


def _figures(movements: Movements, time: int, alike: Tensor, rng: torch.Generator) -> _Figures:
    """Let one puppet each perform the movements; row i wears what row `alike[i]` does."""
    count = len(movements.base)
    values = movements.at(_times(count, time, movements.span, rng))
    base = movements.base[:, None]
    joints = _joints(base + _between(0.85, 1.2, rng, count, 1, 1) * (values - base), _bones(count, rng))
    points, depth, zoom = _filmed(joints, rng)
    stout = _between(0.75, 1.35, rng, count, 1) * _between(0.85, 1.15, rng, count, len(_PARTS))
    radii = (_RADII * stout)[alike] * zoom[:, None]
    return _Figures(points, depth, radii, _colours(count, rng)[alike][:, _CLOTHES])


def _times(count: int, time: int, span: float, rng: torch.Generator) -> Tensor:
    """(B, T) seconds at which a twin is filmed: faster or slower, begun a little earlier or later."""
    middle = (torch.arange(time) + 0.5) / time - 0.5
    return span * (0.5 + _between(-0.08, 0.08, rng, count, 1) + middle * _between(0.8, 1.25, rng, count, 1))


def _bones(count: int, rng: torch.Generator) -> Tensor:
    """(B, 8) factors of the lengths of a body's bones; one body in five has no human proportions."""
    strange = torch.rand(count, 1, generator=rng) < 0.2
    return torch.exp(torch.randn(count, 8, generator=rng) * torch.where(strange, 0.4, 0.1))


def _joints(values: Tensor, bones: Tensor) -> Tensor:
    """(B, T, J, 3) joints in body heights from (B, T, DOFS) values: x right, y up, z to the camera."""
    dof = {name: values[..., number] for name, number in _AT.items()}
    pelvis = torch.stack([dof["x"], dof["y"], torch.zeros_like(dof["x"])], -1)
    length = [bones[:, None, i : i + 1] for i in range(8)]
    up = -_direction(dof["lean_side"], dof["lean_front"])  # of the trunk
    across = torch.stack([torch.ones_like(dof["x"]), -dof["lean_side"], torch.zeros_like(dof["x"])], -1)
    across = across / across.norm(dim=-1, keepdim=True)
    chest = pelvis + 0.27 * length[0] * up
    neck = chest + 0.05 * up
    head = neck + 0.11 * length[1] * -_direction(dof["lean_side"], dof["lean_front"] * 0.5 + dof["nod"])
    joints = [pelvis, neck, head]
    for side, sign in (("l", -1), ("r", 1)):
        shoulder = chest + sign * 0.105 * length[2] * across
        out = sign * dof[f"arm_out_{side}"] - dof["lean_side"] * 0.5
        elbow = shoulder + 0.17 * length[3] * _direction(out, dof[f"arm_front_{side}"])
        bent = dof[f"elbow_{side}"]
        low_out = out * (1 - 0.3 * bent.sin()) - sign * 0.4 * bent * dof[f"hand_{side}"].sin()
        wrist = elbow + 0.15 * length[4] * _direction(low_out, dof[f"arm_front_{side}"] + bent)
        hand = wrist + 0.045 * _direction(low_out + sign * 0.5 * dof[f"hand_{side}"], dof[f"arm_front_{side}"] + bent)
        joints += [shoulder, elbow, wrist, hand]
    for side, sign in (("l", -1), ("r", 1)):
        hip = pelvis + sign * 0.055 * length[5] * across
        out, front = sign * dof[f"leg_out_{side}"], dof[f"leg_front_{side}"]
        knee = hip + 0.23 * length[6] * _direction(out, front)
        foot = knee + 0.23 * length[7] * _direction(out, front + dof[f"knee_{side}"])
        joints += [hip, knee, foot]
    body = torch.stack(joints, -2)
    return _turned(body, pelvis[..., None, :], dof["roll"], dof["turn"])


def _direction(out: Tensor, front: Tensor) -> Tensor:
    """(..., 3) unit vector: down, swung sideways by `out` and towards the camera by `front`."""
    return torch.stack([out.sin() * front.cos(), -out.cos() * front.cos(), front.sin()], -1)


def _turned(points: Tensor, pivot: Tensor, roll: Tensor, turn: Tensor) -> Tensor:
    """Points turned around the upright axis, then in the plane of the screen."""
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
    count, time = joints.shape[:2]
    yaw, tilt = _between(-0.5, 0.5, rng, count, 1), _between(-0.15, 0.15, rng, count, 1)
    turned = _turned(joints, torch.zeros(3), tilt.expand(count, time), yaw.expand(count, time))
    whole = torch.rand(count, generator=rng) < 0.5
    zoom = torch.where(whole, _between(0.4, 0.9, rng, count), _between(0.9, 1.8, rng, count))
    height = torch.where(whole, 0.0, 0.2)  # body heights above the pelvis that the camera looks at
    squeezed = zoom * _between(0.75, 1.05, rng, count)  # pictures of all shapes are made square
    x0, y0 = 0.5 + _between(-0.15, 0.15, rng, count), 0.5 + _between(-0.1, 0.1, rng, count) + height * zoom
    x = x0[:, None, None] + turned[..., 0] * squeezed[:, None, None]
    y = y0[:, None, None] - turned[..., 1] * zoom[:, None, None]
    return torch.stack([x, y], -1), turned[..., 2], zoom


def _colours(count: int, rng: torch.Generator) -> Tensor:
    """(B, COLOURS, 3) RGB of what they wear; sleeves are often those of the shirt, or bare."""
    colours = torch.rand(count, _COLOURS, 3, generator=rng)
    skin = torch.tensor([0.75, 0.55, 0.45]) * _between(0.35, 1.3, rng, count, 1) + 0.05 * torch.randn(
        count, 3, generator=rng
    )
    colours[:, 1] = torch.where(torch.rand(count, 1, generator=rng) < 0.8, skin, colours[:, 1])
    as_shirt, bare = (torch.rand(2, count, 1, 1, generator=rng) < 0.6).unbind()
    colours[:, 2:3] = torch.where(as_shirt, colours[:, :1], colours[:, 2:3])
    colours[:, 3:4] = torch.where(bare, colours[:, 1:2], colours[:, 2:3])
    colours[:, 5] = torch.where(torch.rand(count, 1, generator=rng) < 0.7, colours[:, 4], colours[:, 1])
    return colours.clamp(0, 1)


def _draw(figures: _Figures, backgrounds: Tensor) -> Tensor:
    """Draw the parts over the (B, 3, T, S, S) backgrounds, the farthest first."""
    device, size = backgrounds.device, backgrounds.shape[-1]
    ends = torch.tensor(_PARTS, device=device)
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
