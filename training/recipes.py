"""Recipes: all that the result of a training run depends on besides its videos and its seed."""

import json
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Literal

from encoder.checkpoint import DEFAULT
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig, LookNetwork
from training.objective import Objective
from training.views import ViewSpec

RecipeName = Literal["collection", "small", "tiny", "default", "ucf101_r3d18", "ucf101_s3d", "k400_r2plus1d18"]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn: AdamW, warm-up, then a cosine to zero."""

    batch: int = 32  # videos a pass, in all processes together
    steps: int | None = None  # either this
    epochs: float | None = None  # or this
    accumulate: int = 1  # passes whose gradients are averaged for a step
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    warm_up: float = 0.05  # share of the steps
    look_rate: float = 1.0  # learning rate of the look part over that of the rest; less where it was trained before

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(f"a schedule has either steps or epochs, got {self.steps=}, {self.epochs=}")
        if (self.steps or self.epochs or 0) <= 0:
            raise ValueError(f"a schedule has steps or epochs above zero, got {self.steps=}, {self.epochs=}")
        if min(self.learning_rate, self.look_rate) <= 0 or not 0 <= self.warm_up < 1:
            raise ValueError(f"a schedule has rates above zero and a warm-up in [0, 1), got {self}")
        if self.batch < 2 or self.accumulate < 1:
            raise ValueError(f"contrast needs a batch of two or more, got {self}")

    def steps_for(self, videos: int) -> int:
        """Steps of a run on that many videos."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return max(1, ceil(self.epochs * videos / (self.batch * self.accumulate)))


@dataclass(frozen=True)
class Teacher:
    """A momentum encoder that makes the keys, with a queue of them; MoCo, https://arxiv.org/abs/1911.05722."""

    momentum: float = 0.99
    queue: int = 4096  # keys


@dataclass(frozen=True)
class Recipe:
    """What to train on what views by which objective."""

    encoder: EncoderConfig
    clip: ClipSpec  # what the encoder is given when it is used
    views: ViewSpec
    objective: Objective
    schedule: Schedule
    cache_fps: float  # frames a second that are kept of each video
    cache_size: int  # pixels of them
    teacher: Teacher | None = None
    dataset: Literal["ucf101", "kinetics"] | None = None  # whose split file names the videos; None: any videos

    def __post_init__(self) -> None:
        if self.views.frames != self.clip.frames:
            raise ValueError(f"views and clips have equally many frames, got {self.views.frames}, {self.clip.frames}")
        if (self.objective.instance == "queue") != (self.teacher is not None):
            raise ValueError(f"a queue of keys and a teacher go together, got {self.objective.instance=}")

    def to_json(self) -> str:
        """The recipe as it is saved with a run."""
        return json.dumps(asdict(self), indent=2)


def recipe_named(name: RecipeName) -> Recipe:
    """The recipe of that name."""
    match name:
        case "collection":
            return collection()
        case "small":
            return small()
        case "tiny":
            return tiny()
        case "default":
            return default()
        case "ucf101_r3d18":
            return ucf101_r3d18()
        case "ucf101_s3d":
            return ucf101_s3d()
        case "k400_r2plus1d18":
            return k400_r2plus1d18()


def beginning_of(name: RecipeName) -> str | None:
    """The encoder that runs of a recipe begin with unless told otherwise; None for random weights."""
    return DEFAULT if name == "collection" else None


def with_schedule(recipe: Recipe, steps: int | None = None, batch: int | None = None) -> Recipe:
    """The recipe with other steps or another batch, where given."""
    schedule = recipe.schedule
    if steps is not None:
        schedule = replace(schedule, steps=steps, epochs=None)
    return replace(recipe, schedule=replace(schedule, batch=batch or schedule.batch))


def collection() -> Recipe:
    """A user's own folder: the shipped encoder goes on learning, a quarter of an hour or so on two cores."""
    recipe = default()
    return replace(
        recipe,
        objective=replace(recipe.objective, twins=0.0),  # these were learnt from before, and take half of a step
        schedule=Schedule(batch=16, steps=100, learning_rate=3e-4, look_rate=0.25),
    )


def small() -> Recipe:
    """An encoder of few frames that begins with nothing, half an hour or so on two cores."""
    return Recipe(
        encoder=_parts(look_network="tsm"),
        clip=ClipSpec(),
        views=ViewSpec(),
        objective=Objective(),
        schedule=Schedule(batch=32, steps=2000),
        cache_fps=16,
        cache_size=72,
    )


def default() -> Recipe:
    """The encoder that ships with the program: minutes on a GPU, the best part of a day on two cores."""
    return Recipe(
        encoder=_parts(look_network="efficientnet_lite0"),
        clip=ClipSpec(frames=16, fps=8, size=96, hop=8),
        views=ViewSpec(frames=16, shortest_stride=1 / 32, longest_stride=3 / 32),
        objective=Objective(information=None, twins=1.0),
        schedule=Schedule(batch=64, steps=2452, learning_rate=2e-3, look_rate=0.25),
        cache_fps=16,
        cache_size=112,
    )


def _parts(look_network: LookNetwork) -> EncoderConfig:
    """Look, and motion by a final map and by where in the picture things move; see docs/encoder.md."""
    return EncoderConfig(
        look_dim=64, motion_dim=256, motion_weight=0.9, still=0.005, look_network=look_network, region_cells=(2, 4, 4)
    )


def tiny() -> Recipe:
    """A few minutes on a CPU, to see that everything works; half as wide as `small`."""
    recipe = small()
    return replace(
        recipe, encoder=replace(recipe.encoder, width=16), schedule=Schedule(batch=16, steps=200, learning_rate=2e-3)
    )


def ucf101_r3d18() -> Recipe:
    """R3D-18 on the train split of UCF101: 300 epochs of 16 frames of 112 px."""
    return _paper_scale("r3d_18", Schedule(batch=64, epochs=300), "ucf101")


def ucf101_s3d() -> Recipe:
    """S3D on the train split of UCF101: 300 epochs of 16 frames of 112 px."""
    return _paper_scale("s3d", Schedule(batch=64, epochs=300), "ucf101")


def k400_r2plus1d18() -> Recipe:
    """R(2+1)D-18 on the train split of Kinetics-400: 100 epochs of 16 frames of 112 px."""
    return _paper_scale("r2plus1d_18", Schedule(batch=256, epochs=100), "kinetics")


def _paper_scale(
    network: Literal["r3d_18", "r2plus1d_18", "s3d"], schedule: Schedule, dataset: Literal["ucf101", "kinetics"]
) -> Recipe:
    """One network that sees RGB and is pooled to one vector, as the field evaluates it; frames at 25 a second."""
    return Recipe(
        encoder=EncoderConfig(
            network=network, look_dim=0, motion_dim=256, motion_weight=1.0, centred=False, cells=(1, 1, 1)
        ),
        clip=ClipSpec(frames=16, fps=12.5, size=112, hop=16),
        views=ViewSpec(frames=16, shortest_stride=1 / 25, longest_stride=3 / 25),
        objective=Objective(instance="queue", negatives=1024),
        schedule=schedule,
        cache_fps=25,
        cache_size=128,
        teacher=Teacher(),
        dataset=dataset,
    )
