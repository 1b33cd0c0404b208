import numpy as np
import pytest

from training.actions import ACTIONS, Action
from training.actors import ACTORS, Actor
from training.backgrounds import BACKGROUNDS
from training.scenes import Scene, render, render_backdrop

BY_NAME = {action.name: action for action in ACTIONS}
REVERSED = [action for action in ACTIONS if action.reverse_of is not None]


def small(action: Action, actor: Actor = "figure", seed: int = 3, drift: float = 0.0, background: int = 0) -> Scene:
    return Scene(action, BACKGROUNDS[background], actor, seed, 1.0, 25, 96, 72, drift)


def frames_of(scene: Scene) -> np.ndarray:
    return np.stack([frame for frame, _ in render(scene)])


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("action", REVERSED, ids=lambda action: action.name)
def test_a_reversed_action_shows_its_partners_frames_backwards(action: Action, actor: Actor):
    assert action.reverse_of is not None
    backwards = frames_of(small(action, actor))
    forwards = frames_of(small(BY_NAME[action.reverse_of], actor))
    np.testing.assert_array_equal(backwards, forwards[::-1])
    assert (backwards != forwards).any(axis=(1, 2, 3)).mean() > 0.5, "the two must not look the same"


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("drift", [0.0, 0.06])
def test_the_mask_marks_where_the_frame_differs_from_the_frame_without_the_actor(actor: Actor, drift: float):
    for action in ACTIONS[::3]:
        scene = small(action, actor, drift=drift, background=4)
        for (frame, mask), empty in zip(render(scene), render_backdrop(scene), strict=True):
            differs = (frame != empty).any(axis=2)
            assert not (differs & ~mask).any()
            assert (mask & ~differs).sum() <= 0.02 * mask.sum() + 1  # the actor may wear the backdrop's colour


def test_one_seed_gives_one_video_and_another_seed_another():
    scene = small(ACTIONS[0], drift=0.05)
    np.testing.assert_array_equal(frames_of(scene), frames_of(scene))
    assert (frames_of(scene) != frames_of(small(ACTIONS[0], seed=4, drift=0.05))).any()


def test_a_still_camera_leaves_the_background_still_and_a_drifting_one_does_not():
    still, moving = ([frame[:30] for frame in render_backdrop(small(ACTIONS[0], drift=d))] for d in (0.0, 0.06))
    assert all((frame == still[0]).all() for frame in still)
    assert any((frame != moving[0]).any() for frame in moving)


def test_a_scene_says_its_frames_and_refuses_what_it_cannot_show():
    assert len(frames_of(small(ACTIONS[0]))) == small(ACTIONS[0]).frames == 25
    with pytest.raises(ValueError, match=r"two frames or more, got self.duration_s=0.01"):
        Scene(ACTIONS[0], BACKGROUNDS[0], "figure", 0, duration_s=0.01)
    with pytest.raises(ValueError, match=r"must be even.*self.width=321"):
        Scene(ACTIONS[0], BACKGROUNDS[0], "figure", 0, width=321)
    with pytest.raises(ValueError, match=r"drift must be between 0 and 0.1, got self.drift=0.5"):
        Scene(ACTIONS[0], BACKGROUNDS[0], "figure", 0, drift=0.5)
