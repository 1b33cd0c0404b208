from statistics import mean, stdev

import pytest

from training.arms import Arm
from training.tables import to_markdown

PLAIN, FULL, MISSING = (Arm(name, f"says {name}", None) for name in ("A0", "A12", "A5"))
FOUND = {
    "yoga R@1": 0.25, "yoga cells R@1": 0.375, "drawn still R@1": 0.125,
    "action match": 0.5, "background match": 0.75, "yoga reversal": 0.625,
    "regions": 0.1, "regions chance": 0.05, "places": 0.3, "bins": 0.4, "bins chance": 0.2, "tau": 0.456,
    "low-level R2": -0.123,
}  # fmt: skip
Row = dict[str, object]


def row(arm: Arm, seed: int = 0, **found: float) -> Row:
    return {"arm": arm.name, "seed": seed, "found": {**FOUND, **found}}


def tables(rows: list[Row], *arms: Arm) -> list[dict[str, dict[str, str]]]:
    """Each table as arm -> column -> cell; the arm's description is the column without a name."""
    parsed = []
    for part in to_markdown(rows, arms).split("\n\n**"):
        lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
        (_, *columns), _, *body = ([cell.strip() for cell in line] for line in lines)
        parsed.append({name: dict(zip(columns, cells, strict=True)) for name, *cells in body})
    return parsed


def test_every_number_stands_in_the_table_it_belongs_to_and_in_no_other():
    found, followed, known = tables([row(FULL, order=0.5)], FULL)
    assert list(found["A12"]) == ["", "yoga R@1", "yoga cells R@1", "drawn still R@1"]
    assert list(followed["A12"]) == ["", "action match", "background match", "yoga reversal", "low-level R2"]
    expected = ["", "regions", "regions chance", "places", "bins", "bins chance", "tau", "order"]
    assert list(known["A12"]) == expected
    assert {table["A12"][""] for table in (found, followed, known)} == {"says A12"}


def test_numbers_are_per_cent_but_for_tau_and_r2_and_those_of_a_lone_seed_have_no_deviation():
    found, followed, known = tables([row(FULL)], FULL)
    assert found["A12"]["yoga cells R@1"] == "37.5"
    assert followed["A12"]["low-level R2"] == "-0.12"
    assert (known["A12"]["tau"], known["A12"]["regions chance"]) == ("0.46", "5.0")


def test_seeds_are_averaged_and_their_standard_deviation_told():
    values = [0.1, 0.2, 0.6]
    rows = [row(FULL, seed, bins=value, tau=value) for seed, value in enumerate(values)]
    cells = tables(rows, FULL)[2]["A12"]
    assert cells["bins"] == f"{100 * mean(values):.1f} ± {100 * stdev(values):.1f}" == "30.0 ± 26.5"
    assert cells["tau"] == f"{mean(values):.2f} ± {stdev(values):.2f}" == "0.30 ± 0.26"
    assert cells["places"] == "30.0 ± 0.0"


@pytest.mark.parametrize("rows", [[row(PLAIN), row(FULL, order=0.75)], [row(FULL, order=0.75), row(PLAIN)]])
def test_a_number_that_an_arm_lacks_is_a_dash(rows):
    known = tables(rows, PLAIN, FULL)[2]
    assert (known["A0"]["order"], known["A12"]["order"]) == ("-", "75.0")


def test_arms_stand_in_their_order_and_those_without_rows_are_left_out():
    for table in tables([row(FULL), row(PLAIN)], PLAIN, MISSING, FULL):
        assert list(table) == ["A0", "A12"]
