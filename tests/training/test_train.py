import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encoder.checkpoint import load_encoder
from encoder.errors import VideoError
from training import monitor
from training import train as under_test
from training.cache import Frames
from training.curves import draw_curves, read_metrics
from training.errors import Stopped, TrainingError
from training.probe import plain_clips
from training.recipes import Recipe, Teacher
from training.train import train, train_files

FILES = {"curves.png", "encoder.safetensors", "metrics.jsonl", "state.pt", "tensorboard"}


def stop_at(step: int) -> Callable[[str, int, int], None]:
    """A report by which the user stops a run after that many steps."""

    def report(what: str, done: int, of: int) -> None:
        if (what, done) == ("steps", step):
            raise KeyboardInterrupt

    return report


def steps_in(out: Path) -> list[int]:
    return [row["step"] for row in read_metrics(out / "metrics.jsonl")]


def with_schedule(recipe: Recipe, **changed: Any) -> Recipe:
    return replace(recipe, schedule=replace(recipe.schedule, **changed))


def with_teacher(recipe: Recipe) -> Recipe:
    return replace(recipe, objective=replace(recipe.objective, instance="queue"), teacher=Teacher(queue=10))


@pytest.fixture
def saves(monkeypatch) -> None:
    """Runs save their state after every step."""
    monkeypatch.setattr(under_test, "_SAVE_EVERY_S", -1)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """Heads are fitted to fewer clips than usual, and curves are not drawn."""
    monkeypatch.setattr(under_test, "_MOMENTS", 40)
    monkeypatch.setattr(under_test, "draw_curves", lambda metrics, out: out.touch())


# A whole run


def test_a_run_leaves_an_encoder_its_metrics_its_state_and_its_curves(recipe, films, tmp_path, monkeypatch):
    monkeypatch.setattr(under_test, "draw_curves", draw_curves)
    told: list[tuple[str, int, int]] = []
    path = train(recipe, films, tmp_path / "deep" / "out", report=lambda *count: told.append(count))
    out = tmp_path / "deep" / "out"
    assert path == out / "encoder.safetensors"
    assert {file.name for file in out.iterdir()} == FILES
    assert all(file.stat().st_size for file in out.iterdir())
    assert len(list((out / "tensorboard").glob("events*"))) == 1
    loaded = load_encoder(path)
    assert (loaded.config, loaded.spec) == (recipe.encoder, recipe.clip)
    with torch.inference_mode():
        norms = loaded.encoder(torch.randn(2, 3, 4, 32, 32)).norm(dim=1)
    assert norms.tolist() == pytest.approx([1, 1], abs=1e-5)
    assert told == [("steps", done, 4) for done in range(1, 5)]
    rows = read_metrics(out / "metrics.jsonl")
    named = {"loss", "spread", "instance", "look", "region", "match", "direction", "direction_accuracy"}
    assert all(row.keys() == {"step", "recall", "seconds", "waited"} | named for row in rows)
    assert all(np.isfinite(value) for row in rows for value in row.values())


def test_the_probe_is_asked_so_many_times_a_run_and_at_its_end(recipe, films, tmp_path, monkeypatch):
    monkeypatch.setattr(under_test, "_PROBES", 2)
    train(with_schedule(recipe, steps=7), films, tmp_path)
    probed = [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl") if "recall" in row]
    assert probed == [0, 3, 6]


def test_training_goes_on_in_training_mode_after_a_probe(recipe, films, tmp_path, monkeypatch):
    modes = []
    monkeypatch.setattr(under_test, "half_recall", lambda encoder, *_: modes.append(encoder.training) or 0.5)
    advance = under_test.Run.advance

    def noting(run: Any, batches: Any) -> dict[str, float]:
        modes.append(all(module.training for module in run.student.modules()))
        return advance(run, batches)

    monkeypatch.setattr(under_test.Run, "advance", noting)
    train(with_schedule(recipe, steps=2), films, tmp_path)
    assert modes == [True, False, True, False]


def test_the_heads_are_fitted_to_moments_of_the_videos(recipe, films, tmp_path, monkeypatch):
    monkeypatch.setattr(under_test, "_MOMENTS", 600)
    encoder = load_encoder(train(recipe, films, tmp_path)).encoder
    clips = torch.cat(list(plain_clips(films * 50, recipe.cache_fps, recipe.clip, np.linspace(0, 1, 300))))
    with torch.inference_mode():
        for head, feature in zip(encoder.heads(), encoder.features(clips), strict=True):
            output = head(feature)
            assert output.mean(0).norm() < 0.5
            assert output.square().sum(1).mean().item() == pytest.approx(1, abs=0.3)


def test_a_seed_decides_the_encoder(recipe, films, tmp_path):
    seeds = (3, 3, 4)
    paths = [train(recipe, films, tmp_path / str(number), seed) for number, seed in enumerate(seeds)]
    first, again, other = (load_encoder(path).fingerprint for path in paths)
    assert first == again != other


def test_views_rendered_by_workers_give_the_same_encoder(recipe, films, tmp_path):
    inline, ahead = (train(recipe, films, tmp_path / str(loaders), loaders=loaders) for loaders in (0, 1))
    assert load_encoder(inline).fingerprint == load_encoder(ahead).fingerprint


# A run that is cut off


@pytest.mark.parametrize(
    ("cut", "change"),
    [
        (1, lambda recipe: recipe),
        (2, lambda recipe: with_schedule(recipe, accumulate=2)),
        (3, with_teacher),
        (4, lambda recipe: recipe),  # every step is done, but the encoder not written
    ],
)
def test_a_run_cut_at_any_step_and_resumed_gives_the_encoder_of_an_unbroken_one(
    recipe, films, tmp_path, saves, cut, change
):
    whole = train(change(recipe), films, tmp_path / "whole")
    out = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        train(change(recipe), films, out, report=stop_at(cut))
    assert steps_in(out) == list(range(cut))
    assert not (out / "encoder.safetensors").exists()
    torch.rand(cut)
    resumed = train(change(recipe), films, out, resume=True)
    assert load_encoder(resumed).fingerprint == load_encoder(whole).fingerprint
    assert steps_in(out) == [0, 1, 2, 3]
    assert {file.name for file in out.iterdir()} == FILES


def test_a_run_says_in_its_encoder_what_it_began_with_and_a_resumed_one_too(recipe, films, tmp_path, saves):
    trained = load_encoder(train(recipe, films, tmp_path / "trained", seed=1))
    whole = load_encoder(train(recipe, films, tmp_path / "whole", begins_with=trained))
    with pytest.raises(KeyboardInterrupt):
        train(recipe, films, tmp_path / "cut", report=stop_at(2), begins_with=trained)
    resumed = load_encoder(train(recipe, films, tmp_path / "cut", resume=True))
    assert resumed.fingerprint == whole.fingerprint
    assert resumed.origin == whole.origin
    began_with = {"name": "encoder.safetensors", "fingerprint": trained.fingerprint, "parts": ["look", "motion"]}
    assert (whole.origin["began_with"], trained.origin["began_with"]) == (began_with, None)
    assert (whole.origin["videos"], whole.origin["steps"], whole.origin["seed"]) == (len(films), 4, 0)


def test_steps_since_the_last_save_are_taken_again_and_stand_once_in_the_metrics(recipe, films, tmp_path):
    whole = train(recipe, films, tmp_path / "whole")
    out = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        train(recipe, films, out, report=stop_at(3))  # within a minute nothing is saved
    assert not (out / "state.pt").exists()
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')  # killed as it wrote
    assert load_encoder(train(recipe, films, out)).fingerprint == load_encoder(whole).fingerprint
    assert steps_in(out) == [0, 1, 2, 3]
    for mine, other in zip(*(read_metrics(run / "metrics.jsonl") for run in (out, tmp_path / "whole")), strict=True):
        timed = {"seconds": 0, "waited": 0}
        assert mine | timed == other | timed


def test_a_finished_run_that_is_resumed_gives_its_encoder_again(recipe, films, tmp_path):
    path = train(recipe, films, tmp_path)
    fingerprint = load_encoder(path).fingerprint
    path.unlink()
    assert load_encoder(train(recipe, films, tmp_path, resume=True)).fingerprint == fingerprint
    assert steps_in(tmp_path) == [0, 1, 2, 3]


def test_a_disk_that_is_full_ends_a_run_and_leaves_what_was_saved(recipe, films, tmp_path, saves, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(recipe, films, tmp_path, report=stop_at(2))
    before = (tmp_path / "state.pt").read_bytes()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            train(recipe, films, tmp_path, resume=True)
    assert (tmp_path / "state.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))
    train(recipe, films, tmp_path, resume=True)
    assert steps_in(tmp_path) == [0, 1, 2, 3]


# Runs that can't be


def test_a_run_is_neither_overwritten_nor_gone_on_with_otherwise(recipe, films, tmp_path):
    path = train(recipe, films, tmp_path)
    before = path.read_bytes()
    with pytest.raises(TrainingError, match="holds a training run; go on with it by --resume, or give another folder"):
        train(recipe, films, tmp_path)
    with pytest.raises(TrainingError, match="had other recipe; resume it with the same, or give another folder"):
        train(with_schedule(recipe, batch=5), films, tmp_path, resume=True)
    with pytest.raises(TrainingError, match="had other recipe"):
        train(with_schedule(recipe, steps=5), films, tmp_path, resume=True)
    with pytest.raises(TrainingError, match="had other seed"):
        train(recipe, films, tmp_path, seed=1, resume=True)
    with pytest.raises(TrainingError, match="had other videos"):
        train(recipe, films[:5], tmp_path, resume=True)
    assert path.read_bytes() == before
    assert steps_in(tmp_path) == [0, 1, 2, 3]


def test_the_same_epochs_of_more_videos_are_another_run(recipe, films, tmp_path):
    recipe = with_schedule(recipe, steps=None, epochs=2)
    train(recipe, films, tmp_path)
    with pytest.raises(TrainingError, match="had other steps"):
        train(recipe, films * 2, tmp_path, resume=True)


def test_a_file_is_no_folder_for_a_run(recipe, films, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(TrainingError, match="out is a file; give a folder for the training run"):
        train(recipe, films, tmp_path / "out")


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (1, "only one video can be read, and it has no other to be told from; give two or more"),
        (3, "a batch of 4 is larger than the 3 videos; pass --batch 3 or less"),
    ],
)
def test_too_few_videos_are_refused_before_anything_is_written(recipe, films, tmp_path, count, told):
    with pytest.raises(TrainingError, match=told):
        train(recipe, films[:count], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_batch_that_processes_can_not_share_is_refused(recipe, films, tmp_path):
    with pytest.raises(TrainingError, match="a batch of 4 can't be shared by 3 processes; pass a multiple by --batch"):
        train(recipe, films, tmp_path, group=under_test.Group(0, 3))


def test_a_run_whose_loss_is_no_number_stops_and_keeps_what_was_saved(recipe, films, tmp_path, saves, monkeypatch):
    advance = under_test.Run.advance

    def diverging(run: Any, batches: Any) -> dict[str, float]:
        row = advance(run, batches)
        return row | {"loss": float("nan")} if run.step == 3 else row

    monkeypatch.setattr(under_test.Run, "advance", diverging)
    with pytest.raises(TrainingError, match="the loss became nan at step 2; train with a lower learning rate"):
        train(recipe, films, tmp_path)
    assert torch.load(tmp_path / "state.pt", weights_only=True)["step"] == 2
    assert steps_in(tmp_path) == [0, 1]


def test_a_run_on_videos_that_all_look_the_same_stops(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(monitor, "_PATIENCE", 3)
    black = [np.zeros((20, 36, 36, 3), np.uint8)] * 6
    with pytest.raises(TrainingError, match="the embeddings collapsed: for 3 steps up to step 2"):
        train(replace(recipe, views=replace(recipe.views, jitter=0)), black, tmp_path)


# From files


@pytest.fixture
def decoded(films, monkeypatch) -> dict[str, Any]:
    """What `build_cache` was given, and `kept` and `failed`, which it will find; nothing is decoded."""

    class Found(list[Frames]):
        failed: list[VideoError]

    given: dict[str, Any] = {"kept": films, "failed": []}

    def build(files: list[Path], folder: Path, fps: float, size: int, workers: int, report: Any) -> Found:
        given.update(files=files, folder=folder, fps=fps, size=size, workers=workers)
        folder.mkdir(parents=True)
        found = Found(given["kept"])
        found.failed = given["failed"]
        return found

    monkeypatch.setattr(under_test, "build_cache", build)
    return given


def test_files_are_decoded_as_the_recipe_says_and_trained_on(recipe, decoded, films, tmp_path):
    path = train_files(recipe, [Path("a"), Path("b")], tmp_path / "out", seed=2, device="cpu", workers=3)
    assert path == tmp_path / "out" / "encoder.safetensors"
    kept = decoded["files"], decoded["folder"], decoded["fps"], decoded["size"], decoded["workers"]
    assert kept == ([Path("a"), Path("b")], tmp_path / "out" / "frames", 8, 36, 3)
    alone = train(recipe, films, tmp_path / "alone", seed=2)
    assert load_encoder(path).fingerprint == load_encoder(alone).fingerprint


def test_a_full_disk_is_told_in_a_sentence_that_names_the_folder(recipe, decoded, tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    out = tmp_path / "out"
    with pytest.raises(TrainingError) as told:
        train_files(recipe, [Path("a"), Path("b")], out, device="cpu")
    kept = "what was saved before is kept, to be gone on with by --resume"
    assert str(told.value) == f"{out}: No space left on device; {kept}"


def test_real_files_are_trained_on_and_bad_ones_reported(recipe, clip, tmp_path):
    files = [clip(tmp_path / f"{number}.mp4", number, seconds=2) for number in range(4)]
    (tmp_path / "bad.mp4").write_text("no video")
    told, failed = [], []
    train_files(
        recipe, [tmp_path / "bad.mp4", *files], tmp_path / "out",
        report=lambda *count: told.append(count), device="cpu", workers=1, on_failed=failed.extend,
    )  # fmt: skip
    assert [Path(error.path).name for error in failed] == ["bad.mp4"]
    assert told == [("videos read", n, 5) for n in range(1, 6)] + [("steps", n, 4) for n in range(1, 5)]
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES | {"frames"}
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 4


def test_frames_may_be_kept_elsewhere(recipe, decoded, tmp_path):
    train_files(recipe, [Path("a")], tmp_path / "out", device="cpu", frames=tmp_path / "shared")
    assert decoded["folder"] == tmp_path / "shared"
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES


def test_where_no_file_can_be_read_the_first_reason_is_told_and_nothing_left(recipe, decoded, tmp_path):
    decoded.update(kept=[], failed=[VideoError("a.mp4", "is empty"), VideoError("b.mp4", "is a folder")])
    told = r"none of the 2 files given to train on can be read as video \(a.mp4: is empty\)"
    with pytest.raises(TrainingError, match=told):
        train_files(recipe, [Path("a.mp4"), Path("b.mp4")], tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_there_stays_where_no_file_can_be_read(recipe, decoded, tmp_path):
    decoded.update(kept=[])
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(TrainingError, match=r"none of the 0 files .* \(there are none\)"):
        train_files(recipe, [], tmp_path, device="cpu")
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_single_readable_file_is_refused(recipe, decoded, films, tmp_path):
    decoded.update(kept=films[:1])
    with pytest.raises(TrainingError, match="only one video can be read"):
        train_files(recipe, [Path("a"), Path("b")], tmp_path / "out", device="cpu")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"frames"}  # for the next try


def test_a_run_that_is_there_is_refused_before_anything_is_decoded(recipe, decoded, tmp_path):
    (tmp_path / "state.pt").touch()
    with pytest.raises(TrainingError, match="holds a training run; go on with it by --resume"):
        train_files(recipe, [Path("a")], tmp_path, device="cpu")
    assert "files" not in decoded


def test_a_report_that_stops_a_run_loses_no_step(recipe, films, tmp_path):
    def stop_after_two(what: str, done: int, of: int) -> None:
        if (what, done) == ("steps", 2):
            raise Stopped

    with pytest.raises(Stopped):
        train(recipe, films, tmp_path / "stopped", report=stop_after_two)
    told: list[int] = []
    path = train(recipe, films, tmp_path / "stopped", report=lambda _, done, of: told.append(done), resume=True)
    assert told == [3, 4]
    assert steps_in(tmp_path / "stopped") == [0, 1, 2, 3]
    whole = train(recipe, films, tmp_path / "whole")
    assert load_encoder(path).fingerprint == load_encoder(whole).fingerprint
