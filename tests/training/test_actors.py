import numpy as np
import pytest

from training.actions import ACTIONS, Action
from training.actors import ACTORS, Actor
from training.backgrounds import BACKGROUNDS
from training.scenes import Scene, render


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_the_actor_moves(action: Action, actor: Actor):
    scene = Scene(action, BACKGROUNDS[0], actor, 3, 1.0, 25, 96, 72)
    masks = np.stack([mask for _, mask in render(scene)])
    changed = (masks[1:] != masks[:-1]).any(axis=(1, 2))
    assert changed.mean() > 0.5
