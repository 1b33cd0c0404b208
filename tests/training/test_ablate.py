import json
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import isfinite, nan
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from encoder.config import EncoderConfig
from training import ablate
from training import train as training_loop
from training.ablate import Grid, run_grid
from training.arms import ARMS, Arm
from training.cache import FrameCache
from training.corpus import Corpus, Manifest, make_corpus, read_frames
from training.errors import TrainingError
from training.recipes import Recipe

UNTRAINED, FULL = TWO = [arm for arm in ARMS if arm.name in ("A0", "A12")]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def grid(recipe: Recipe) -> Grid:
    """Two steps on drawn videos."""
    encoder = EncoderConfig(width=8, blocks=1, look_dim=0, motion_weight=1.0)
    schedule = replace(recipe.schedule, steps=2)
    small = replace(recipe, encoder=encoder, schedule=schedule, cache_fps=4, cache_size=32)
    return Grid(replace(small, views=replace(small.views, shortest_stride=0.25)), (), videos_per_action=2, clips=1)


@pytest.fixture(scope="module")
def finished(grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], Path]:
    """What two arms with two seeds gave in a process of their own, and the folder."""
    out = tmp_path_factory.mktemp("grid") / "deep" / "out"
    return run_grid(grid, TWO, range(2), out, processes=1), out


@pytest.fixture
def out(finished: tuple[list[Row], Path], tmp_path: Path) -> Path:
    """A copy of the folder of the finished runs."""
    return Path(shutil.copytree(finished[1], tmp_path / "out"))


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run can be begun."""

    def refuse(grid: Grid, frames: FrameCache, left: Sequence[tuple[Arm, int]], *_: Any) -> Sequence[Row]:
        assert not left
        return []

    monkeypatch.setattr(ablate, "_run_all", refuse)


class Threads(ThreadPoolExecutor):
    """A thread in place of processes."""

    def __init__(self, processes: int, context: Any, **start: Any) -> None:
        super().__init__(1, **start)


@pytest.fixture(scope="module")
def corpus(grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    frames = read_frames((), tmp_path_factory.mktemp("frames"), grid.recipe.cache_fps, grid.recipe.cache_size)
    return make_corpus((), frames, grid.videos_per_action)


@pytest.fixture
def inline(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs take place in this process; their heads, which nothing is measured by, are fitted to few clips."""
    monkeypatch.setattr(ablate, "ProcessPoolExecutor", Threads)
    monkeypatch.setattr(ablate, "make_corpus", lambda *_: corpus)
    monkeypatch.setattr(ablate, "_corpus", corpus)
    monkeypatch.setattr(training_loop, "_MOMENTS", 40)
    monkeypatch.setattr(training_loop, "draw_curves", lambda *_: None)


def lines(out: Path) -> list[str]:
    return (out / "results.jsonl").read_text().splitlines(keepends=True)


def by_run(rows: Sequence[Row]) -> dict[tuple[str, int], dict[str, float]]:
    return {(row["arm"], row["seed"]): row["found"] for row in rows}


# A grid


def test_every_arm_with_every_seed_is_a_row_of_numbers(finished, grid):
    rows, out = finished
    assert [json.loads(line) for line in lines(out)] == rows
    assert sorted(by_run(rows)) == [("A0", 0), ("A0", 1), ("A12", 0), ("A12", 1)]
    for row in rows:
        assert row.keys() == {"arm", "seed", "key", "trained_s", "measured_s", "found"}
        assert row["key"] == grid.key(UNTRAINED if row["arm"] == "A0" else FULL)
        assert all(isfinite(value) for value in row["found"].values())
        assert ("order" in row["found"]) == (row["arm"] == "A12")
        assert row["found"].keys() >= {"drawn R@1", "action match", "drawn reversal", "regions", "tau", "low-level R2"}
    found = by_run(rows)
    assert found["A12", 0] != found["A12", 1]
    assert found["A0", 0] != found["A0", 1]


def test_rows_of_more_seeds_come_seed_by_seed(finished):
    assert [row["seed"] for row in finished[0]] == [0, 0, 1, 1]


@pytest.mark.usefixtures("no_process")
def test_what_is_done_is_not_done_again_and_needs_no_video(finished, grid, out):
    before = (out / "results.jsonl").read_bytes()
    shutil.rmtree(out / "frames")
    assert run_grid(grid, TWO, range(2), out, processes=1) == finished[0]
    assert by_run(run_grid(grid, [FULL], [1], out, processes=1)).keys() == {("A12", 1)}
    assert (out / "results.jsonl").read_bytes() == before
    assert not (out / "frames").exists()


@pytest.mark.usefixtures("inline")
def test_a_half_written_row_is_done_again_and_leaves_no_trace(finished, grid, out):
    *whole, last = lines(out)
    (out / "results.jsonl").write_text("".join(whole) + last[:30])
    for _ in range(2):  # the second time nothing is left to do
        assert by_run(run_grid(grid, TWO, range(2), out, processes=1)) == by_run(finished[0])
    assert lines(out)[:3] == whole
    assert len(lines(out)) == 4


@pytest.mark.usefixtures("inline")
def test_another_grid_in_the_same_folder_shares_no_row(finished, grid, out):
    longer = replace(grid, recipe=replace(grid.recipe, schedule=replace(grid.recipe.schedule, steps=3)))
    rows = run_grid(longer, [FULL], [0], out, processes=1)
    assert [(row["arm"], row["seed"], row["key"]) for row in rows] == [("A12", 0, longer.key(FULL))]
    assert len(lines(out)) == 5
    assert by_run(run_grid(grid, TWO, range(2), out, processes=1)) == by_run(finished[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda grid: replace(grid, clips=2),
        lambda grid: replace(grid, videos_per_action=3),
        lambda grid: replace(grid, manifests=(Manifest(Path("yoga.csv"), "u1"),)),
        lambda grid: replace(grid, recipe=replace(grid.recipe, encoder=replace(grid.recipe.encoder, centred=False))),
    ],
)
def test_whatever_changes_the_numbers_changes_the_key(grid, change):
    assert change(grid).key(FULL) != grid.key(FULL) == replace(grid).key(FULL)


def test_the_key_knows_which_groups_of_which_manifest_are_kept_back_wherever_it_lies(grid):
    manifests = [Manifest(Path(path), unseen) for path, unseen in [("a.csv", "u1"), ("b.csv", "u1"), ("a.csv", "u2")]]
    keys = [replace(grid, manifests=(manifest,)).key(FULL) for manifest in manifests]
    assert len(set(keys)) == 3
    assert replace(grid, manifests=(Manifest(Path("elsewhere/a.csv"), "u1"),)).key(FULL) == keys[0]


@pytest.mark.usefixtures("inline")
def test_an_encoder_that_measures_no_number_is_refused(grid, tmp_path, monkeypatch):
    monkeypatch.setattr(ablate, "measure", lambda *_: {"tau": nan, "places": 0.5, "bins": float("inf")})
    with pytest.raises(RuntimeError, match="A0 seed 3 measured no number for tau, bins"):
        run_grid(grid, [UNTRAINED], [3], tmp_path, processes=1)
    assert not (tmp_path / "results.jsonl").exists()


def test_where_a_run_fails_what_was_done_is_kept_and_no_other_is_begun(grid, tmp_path, monkeypatch):
    begun, written, over = [], Event(), Event()

    class Held(Threads):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            over.set()
            super().shutdown(wait)

    def run(grid: Grid, arm: Arm, seed: int, runs: Path) -> Row:
        begun.append(seed)
        if seed == 1:
            assert written.wait(60)
            raise TrainingError("the loss became nan")
        assert seed == 0 or over.wait(60)
        return {"arm": arm.name, "seed": seed, "key": grid.key(arm), "found": {}}

    monkeypatch.setattr(ablate, "ProcessPoolExecutor", Held)
    monkeypatch.setattr(ablate, "_start", lambda *_: None)
    monkeypatch.setattr(ablate, "_run", run)
    monkeypatch.setattr(ablate, "_tell", lambda message: written.set())
    with pytest.raises(TrainingError, match="the loss became nan"):
        run_grid(grid, [FULL], range(6), tmp_path, processes=1)
    assert begun in ([0, 1], [0, 1, 2])  # the third may have been begun before the second's end was seen
    assert [json.loads(line)["seed"] for line in lines(tmp_path)] == [0]


# The command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str, str]]:
    """command(*arguments) -> how it exits, stdout, stderr."""

    def run(*arguments: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["ablate", *arguments])
        status: Any = 0
        try:
            ablate.main()
        except SystemExit as exit_:
            status = exit_.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command asks of `run_grid`, which is not run."""
    given: list[Any] = []
    monkeypatch.setattr(ablate, "run_grid", lambda *all_: given.extend(all_) or [])
    return given


def test_arms_that_there_are_not_are_told_with_those_that_there_are(command):
    status, said, told = command("--arms", "A1,nonsense,A99")
    assert (status, said) == (2, "")
    assert told.splitlines()[-1].endswith(f"no arm nonsense, A99; there are {', '.join(arm.name for arm in ARMS)}")


def test_a_pattern_that_is_none_is_told(command):
    status, said, told = command("--manifest", "a.csv", "u[1")
    assert (status, said) == (2, "")
    assert "groups are kept back by a regular expression, got 'u[1'" in told.splitlines()[-1]


def test_a_manifest_that_is_not_there_is_told_in_a_sentence(command, tmp_path):
    status, said, _ = command("--manifest", str(tmp_path / "gone.csv"), "u1", "--quick", "--out", str(tmp_path))
    assert str(status).startswith(f"{tmp_path / 'gone.csv'} can't be read as a manifest")
    assert said == ""


@pytest.mark.usefixtures("no_process")
def test_a_pattern_that_leaves_nobody_is_told_before_a_run_is_begun(grid, tmp_path):
    (tmp_path / "signs.csv").write_text("path,label,group\na.mp4,wave,u1\n")
    with pytest.raises(TrainingError, match=r"with 'u2' no group of .*signs.csv is left to train on"):
        run_grid(replace(grid, manifests=(Manifest(tmp_path / "signs.csv", "u2"),)), TWO, [0], tmp_path, 1)


def test_what_is_asked_for_is_what_is_run(command, asked, tmp_path):
    status, *_ = command(
        "--arms", "A4,A1", "--seeds", "2", "--steps", "7", "--rgb", "--processes", "5",
        "--manifest", "a.csv", "u1", "--manifest", "b.csv", "u2", "--out", str(tmp_path),
    )  # fmt: skip
    grid, arms, seeds, out, processes = asked
    assert status == 0
    assert [arm.name for arm in arms] == ["A4", "A1"]
    assert (list(seeds), out, processes) == ([0, 1], tmp_path, 5)
    assert grid.manifests == (Manifest(Path("a.csv"), "u1"), Manifest(Path("b.csv"), "u2"))
    assert (grid.recipe.schedule.steps, grid.recipe.encoder.centred) == (7, False)
    assert {grid.of(arm).objective for arm in arms} == {arm.objective for arm in arms}


def test_the_quick_grid_is_all_arms_once_on_few_drawn_videos(command, asked):
    assert command("--quick")[0] == 0
    grid, arms, seeds, out, _ = asked
    assert (list(arms), list(seeds), grid.manifests) == (list(ARMS), [0], ())
    assert (grid.recipe.schedule.steps, grid.recipe.encoder.centred) == (20, True)
    assert not out.exists()  # nothing is kept


def test_the_tables_are_all_that_is_printed(command, finished, out, monkeypatch):
    monkeypatch.setattr(ablate, "run_grid", lambda *_: finished[0])
    status, said, told = command("--arms", "A0,A12")
    assert (status, told) == (0, "")
    assert said.startswith("**What is found")
    assert [line.split(" | ")[0] for line in said.splitlines() if line.startswith("| A")] == ["| A0", "| A12"] * 3
