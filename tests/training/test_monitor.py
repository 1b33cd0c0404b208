import math

import pytest

from training.errors import TrainingError
from training.monitor import Monitor


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_run(loss):
    with pytest.raises(TrainingError, match=f"the loss became {loss} at step 7; train with a lower learning rate"):
        Monitor().check(7, loss, 1.0)


def test_fifty_steps_of_equal_embeddings_stop_the_run():
    monitor = Monitor()
    for step in range(49):
        monitor.check(step, 1.0, 0.01)
    with pytest.raises(TrainingError, match=r"collapsed: for 50 steps up to step 49 .* \(spread 0.010 of 1\)"):
        monitor.check(49, 1.0, 0.01)


def test_one_step_in_which_embeddings_lie_apart_starts_the_count_anew():
    monitor = Monitor()
    for step in range(200):
        monitor.check(step, 1.0, 0.5 if step % 50 == 49 else 0.0)
