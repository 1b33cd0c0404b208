from dataclasses import replace

import numpy as np
import pytest

from benchmarks.calibration import Answers, calibration_error, fit, plot, table, unseen_chances
from encoder.errors import WorldError


def answers(count=4000, groups=20, seed=0):
    """Answers that are right with a chance of the square of their score."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 1, count)
    return Answers(
        scores, rng.uniform(size=count) < scores**2, rng.integers(groups, size=count).astype(str), count // 10
    )


def test_the_table_tells_the_chance_behind_the_answers():
    scores, chances = table(answers().scores, answers().right)
    assert chances == pytest.approx(scores**2, abs=0.08)
    assert (np.diff(chances) >= 0).all()
    assert (np.diff(scores) > 0).all()


def test_the_table_rises_even_where_the_answers_do_not():
    scores = np.linspace(0, 1, 400)
    _, chances = table(scores, scores < 0.5)
    assert (np.diff(chances) >= 0).all()
    assert chances == pytest.approx(0.5, abs=0.01)


def test_no_score_makes_sure():
    _, chances = table(np.linspace(0, 1, 100), np.linspace(0, 1, 100) > 0.5)
    assert 0 < chances[0] < 0.2
    assert 0.8 < chances[-1] < 1


def test_the_calibration_error_is_that_of_a_slow_loop_over_bins():
    these = answers(500)
    chances = np.random.default_rng(1).uniform(0, 1, 500)
    slow = 0.0
    for low in np.arange(10) / 10:
        inside = [i for i in range(500) if low <= chances[i] < low + 0.1]
        slow += abs(sum(chances[i] - these.right[i] for i in inside)) / 500
    assert calibration_error(chances, these.right) == pytest.approx(slow)


def test_chances_of_unseen_groups_are_near_the_truth_and_none_comes_from_its_own_group():
    these = answers()
    assert calibration_error(unseen_chances(these), these.right) < 0.04
    odd = replace(these, groups=np.where(these.scores > 0.9, "odd", these.groups))
    assert unseen_chances(odd)[these.scores > 0.9].max() < 0.9  # never seen so high


def test_a_fit_says_on_what_it_was_made():
    made = fit(answers(), "the same action", "squares")
    assert (made.answers, made.queries, made.data) == (4000, 400, "squares")
    assert made.chance(0.9) > made.chance(0.3)
    assert made.error < 0.04


def test_a_fit_on_few_groups_is_refused():
    with pytest.raises(WorldError, match="5 groups or more, got 2"):
        fit(answers(groups=2), "the same action", "squares")


def test_the_plot_is_drawn(tmp_path):
    plot({"similar": answers(400), "copy": answers(400, seed=1)}, tmp_path / "docs" / "plot.png")
    assert (tmp_path / "docs" / "plot.png").stat().st_size > 1000
