"""The actions of the synthetic collection: where a body and its limbs are at each moment of a movement.

Lengths are in body heights (a standing actor is 1 tall), x to the right, y up from the ground below.
Angles are in radians. Half of most pairs is written out; the other half is its exact time reversal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

Point = tuple[float, float]  # (x, y) in body heights
Arm = tuple[float, float]  # angles of upper and lower arm away from hanging straight down, outwards
ARMS_DOWN: Arm = (0.22, 0.12)
FEET: tuple[Point, Point] = ((-0.08, 0.0), (0.08, 0.0))


@dataclass(frozen=True)
class Pose:
    """How the actor stands in one frame; pairs are (left, right) as seen on the screen.

    `x` is a fraction of the frame width and `scale` multiplies the body height; `turn` is clockwise around
    the point `pivot` above the ground; `crouch` in [0, 1] bends the knees; `lift` is the height of the feet.
    """

    x: float
    scale: float
    lift: float = 0.0
    turn: float = 0.0
    pivot: float = 0.0
    crouch: float = 0.0
    arms: tuple[Arm, Arm] = (ARMS_DOWN, ARMS_DOWN)
    feet: tuple[Point, Point] = FEET


@dataclass(frozen=True)
class Traits:
    """What differs between two performances of one action; drawn without knowing the action."""

    x: float  # fraction of the frame width
    scale: float
    side: int  # -1 left, 1 right
    start: float  # fraction of the duration before a one-off movement begins
    end: float  # fraction of the duration by which it is over
    skew: float  # > 1 starts slowly, < 1 starts quickly
    extent: float  # size of the movement, around 1
    pace_hz: float  # steps, waves or jumps a second
    phase: float  # radians


@dataclass(frozen=True)
class Moment:
    """A point of a performance: `t` runs over [0, 1], `seconds` is the same point on the clock."""

    t: float
    seconds: float


@dataclass(frozen=True)
class Action:
    """A labelled movement; with `reverse_of`, the time reversal of the action of that name."""

    name: str
    pose: Callable[[Moment, Traits], Pose]
    reverse_of: str | None = None


def draw_traits(rng: np.random.Generator) -> Traits:
    """Draw one performance."""
    return Traits(
        x=rng.uniform(0.4, 0.6),
        scale=rng.uniform(0.85, 1.1),
        side=int(rng.choice([-1, 1])),
        start=rng.uniform(0.04, 0.14),
        end=rng.uniform(0.84, 0.94),
        skew=rng.uniform(0.85, 1.2),
        extent=rng.uniform(0.9, 1.1),
        pace_hz=rng.uniform(0.85, 1.25),
        phase=rng.uniform(0, 2 * pi),
    )


def _done(moment: Moment, traits: Traits) -> float:
    """Share in [0, 1] of a one-off movement that is over, starting and stopping softly."""
    u = min(max((moment.t - traits.start) / (traits.end - traits.start), 0.0), 1.0)
    skewed: float = u**traits.skew
    return skewed * skewed * (3 - 2 * skewed)


def _beat(moment: Moment, traits: Traits) -> float:
    """Angle in radians that grows by 2 pi for every repetition."""
    return 2 * pi * traits.pace_hz * moment.seconds + traits.phase


def _tread(angle: float, stride: float, height: float) -> tuple[Point, Point]:
    """Feet while walking: `stride` sideways for a walk across, 0 for one towards the camera."""
    left = FEET[0][0] * (1 if stride == 0 else 0.3) + stride * cos(angle), height * max(sin(angle), 0.0)
    right = FEET[1][0] * (1 if stride == 0 else 0.3) - stride * cos(angle), height * max(-sin(angle), 0.0)
    return left, right


def _open_arms(moment: Moment, traits: Traits) -> Pose:
    raised = 0.15 + _done(moment, traits) * 2.3 * traits.extent
    return Pose(traits.x, traits.scale, arms=((raised, raised + 0.1), (raised, raised + 0.1)))


def _approach(moment: Moment, traits: Traits) -> Pose:
    done = _done(moment, traits)
    scale = traits.scale * 0.4 * (3.6 * traits.extent) ** done  # looks like an even speed towards the camera
    angle = _beat(moment, traits) if 0 < done < 1 else 0.0
    swing = 0.25 * sin(angle)
    arms = ((0.25 + swing, 0.15 + swing), (0.25 - swing, 0.15 - swing))
    return Pose(traits.x, scale, arms=arms, feet=_tread(angle, 0.0, 0.09))


def _enter(moment: Moment, traits: Traits) -> Pose:
    done = 1 - (1 - min(moment.t / traits.end, 1.0)) ** (1.4 * traits.skew)  # slows down before it stops
    outside = 0.5 + 0.64 * traits.side
    x = outside + (traits.x - outside) * done
    angle = -traits.side * done * 8 * pi * traits.extent
    swing = 0.35 * sin(angle) * (done < 1)
    feet = _tread(angle, 0.12 * min((1 - done) * 8, 1.0), 0.07)
    return Pose(x, traits.scale, arms=((0.1 + swing, 0.3 + swing), (0.1 - swing, 0.3 - swing)), feet=feet)


def _fall(moment: Moment, traits: Traits) -> Pose:
    u = min(max((moment.t - traits.start) / (0.8 - traits.start), 0.0), 1.0)
    landed = min(max((moment.t - 0.8) / 0.12, 0.0), 1.0)
    flail = 1.9 + 0.35 * sin(_beat(moment, traits) * 1.5)
    up = flail + (0.5 - flail) * landed
    lift = 1.05 * traits.extent * (1 - u**2.5)
    feet = ((-0.11, 0.05 * (1 - u)), (0.11, 0.05 * (1 - u)))
    return Pose(traits.x, traits.scale * 0.78, lift, crouch=0.6 * landed, arms=((up, up), (up, up)), feet=feet)


def _spin_clockwise(moment: Moment, traits: Traits) -> Pose:
    turn = 2 * pi * (2 * moment.t * traits.extent) + traits.phase
    arms: tuple[Arm, Arm] = ((2.3, 2.3), (2.3, 2.3))
    feet = ((-0.2, 0.03), (0.2, 0.03))
    return Pose(traits.x, traits.scale, lift=0.12, turn=turn, pivot=0.55, arms=arms, feet=feet)


def _crouch_down(moment: Moment, traits: Traits) -> Pose:
    done = _done(moment, traits)
    arms = (0.25 + 0.75 * done, 0.15 - 0.6 * done)
    feet = ((-0.08 - 0.06 * done, 0.0), (0.08 + 0.06 * done, 0.0))
    return Pose(traits.x, traits.scale, crouch=min(0.95 * traits.extent, 1.0) * done, arms=(arms, arms), feet=feet)


def _topple(moment: Moment, traits: Traits) -> Pose:
    u = min(max((moment.t - traits.start) / (0.75 - traits.start), 0.0), 1.0) ** 2.5
    bounce = 0.12 * sin(pi * min(max((moment.t - 0.75) / 0.15, 0.0), 1.0))
    turn = traits.side * (0.5 * pi * u - bounce)
    up = 0.2 + 2.2 * min(2 * u, 1.0)
    x = traits.x - 0.15 * traits.side
    return Pose(x, traits.scale, lift=0.07 * u, turn=turn, arms=((up, up), (up, up)))


def _wave(moment: Moment, traits: Traits) -> Pose:
    lower = 2.8 + 0.75 * traits.extent * sin(2 * _beat(moment, traits))
    arms: tuple[Arm, Arm] = (ARMS_DOWN, (2.0, lower))
    return Pose(traits.x, traits.scale, arms=arms if traits.side > 0 else arms[::-1])


def _jump(moment: Moment, traits: Traits) -> Pose:
    u = (_beat(moment, traits) / (2 * pi)) % 1.0
    air = (u - 0.4) / 0.6  # the first 0.4 of each jump is spent on the ground
    lift = 0.42 * traits.extent * max(4 * air * (1 - air), 0.0)
    crouch = 0.55 * max(sin(pi * u / 0.4), 0.0) if u < 0.4 else 0.0
    up = 0.3 + 1.1 * lift / 0.42
    return Pose(traits.x, traits.scale, lift, crouch=crouch, arms=((up, up), (up, up)))


def _march(moment: Moment, traits: Traits) -> Pose:
    angle = _beat(moment, traits)
    swing = 0.6 * sin(angle)
    arms = ((0.6 - swing, 1.2 - 2 * swing), (0.6 + swing, 1.2 + 2 * swing))
    return Pose(traits.x, traits.scale, arms=arms, feet=_tread(angle, 0.0, 0.24 * traits.extent))


def _sway(moment: Moment, traits: Traits) -> Pose:
    lean = sin(0.7 * _beat(moment, traits))
    arms = ((2.6 - 0.25 * lean, 2.9 - 0.5 * lean), (2.6 + 0.25 * lean, 2.9 + 0.5 * lean))
    x = traits.x + 0.02 * lean
    return Pose(x, traits.scale, turn=0.38 * traits.extent * lean, arms=arms, feet=((-0.12, 0.0), (0.12, 0.0)))


ACTIONS: tuple[Action, ...] = (
    Action("open_arms", _open_arms),
    Action("close_arms", _open_arms, "open_arms"),
    Action("approach", _approach),
    Action("recede", _approach, "approach"),
    Action("enter", _enter),
    Action("leave", _enter, "enter"),
    Action("fall", _fall),
    Action("rise", _fall, "fall"),
    Action("spin_clockwise", _spin_clockwise),
    Action("spin_counterclockwise", _spin_clockwise, "spin_clockwise"),
    Action("crouch_down", _crouch_down),
    Action("stand_up", _crouch_down, "crouch_down"),
    Action("topple", _topple),
    Action("get_up", _topple, "topple"),
    Action("wave", _wave),
    Action("jump", _jump),
    Action("march", _march),
    Action("sway", _sway),
)
