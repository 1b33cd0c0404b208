import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from encoder.checkpoint import load_encoder
from training import finetuning
from training.cache import FrameCache
from training.errors import TrainingError
from training.finetuning import Classifier, finetune
from training.folds import Fold
from training.labelled_batches import FineTuning, LabelledBatches, LabelledVideos, stream_labelled
from training.tuned_folds import TunedFolds

FPS, CPU = 8.0, torch.device("cpu")


@pytest.fixture(scope="module")
def checkpoint(small_encoder):
    return load_encoder(small_encoder)


def drifting(count, size=36, frames=20):
    """A bar that moves right in even videos and down in odd ones, at other places and in other shades."""
    rng, videos = np.random.default_rng(0), []
    for number in range(count):
        video = np.full((frames, size, size, 3), rng.integers(0, 80), np.uint8)
        start, shade = rng.integers(0, size), rng.integers(150, 255)
        for time in range(frames):
            place = (start + 3 * time) % size
            video[(time, slice(None), slice(place, place + 4)) if number % 2 else (time, slice(place, place + 4))] = (
                shade
            )
        videos.append(video)
    return LabelledVideos(videos, [number % 2 for number in range(count)])


QUICK = FineTuning(epochs=4, clips=2, batch=8, learning_rate=3e-3)


def tune(checkpoint, state=None, report=None, schedule=QUICK, seed=0, data=None):
    data = data or drifting(24)
    tests = LabelledVideos(data.videos[16:], data.truth[16:])
    train = LabelledVideos(data.videos[:16], data.truth[:16])
    scores = finetune(
        checkpoint.encoder, checkpoint.spec, train, tests.videos, 2, FPS, seed, schedule, CPU, state, report
    )
    return scores, tests.truth


def test_two_movements_are_learnt_and_told_apart_in_new_videos(checkpoint):
    weights = copy.deepcopy(checkpoint.encoder.state_dict())
    scores, truth = tune(checkpoint, schedule=replace(QUICK, epochs=12))
    assert (scores.argmax(1) == truth).mean() >= 0.75
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert all(torch.equal(value, weights[name]) for name, value in checkpoint.encoder.state_dict().items())


class Killed(Exception):
    pass


def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(checkpoint, tmp_path, monkeypatch):
    whole, _ = tune(checkpoint, seed=3)
    monkeypatch.setattr(finetuning, "_SAVE_EVERY_S", 0.0)
    seen = []

    def kill(unit, done, total):
        seen.append(done)
        if seen == [1, 2, 3, 4, 5]:
            raise Killed

    with pytest.raises(Killed):
        tune(checkpoint, tmp_path / "run.pt", kill, seed=3)
    resumed, _ = tune(checkpoint, tmp_path / "run.pt", kill, seed=3)
    assert seen == [1, 2, 3, 4, 5, *range(6, 17)]
    assert np.array_equal(resumed, whole)
    assert not (tmp_path / "run.pt").exists()


def test_a_damaged_run_is_said(checkpoint, tmp_path):
    (tmp_path / "run.pt").write_bytes(b"cut off")
    with pytest.raises(TrainingError, match=r"run.pt is no fine-tuning run, or damaged; delete it to begin anew"):
        tune(checkpoint, tmp_path / "run.pt")


def test_a_loss_that_is_no_number_ends_the_run(checkpoint):
    with pytest.raises(TrainingError, match=r"the loss became (nan|inf) at step"):
        tune(checkpoint, schedule=FineTuning(epochs=4, clips=2, batch=8, learning_rate=1e30))


def test_the_rate_falls_at_six_ten_and_fourteen_sixteenths():
    schedule = FineTuning()
    rates = [schedule.rate(epoch / 16) / 1e-4 for epoch in range(16)]
    assert rates == pytest.approx([1] * 6 + [0.3] * 4 + [0.09] * 4 + [0.027] * 2)


def test_in_an_epoch_every_video_comes_as_often_as_it_has_clips():
    data, schedule = drifting(12), FineTuning(epochs=2, clips=2, batch=4)
    from encoder.clips import ClipSpec

    batches = LabelledBatches(data, ClipSpec(size=16), FPS, schedule, 0, 0, schedule.steps(12))
    rows = [row for step in range(6) for row in batches._rows(step)]
    assert sorted(rows) == sorted([*range(12)] * 2)
    assert rows != [row for step in range(6, 12) for row in batches._rows(step)]
    later = LabelledBatches(data, ClipSpec(size=16), FPS, schedule, 0, 5, 12)
    assert torch.equal(later[0].frames, batches[5].frames)
    assert torch.equal(next(iter(stream_labelled(later, 0, False))).truth, batches[5].truth)


def test_a_classifier_sees_what_the_heads_are_given(checkpoint):
    network = Classifier(checkpoint.encoder, 5, torch.Generator().manual_seed(0)).eval()
    clips = torch.randn(3, 3, 8, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network.linear(network.norm(torch.cat(checkpoint.encoder.features(clips), 1)))
        torch.testing.assert_close(network(clips), expected)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"clips": 0}, {"batch": 1}, {"learning_rate": 0.0}])
def test_a_schedule_that_learns_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="fine-tuning needs epochs, clips and a rate above zero"):
        FineTuning(**wrong)


@pytest.fixture
def runs(checkpoint, tmp_path):
    """Runs on twelve drifting videos in a cache of frames."""
    data = drifting(12)
    np.concatenate(data.videos).tofile(tmp_path / "frames.bin")
    bounds = [(20 * number, 20 * number + 20) for number in range(12)]
    cache = FrameCache(tmp_path / "frames.bin", FPS, 36, [], bounds, [])
    cache.__dict__["_frames"] = np.concatenate(data.videos)
    schedule = FineTuning(epochs=1, clips=1, batch=4)
    return TunedFolds(
        checkpoint.encoder, checkpoint.spec, cache, data.truth, 2, schedule, CPU, 1, tmp_path / "runs", "k"
    )


FOLDS = [Fold([*range(8)], [*range(8, 12)]), Fold([*range(4, 12)], [*range(4)])]


def test_every_fold_and_seed_has_its_run_and_progress_counts_them_all(runs):
    told = []
    found = runs.scores(FOLDS, 2, lambda unit, done, total: told.append((done, total)))
    assert [[part.shape for part in of_seed] for of_seed in found] == [[(4, 2)] * 2] * 2
    assert told == [(step, 8) for step in range(1, 9)]
    assert not np.array_equal(found[0][0], found[1][0])


def test_an_outcome_that_is_there_is_not_made_again(runs, monkeypatch):
    found = runs.scores(FOLDS, 1)
    monkeypatch.setattr("training.tuned_folds.finetune", None)
    told = []
    again = runs.scores(FOLDS, 1, lambda unit, done, total: told.append((done, total)))
    assert all(np.array_equal(one, other) for one, other in zip(found[0], again[0], strict=True))
    assert told == [(2, 4), (4, 4)]
