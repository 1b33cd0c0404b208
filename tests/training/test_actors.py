import numpy as np
import pytest

from training.actions import ACTIONS, Action
from training.actors import ACTORS, Actor
from training.backgrounds import BACKGROUNDS
from training.scenes import Scene, render


def small(action: Action, actor: Actor = "figure", seed: int = 3, drift: float = 0.0, background: int = 0) -> Scene:
    return Scene(action, BACKGROUNDS[background], actor, seed, 1.0, 25, 96, 72, drift)


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_the_actor_moves(action: Action, actor: Actor):
    masks = np.stack([mask for _, mask in render(small(action, actor))])
    changed = (masks[1:] != masks[:-1]).any(axis=(1, 2))
    assert changed.mean() > 0.5
