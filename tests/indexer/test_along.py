import numpy as np

from indexer.along import Along, together


def along(*excess, hop=1.0):
    return Along(np.arange(len(excess)) * hop, len(excess) * hop, np.array(excess, np.float32))


def test_each_step_shows_the_most_alike_clip_that_starts_in_it():
    assert along(0.1, 0.5, 0.25, 0.0, 1.0, 0.75).steps(3) == [0.5, 0.25, 1.0]


def test_there_are_no_more_steps_than_clips():
    assert along(0.5, 0.25).steps(96) == [0.5, 0.25]


def test_steps_stay_between_unrelated_and_equal():
    assert along(-0.5, 1.25).steps(2) == [0.0, 1.0]


def test_a_step_in_which_no_clip_starts_goes_on_as_before():
    last = Along(np.array([0.0, 1.0, 1.5]), 8.0, np.array([0.5, 0.25, 0.75], np.float32))
    assert last.steps(3) == [0.75, 0.75, 0.75]


def test_of_several_queries_the_nearest_counts():
    assert together([along(0.1, 0.5), along(0.25, 0.0)]).steps(2) == [0.25, 0.5]
    assert together([]) is None
