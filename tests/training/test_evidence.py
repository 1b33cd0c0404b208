from copy import deepcopy
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
import torch

from encoder.config import EncoderConfig
from encoder.model import Encoder
from training import evidence
from training.batches import Batch
from training.evidence import HeldOut, measure, order_accuracy
from training.objective import Seen
from training.processes import Group
from training.recipes import Recipe
from training.run import Run
from training.synthetic import Labelled, swapped_backgrounds, synthetic_collection

DRAWN = (3, 2, 32, 8.0, 1.0)  # seed, videos per action, size, fps, seconds
OF_ALL = {
    "drawn R@1", "drawn cells R@1", "drawn still R@1", "drawn reversal", "action match", "background match",
    "regions", "regions chance", "places", "bins", "bins chance", "tau", "low-level R2",
}  # fmt: skip


@pytest.fixture(scope="module")
def small(recipe: Recipe) -> Recipe:
    """The whole method on an encoder that is motion alone, as in the ablation."""
    return replace(recipe, encoder=EncoderConfig(width=8, blocks=1, look_dim=0, motion_weight=1.0), cache_size=32)


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return HeldOut({}, synthetic_collection(*DRAWN), swapped_backgrounds(*DRAWN))


@pytest.fixture
def encoder(small: Recipe) -> Encoder:
    torch.manual_seed(0)
    return Encoder(small.encoder)


def test_an_untrained_encoder_has_every_number_on_drawn_videos_alone(encoder, small, held_out):
    found = measure(encoder, small, held_out, clips=1)
    assert found.keys() == OF_ALL
    assert all(isfinite(value) for value in found.values())
    shares = [value for name, value in found.items() if name not in ("tau", "low-level R2")]
    assert 0 <= min(shares) <= max(shares) <= 1


def test_each_real_set_has_numbers_of_its_own_and_maps_are_measured_on_the_first(encoder, small, held_out):
    real = synthetic_collection(4, 2, 32, 8.0, 1.0)
    found = measure(encoder, small, replace(held_out, real={"yoga": real, "signs": held_out.drawn}), clips=1)
    own = {f"{name} {of}" for name in ("yoga", "signs") for of in ("R@1", "cells R@1", "still R@1", "reversal")}
    assert found.keys() == OF_ALL | own
    assert all(isfinite(value) for value in found.values())
    alone = measure(encoder, small, held_out, clips=1)
    assert [found[f"signs {of}"] for of in ("R@1", "cells R@1", "still R@1")] == [
        alone[f"drawn {of}"] for of in ("R@1", "cells R@1", "still R@1")
    ]
    for name in ("regions", "bins", "low-level R2"):
        assert found[name] != alone[name]
    for name in ("drawn R@1", "drawn reversal", "action match", "background match"):
        assert found[name] == alone[name]


def test_measuring_changes_nothing_and_gives_the_same_numbers_again(encoder, small, held_out):
    before = deepcopy(encoder.state_dict())
    found = measure(encoder, small, held_out, clips=2)
    torch.rand(1)
    assert measure(encoder.train(), small, held_out, clips=2) == found
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_cells_tell_what_the_pooled_map_does_not(encoder, small, held_out):
    pooled = Encoder(replace(small.encoder, cells=(1, 1, 1)))
    pooled.motion.load_state_dict(encoder.motion.state_dict())
    found, of_cells = (measure(each, small, held_out, clips=1) for each in (pooled, encoder))
    assert found["drawn cells R@1"] == found["drawn R@1"] == of_cells["drawn R@1"] != of_cells["drawn cells R@1"]


# Order


@pytest.fixture
def state(small: Recipe, tmp_path: Path) -> Path:
    """A run that has taken no step."""
    Run(small, 1, 5, torch.device("cpu"), Group()).save(tmp_path / "state.pt", "other videos")
    return tmp_path / "state.pt"


def of_batch(recipe: Recipe, batch: int) -> Recipe:
    return replace(recipe, schedule=replace(recipe.schedule, batch=batch))


def test_a_direction_head_that_is_not_trained_guesses(state, small, held_out):
    found = order_accuracy(state, of_batch(small, 16), held_out.main)
    assert found == pytest.approx(0.5, abs=0.15)  # 128 guesses
    assert order_accuracy(state, of_batch(small, 16), held_out.main) == found


def test_one_that_knows_the_order_is_always_right_and_its_opposite_never(state, small, held_out, monkeypatch):
    def knows(seen: Any, head: Any, sign: float = 1) -> torch.Tensor:
        return sign * ((seen.swapped ^ seen.turned).float() - 0.5)

    monkeypatch.setattr(evidence, "direction_logits", knows)
    assert order_accuracy(state, small, held_out.main) == 1
    monkeypatch.setattr(evidence, "direction_logits", lambda *given: knows(*given, sign=-1))
    assert order_accuracy(state, small, held_out.main) == 0


def test_the_saved_networks_judge_in_evaluation_mode_and_are_left_alone(state, small, held_out, monkeypatch):
    used: list[Run] = []

    class Watched(Run):
        def see(self, batch: Batch) -> Seen:
            assert not any(module.training for module in self.student.modules())
            used.append(self)
            return super().see(batch)

    monkeypatch.setattr(evidence, "Run", Watched)
    order_accuracy(state, small, held_out.main)
    saved = torch.load(state, weights_only=True)["modules"]
    for name, network in (("student", used[-1].student), ("critics", used[-1].critics)):
        assert all(torch.equal(value, saved[name][key]) for key, value in network.state_dict().items())


def test_fewer_videos_than_a_batch_are_enough(state, small, held_out):
    few: Labelled = held_out.main.take(range(2))
    assert 0 <= order_accuracy(state, of_batch(small, 32), few) <= 1
