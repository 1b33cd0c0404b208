"""A training run between two steps, and the step itself.

Under torchrun every process embeds its share of a batch and then joins what all have embedded, so that each computes
the loss of the whole batch: negatives come from all processes, and the gradient is that of one process with it all.
"""

import copy
import io
import pickle
import time
from collections.abc import Iterator
from dataclasses import asdict
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from encoder.backbones import EfficientNetLite0
from encoder.backbones.weights import load_imagenet_weights
from encoder.checkpoint import Checkpoint
from encoder.lattice import Lattice
from encoder.model import Encoder
from encoder.whole import appearing_whole
from training.batches import LOSSES, PUPPETS, WEIGHTS, Batch, generator
from training.beginning import Beginning, begin_with
from training.errors import TrainingError
from training.losses.adversary import Strength, ViewAdversary, recolour
from training.losses.club import low_level, standardise
from training.losses.instance import KeyQueue, update_momentum
from training.losses.order import direction_accuracy
from training.objective import Critics, Seen, direction_logits, fit_loss, motion_energy, terms, total
from training.processes import Group, gather, sum_gradients
from training.puppets import twins
from training.recipes import Recipe
from training.student import DIM, Embedded, Student, spread
from training.views import Bounds, View, cell_bounds

_RAMP = 0.2  # share of the steps over which MI-B's bound comes in
_FITS = 3  # steps of MI-B's predictor for each of the encoder's
_CRITIC_RATE = 1e-3
_LONGEST = 5.0  # norm of a gradient


class Run:
    """Everything that the next step depends on, but for its batch."""

    def __init__(self, recipe: Recipe, steps: int, seed: int, device: torch.device, group: Group) -> None:
        torch.manual_seed(seed)  # decides the initial weights; every step draws from generators of its own
        self.recipe, self.steps, self.seed, self.device, self.group = recipe, steps, seed, device, group
        self.step = 0
        self.beginning: Beginning | None = None  # None: random weights
        clip, objective, schedule = recipe.clip, recipe.objective, recipe.schedule
        self.student = Student(Encoder(recipe.encoder), objective)
        self.regions = self.student.region_lattice(clip.frames, clip.size)
        self.bins = self.student.bin_lattice(clip.frames, clip.size)
        channels = self.student.encoder.motion.region_channels
        self.critics = Critics(objective, channels, self.bins.shape[0]).to(device)
        self.adversary = ViewAdversary().to(device) if objective.information == "adversary" else None
        self.teacher, self.queue = None, None
        if recipe.teacher:
            self.teacher = copy.deepcopy(self.student).to(device).requires_grad_(False)
            self.queue = KeyQueue(recipe.teacher.queue, DIM, generator(seed, WEIGHTS)).to(device)
        if group.size > 1 and device.type == "cuda":
            self.student = nn.SyncBatchNorm.convert_sync_batchnorm(self.student)  # type: ignore[no-untyped-call]
        self.student.to(device)
        self.weights = [*self.student.parameters()]
        if self.critics.direction:
            self.weights += self.critics.direction.parameters()
        look = {*self.student.encoder.look.parameters()} if self.student.encoder.look else set()
        groups = [
            {"params": [weight for weight in self.weights if weight not in look], "over": 1.0},
            {"params": [weight for weight in self.weights if weight in look], "over": schedule.look_rate},
        ]
        descend = torch.optim.AdamW(groups, schedule.learning_rate, weight_decay=schedule.weight_decay)
        self.optimisers: dict[str, torch.optim.Optimizer] = {"descend": descend}
        if self.adversary:
            self.optimisers["ascend"] = torch.optim.Adam(self.adversary.parameters(), _CRITIC_RATE, maximize=True)
        if self.critics.club:
            self.optimisers["fit"] = torch.optim.Adam(self.critics.club.parameters(), _CRITIC_RATE)

    def advance(self, batches: Iterator[Batch]) -> dict[str, float]:
        """Take one step; say what each term was and how many seconds the step waited for its views."""
        done, schedule = self.step / self.steps, self.recipe.schedule
        for settings in self.optimisers["descend"].param_groups:
            settings["lr"] = schedule.learning_rate * settings["over"] * _rate(done, schedule.warm_up)
        row: dict[str, float] = {"waited": 0.0}
        for number in range(self.step * schedule.accumulate, (self.step + 1) * schedule.accumulate):
            began = time.monotonic()
            batch = next(batches)
            row["waited"] += time.monotonic() - began
            for name, value in self._descend(batch, min(1.0, done / _RAMP), number).items():
                row[name] = row.get(name, 0.0) + value / schedule.accumulate
        for network in filter(None, (self.student, self.adversary)):  # the critics see the whole batch
            sum_gradients(network)
        nn.utils.clip_grad_norm_(self.weights, _LONGEST)
        for name, optimiser in self.optimisers.items():
            if name != "fit":
                optimiser.step()
                optimiser.zero_grad()
        if self.teacher is not None and self.recipe.teacher:
            update_momentum(self.teacher, self.student, self.recipe.teacher.momentum)
        self.step += 1
        return row

    def _descend(self, batch: Batch, ramp: float, number: int) -> dict[str, float]:
        """Add the gradient of one pass, of that number in the run, to those of the step.

        One backward pass serves encoder and adversary: the adversary climbs the very loss that the encoder
        descends. A pass for each in turn would cost three times as much [ours].
        """
        objective = self.recipe.objective
        seen = self.see(batch, number)
        if self.critics.club:
            for _ in range(_FITS):
                self.optimisers["fit"].zero_grad()
                fit_loss(seen, self.critics.club).backward()  # type: ignore[no-untyped-call]
                self.optimisers["fit"].step()
        found = terms(seen, objective, self.critics, self.queue, generator(self.seed, LOSSES, number))
        loss = total(found, objective, ramp)
        (loss / self.recipe.schedule.accumulate).backward()  # type: ignore[no-untyped-call]
        if self.queue is not None and seen.key.instance is not None:
            self.queue.push(seen.key.instance[2])
        values = {"loss": loss.detach()} | {name: value.detach() for name, value in found.items()}
        row = dict(zip(values, torch.stack([*values.values()]).tolist(), strict=True))  # waits for a GPU only once
        row["spread"] = spread(_instances(seen.query))
        if self.critics.direction:
            with torch.no_grad():
                logits = direction_logits(seen, self.critics.direction)
            row["direction_accuracy"] = direction_accuracy(logits, seen.swapped, seen.turned)
        return row

    def see(self, batch: Batch, number: int = 0) -> Seen:
        """Embed a batch, and join it with those of the other processes; its number decides the puppets."""
        clips, objective = batch.clips(self.device), self.recipe.objective
        query = self._embedded(self.student, self._disturbed(clips, batch))
        key = query
        if self.teacher is not None:
            with torch.no_grad():
                key = self._embedded(self.teacher, clips)
        views = [[trio[i] for trio in batch.views] for i in range(3)]
        descriptors = energy = None
        if objective.region and objective.still < 1:
            energy = torch.stack([motion_energy(each, self.regions.shape) for each in clips])
        if objective.information == "club":
            cells = torch.stack([low_level(each, self.regions.shape) for each in clips])
            descriptors = standardise(gather(cells, 1).flatten(0, 1)).reshape(3, -1, *cells.shape[2:])
        return Seen(
            query=query,
            key=key,
            regions=[self._bounds(each, self.regions) for each in views],
            bins=[self._bounds(each, self.bins) for each in views],
            energy=None if energy is None else gather(energy, 1),
            descriptors=descriptors,
            swapped=gather(batch.swapped.to(self.device)),
            turned=gather(batch.turned.to(self.device)),
            twins=self._twins(clips, number) if objective.twins else None,
        )

    def _twins(self, clips: Tensor, number: int) -> Tensor:
        """Puppets in front of the first frames of the batch's own views, one in four of them moving on."""
        rng = generator(self.seed, PUPPETS, number, self.group.rank)
        still = torch.rand(2, clips.shape[1], 1, 1, 1, 1, generator=rng).to(self.device) < 0.75
        places = torch.where(still, clips[:2, :, :, :1], clips[:2])
        span = self.recipe.clip.clip_s
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            embedded: Tensor = self.student.embed_twins(twins(places, span, rng))
        return gather(embedded.float(), 1)

    def _disturbed(self, clips: Tensor, batch: Batch) -> Tensor:
        """The views with the first local recoloured, by the adversary or at random; the second stays as it is.

        The mean over both locals is then that over views as they are and views recoloured [ours].
        """
        if self.adversary is not None:
            values = self.adversary(clips[0])
        elif self.recipe.objective.information == "random":
            values = batch.recolouring.to(self.device)
        else:
            return clips
        return torch.cat([recolour(clips[0], values, Strength()).unsqueeze(0), clips[1:]])

    def _embedded(self, network: nn.Module, clips: Tensor) -> Embedded:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            found: Embedded = network(clips)
        return Embedded(*(None if each is None else gather(each.float(), 1) for each in found))

    def _bounds(self, views: list[View], lattice: Lattice) -> Bounds:
        bounds = cell_bounds(views, lattice, self.recipe.clip.size)
        return Bounds(*(gather(each.to(self.device)) for each in bounds))

    def save(self, path: Path, videos: str) -> None:
        """Write all that the next step depends on, whole or not at all; `videos` says what is trained on."""
        state = {
            "modules": {name: module.state_dict() for name, module in self._modules().items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "step": self.step,
            "beginning": asdict(self.beginning) if self.beginning else None,
            **self._identity(videos),
        }
        buffer = io.BytesIO()  # torch's own writer does not say that a disk is full
        torch.save(state, buffer)
        with appearing_whole(path) as part:
            part.write_bytes(buffer.getbuffer())

    def load(self, path: Path, videos: str) -> None:
        """Go on from where `save` was called.

        Raises:
            TrainingError: that run had another recipe, seed, length or other videos, or can't be read.
        """
        state = self._read(path)
        for name, value in self._identity(videos).items():
            if state.get(name) != value:
                raise TrainingError(
                    f"the run in {path.parent} had other {name}; resume it with the same, or give another folder"
                )
        self._restore(state, path)
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step = state["step"]
        begun = state.get("beginning")  # earlier versions began with random weights
        self.beginning = Beginning(**begun) if begun else None

    def begin_with(self, trained: Checkpoint) -> None:
        """Begin with the networks of an encoder that was trained before, as far as they fit.

        Raises:
            TrainingError: none does.
        """
        for network in filter(None, (self.student, self.teacher)):
            self.beginning = begin_with(network.encoder, trained)

    def load_look(self, path: Path) -> None:
        """Begin with a look part that was trained on ImageNet.

        Raises:
            TrainingError: the recipe has none that such weights fit.
            WeightsError: the file can't be read, or holds others.
        """
        for network in filter(None, (self.student, self.teacher)):
            look = network.encoder.look
            if not isinstance(look, EfficientNetLite0):
                raise TrainingError(f"{path} is for a look part of EfficientNet-Lite0; use recipe default")
            load_imagenet_weights(look, path)

    def restore(self, path: Path) -> None:
        """Take the weights of a run that was saved, whatever its videos were."""
        self._restore(self._read(path), path)

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(f"{path} is no training run, or damaged; train in another folder") from error
        return state

    def _restore(self, state: dict[str, Any], path: Path) -> None:
        try:
            for name, module in self._modules().items():
                module.load_state_dict(state["modules"][name])
        except (KeyError, RuntimeError) as error:
            raise TrainingError(f"{path} was saved by another version or recipe; train in another folder") from error

    def _identity(self, videos: str) -> dict[str, Any]:
        return {"recipe": self.recipe.to_json(), "steps": self.steps, "seed": self.seed, "videos": videos}

    def _modules(self) -> dict[str, nn.Module]:
        named = {
            "student": self.student,
            "critics": self.critics,
            "adversary": self.adversary,
            "teacher": self.teacher,
            "queue": self.queue,
        }
        return {name: module for name, module in named.items() if module is not None}


def _rate(done: float, warm_up: float) -> float:
    """Learning rate over its peak."""
    if done < warm_up:
        return max(done, 1e-3) / warm_up
    return 0.5 * (1 + cos(pi * (done - warm_up) / (1 - warm_up)))


def _instances(embedded: Embedded) -> Tensor:
    """What to measure the spread of: (V, B, D)."""
    if embedded.instance is not None:
        return embedded.instance
    cells = embedded.regions if embedded.regions is not None else embedded.bins
    assert cells is not None
    return cells.mean(2)
