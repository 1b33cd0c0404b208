from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from training.actions import ACTIONS
from training.backgrounds import BACKGROUNDS
from training.collection import Plan
from training.scenes import render
from training.synthetic import Labelled, one_of_each_pair, swapped_backgrounds, synthetic_collection

SIZE, FPS, SECONDS = 48, 4.0, 1.0


@pytest.fixture(scope="module")
def collection() -> Labelled:
    return synthetic_collection(3, 8, SIZE, FPS, SECONDS)


@pytest.fixture(scope="module")
def swapped() -> Labelled:
    return swapped_backgrounds(3, 8, SIZE, FPS, SECONDS)


def test_every_action_is_performed_once_on_every_background(collection):
    pairs = sorted(zip(collection.labels, collection.groups, strict=True))
    assert pairs == sorted((action.name, place.name) for action in ACTIONS for place in BACKGROUNDS)


def test_videos_have_the_size_and_rate_asked_for(collection):
    assert {video.shape for video in collection.videos} == {(4, SIZE, SIZE, 3)}
    assert {video.dtype for video in collection.videos} == {np.dtype(np.uint8)}
    assert collection.fps == FPS
    assert len(synthetic_collection(0, 1, 32, 8.0).videos[0]) == 32


def test_a_seed_decides_the_videos(collection):
    again, other = (synthetic_collection(seed, 1, SIZE, FPS, SECONDS) for seed in (3, 4))
    assert all((one == same).all() for one, same in zip(collection.videos[::8], again.videos, strict=True))
    assert not any((one == new).all() for one, new in zip(again.videos, other.videos, strict=True))


def test_the_camera_stands_still_in_about_half_of_the_videos(collection):
    corners = [video[:, :6, :6] for video in collection.videos]
    assert 0.35 < np.mean([(corner == corner[0]).all() for corner in corners]) < 0.65


def test_a_swapped_video_is_the_same_performance_in_another_place(collection, swapped):
    assert swapped.labels == collection.labels
    assert all(new != old for new, old in zip(swapped.groups, collection.groups, strict=True))
    assert len(set(zip(swapped.groups, collection.groups, strict=True))) > 40  # of 56
    plan = Plan(3, SECONDS, SECONDS, SIZE, SIZE)
    for action in range(len(ACTIONS)):
        masks = [mask for _, mask in render(replace(plan.scene(action, 0), fps=4))]
        for mask, old, new in zip(masks, collection.videos[8 * action], swapped.videos[8 * action], strict=True):
            inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            change = np.abs(old.astype(int) - new).max(-1)
            assert (change <= 8)[inside].sum() >= 0.8 * inside.sum()  # some of it shows between arms and legs
            assert (change <= 8)[~mask].mean() < 0.2


def test_one_of_each_pair_of_reversed_actions_is_kept(collection):
    kept = one_of_each_pair(collection)
    names = {"open_arms", "approach", "enter", "fall", "spin_clockwise", "crouch_down", "topple"}
    assert set(kept.labels) == names
    assert len(kept.videos) == 8 * len(names)
    rows = [row for row, label in enumerate(collection.labels) if label in names]
    assert all(video is collection.videos[row] for video, row in zip(kept.videos, rows, strict=True))


def test_taken_and_sampled_rows_stay_together(collection):
    taken = collection.take([5, 2])
    assert taken.videos[1] is collection.videos[2]
    assert (taken.labels[0], taken.groups[0], taken.fps) == (collection.labels[5], collection.groups[5], FPS)
    sampled = collection.sample(40, torch.Generator().manual_seed(0))
    assert len({id(video) for video in sampled.videos}) == 40
    assert len(collection.sample(1000, torch.Generator().manual_seed(0)).videos) == len(collection.videos)


def test_a_wrong_record_cannot_travel():
    video = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r"a label and a group, got \(1, 2, 1\)"):
        Labelled([video], ["a", "b"], ["x"], 8.0)
    with pytest.raises(ValueError, match=r"fps above zero, got self.fps=0"):
        Labelled([video], ["a"], ["x"], 0.0)
    with pytest.raises(ValueError, match="have frames"):
        Labelled([video[:0]], ["a"], ["x"], 8.0)


def test_a_broken_rate_is_refused():
    with pytest.raises(ValueError, match=r"whole frames a second, got fps=12.5"):
        synthetic_collection(0, 1, 32, 12.5)
