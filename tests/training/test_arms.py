from dataclasses import replace
from typing import Any

import pytest

from training.arms import ARMS, Arm
from training.objective import Objective

NAMED = {arm.name: arm for arm in ARMS}


def test_names_are_those_of_the_thirteen_arms_and_of_the_whole_method_less_a_part():
    parts = ["A12-adv", "A12-inst", "A12-reg", "A12-match", "A12-dir"]
    assert [arm.name for arm in ARMS] == [f"A{number}" for number in range(13)] + parts


@pytest.mark.parametrize("text", ["says", "objective"])
def test_no_two_arms_are_the_same(text):
    assert len({getattr(arm, text) for arm in ARMS}) == len(ARMS)


def test_random_weights_are_not_trained_and_the_whole_method_is_the_default():
    assert [arm.name for arm in ARMS if arm.objective is None] == ["A0"]
    assert NAMED["A12"].objective == Objective()
    bare = Objective(two_scales=False, region=None, information=None, match=False, direction=False)
    assert NAMED["A1"].objective == bare


@pytest.mark.parametrize(
    ("arm", "reference", "changed"),
    [
        ("A2", "A1", {"two_scales": True}),
        ("A3", "A2", {"region": "nearest"}),
        ("A4", "A2", {"region": "coverage"}),
        ("A5", "A2", {"region": "gaussian"}),
        ("A6", "A4", {"region": "shuffled"}),
        ("A7", "A4", {"information": "adversary"}),
        ("A12-adv", "A12", {"information": "adversary"}),
        ("A8", "A4", {"information": "random"}),
        ("A9", "A4", {"information": "club"}),
        ("A10", "A4", {"match": True}),
        ("A11", "A10", {"direction": True}),
        ("A12-inst", "A12", {"instance": None}),
        ("A12-reg", "A12", {"region": None}),
        ("A12-match", "A12", {"match": False}),
        ("A12-dir", "A12", {"direction": False}),
    ],
)
def test_an_arm_differs_from_the_one_it_is_described_by_in_one_thing(arm, reference, changed):
    assert NAMED[arm].says.startswith(f"{reference} ")
    assert NAMED[arm].objective == less(NAMED[reference], **changed)


def test_the_whole_method_less_mutual_information_or_less_both_terms_of_order_is_an_arm_already():
    assert less(NAMED["A12"], information=None) == NAMED["A11"].objective
    assert less(NAMED["A12"], match=False, direction=False) == NAMED["A9"].objective


def less(arm: Arm, **changed: Any) -> Objective:
    assert arm.objective is not None
    return replace(arm.objective, **changed)
