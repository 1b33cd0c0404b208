import json
from dataclasses import asdict, replace
from typing import get_args

import pytest
import torch

from app.commands.train import Recipe
from encoder.checkpoint import load_encoder
from encoder.config import EncoderConfig
from encoder.model import Encoder
from training.beginning import begin_with
from training.objective import Objective
from training.processes import Group
from training.recipes import RecipeName, Schedule, Teacher, beginning_of, recipe_named, with_schedule
from training.run import Run
from training.views import ViewSpec

NAMES = get_args(RecipeName)


def test_the_command_line_knows_every_recipe_and_no_other():
    assert sorted(Recipe) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_can_be_made_and_its_videos_hold_its_views(name):
    recipe = recipe_named(name)
    assert recipe == recipe_named(name)
    own = {field: getattr(recipe.objective, field) for field in ("instance", "negatives", "information", "twins")}
    assert recipe.objective == replace(Objective(), **own)
    often = (
        2 if name in ("default", "collection") else 1
    )  # its fastest local views show frames twice in a row, others none
    assert 1 / recipe.cache_fps <= often * recipe.views.shortest_stride + 1e-9
    assert recipe.cache_size >= recipe.clip.size
    assert (recipe.dataset is None) == (name in ("tiny", "small", "collection", "default"))


def test_a_users_own_folder_is_learnt_from_by_all_of_the_shipped_encoder_and_others_begin_with_nothing():
    begun = begin_with(Encoder(recipe_named("collection").encoder), load_encoder(beginning_of("collection")))
    assert begun.parts == ("look", "motion")
    assert [name for name in NAMES if beginning_of(name)] == ["collection"]


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_a_run_of_a_small_recipe_can_start(name):
    recipe = recipe_named(name)
    run = Run(recipe, 10, 0, torch.device("cpu"), Group())
    assert run.regions.shape == (8, 8, 8)
    assert run.bins.shape == (8, 4, 4)


@pytest.mark.parametrize(
    ("name", "network", "dataset", "epochs"),
    [
        ("ucf101_r3d18", "r3d_18", "ucf101", 300),
        ("ucf101_s3d", "s3d", "ucf101", 300),
        ("k400_r2plus1d18", "r2plus1d_18", "kinetics", 100),
    ],
)
def test_the_paper_scale_is_sixteen_frames_of_112_pixels_for_its_epochs(name, network, dataset, epochs):
    recipe = recipe_named(name)
    assert (recipe.encoder.network, recipe.dataset, recipe.schedule.epochs) == (network, dataset, epochs)
    assert (recipe.clip.frames, recipe.clip.size) == (16, 112)
    pooled = EncoderConfig(
        network=network, look_dim=0, motion_dim=256, motion_weight=1.0, centred=False, cells=(1, 1, 1)
    )
    assert recipe.encoder == pooled
    assert recipe.teacher == Teacher()


def test_a_recipe_as_text_is_always_the_same_and_says_all_of_it():
    texts = {name: recipe_named(name).to_json() for name in NAMES}
    assert texts == {name: recipe_named(name).to_json() for name in NAMES}
    assert len(set(texts.values())) == len(NAMES)
    for name, text in texts.items():
        assert json.loads(text) == json.loads(json.dumps(asdict(recipe_named(name))))


def test_whatever_changes_in_a_recipe_changes_its_text(recipe):
    changed = [
        replace(recipe, encoder=replace(recipe.encoder, cells=(1, 1, 1))),
        replace(recipe, clip=replace(recipe.clip, hop=3)),
        replace(recipe, views=replace(recipe.views, jitter=0.5)),
        replace(recipe, objective=replace(recipe.objective, region="gaussian")),
        replace(recipe, schedule=replace(recipe.schedule, accumulate=2)),
        replace(recipe, cache_size=40),
        recipe,
    ]
    assert len({each.to_json() for each in changed}) == len(changed)


def test_steps_are_as_many_as_the_epochs_take():
    assert Schedule(steps=7).steps_for(1000) == 7
    assert Schedule(batch=32, epochs=3).steps_for(64) == 6
    assert Schedule(batch=32, epochs=3, accumulate=2).steps_for(64) == 3
    assert Schedule(batch=32, epochs=1).steps_for(33) == 2  # no video is left out
    assert Schedule(batch=32, epochs=0.01).steps_for(2) == 1


def test_steps_and_batch_can_be_changed_and_nothing_else_changes():
    recipe = recipe_named("ucf101_r3d18")
    assert with_schedule(recipe) == recipe
    few = with_schedule(recipe, steps=5)
    assert few == replace(recipe, schedule=replace(recipe.schedule, steps=5, epochs=None))
    small = with_schedule(recipe, batch=8)
    assert small == replace(recipe, schedule=replace(recipe.schedule, batch=8))
    assert with_schedule(recipe, 5, 8) == with_schedule(with_schedule(recipe, batch=8), steps=5)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "either steps or epochs"),
        ({"steps": 5, "epochs": 2}, "either steps or epochs"),
        ({"steps": 0}, "steps or epochs above zero"),
        ({"steps": -1}, "steps or epochs above zero"),
        ({"epochs": 0}, "steps or epochs above zero"),
        ({"steps": 5, "batch": 1}, "a batch of two or more"),
        ({"steps": 5, "accumulate": 0}, "a batch of two or more"),
        ({"steps": 5, "learning_rate": 0}, "rates above zero"),
        ({"steps": 5, "warm_up": 1}, "rates above zero"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        Schedule(**wrong)


def test_a_recipe_whose_parts_do_not_fit_is_refused(recipe):
    with pytest.raises(ValueError, match="views and clips have equally many frames, got 5, 4"):
        replace(recipe, views=ViewSpec(frames=5))
    with pytest.raises(ValueError, match="a queue of keys and a teacher go together"):
        replace(recipe, teacher=Teacher())
    with pytest.raises(ValueError, match="a queue of keys and a teacher go together"):
        replace(recipe, objective=replace(recipe.objective, instance="queue"))
