import sys

import pytest

from benchmarks import unlike
from benchmarks.copies import open_library
from benchmarks.unlike import MARKINGS, Trial, table, trials, unseen
from training.corpus import Manifest

SEEDS = 2


@pytest.fixture(scope="module")
def manifest(clip, tmp_path_factory):
    """Two classes of three groups, and a group that is no part of it."""
    folder = tmp_path_factory.mktemp("marked")
    rows = [f"{kind}{group}.mp4,{kind},g{group}" for kind in "ab" for group in range(4)]
    for seed, row in enumerate(rows):
        clip(folder / row.split(",")[0], seed)
    (folder / "m.csv").write_text("\n".join(["path,label,group", *rows]))
    return Manifest(folder / "m.csv", "g[012]")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def library(manifest, small_encoder, out):
    with open_library(out, [manifest.path.parent], str(small_encoder)) as made:
        yield made


@pytest.fixture(scope="module")
def found(library, manifest):
    return list(trials(library, unseen(library, manifest), SEEDS, lambda done, total: None))


def test_videos_of_unseen_groups_ask_and_each_marking_is_tried_with_every_seed(found):
    assert {trial.group for trial in found} == {"0:g0", "0:g1", "0:g2"}
    assert len(found) == 6 * SEEDS * len(MARKINGS)


def test_with_every_third_fewer_videos_ask_the_same(library, manifest, found):
    some = list(trials(library, unseen(library, manifest), SEEDS, lambda done, total: None, every=3))
    assert some == [trial for i, trial in enumerate(found) if i // (SEEDS * len(MARKINGS)) % 3 == 0]


def test_a_query_finds_the_videos_of_other_groups_alone(found):
    assert {trial.before[:2] for trial in found} == {(0.5, 0.5)}  # of four that are there two are right


def test_the_others_are_those_that_were_not_marked(found):
    by_name = {marking.name: [trial for trial in found if trial.marking is marking] for marking in MARKINGS}
    assert {trial.before[2] for trial in by_name["1 not wanted"]} == {2 / 3}
    assert {trial.after[2] for trial in by_name["3 not wanted"]} == {1.0}  # both wrong ones are
    assert {trial.after[3] for trial in by_name["1 wanted as well"]} == {1 / 3}
    assert {trial.before[3] for trial in by_name["1 of each"]} == {0.5}


def test_the_table_tells_what_changed_and_how_sure_that_is():
    one, *_ = MARKINGS
    better = [
        Trial(marking, group, seed, (0.2, 0.1, 0.4, 0.3), (0.4, 0.1, 0.6, 0.3 + seed / 10))
        for marking in MARKINGS for group in "abc" for seed in (0, 1)
    ]  # fmt: skip
    lines = table("signs", better, 2).splitlines()
    assert lines[0] == "| signs: marked | trials | first 5 | first 10 | other 5 | other 10 | by seed |"
    assert lines[2] == (
        f"| {one.name} | 6 | 20.0 → 40.0: +20.0 [+20.0, +20.0] | 10.0 → 10.0: +0.0 [+0.0, +0.0] "
        "| 40.0 → 60.0: +20.0 [+20.0, +20.0] | 30.0 → 35.0: +5.0 [+5.0, +5.0] | +20.0, +20.0 |"
    )


def test_the_command_prints_a_table_for_each_manifest(library, manifest, small_encoder, out, monkeypatch, capsys):
    command = ["unlike", "--manifest", manifest.path, manifest.unseen, "--encoder", small_encoder, "--out", out]
    monkeypatch.setattr(sys, "argv", [*map(str, command), "--seeds", "1"])
    unlike.main()
    assert capsys.readouterr().out.startswith("| m: marked | trials | first 5 |")


def test_a_wrong_manifest_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["unlike", "--manifest", str(tmp_path / "none.csv"), "g", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"none\.csv"):
        unlike.main()
