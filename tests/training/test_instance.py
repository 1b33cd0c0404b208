import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from encoder.checkpoint import load_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from encoder.transforms import clips_to_tensor
from training import instance
from training.instance import Settings, TrainingError, run, sample_pair, whiten

SPEC = ClipSpec(frames=4, fps=4, size=32, hop=2)
CONFIG = EncoderConfig(width=8, blocks=1, look_dim=6, motion_dim=6)


@pytest.fixture(scope="module")
def videos() -> list[np.ndarray]:
    """Noise of 36 x 36 pixels, 2 to 30 frames long: short ones have to be held, long ones give many moments."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (length, 36, 36, 3), dtype=np.uint8) for length in (2, 9, 16, 30)]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("batch", [3, 7])
def test_a_pair_is_two_batches_of_network_input(videos, batch, plain):
    for view in sample_pair(videos, SPEC, batch, seeded(0), plain):
        assert view.shape == (batch, 3, 4, 32, 32)
        assert view.dtype == torch.float32
        assert view.isfinite().all()
        assert view.min() >= -2.001  # black, normalised
        assert view.max() <= 2.445  # white


def test_a_seed_decides_the_pair(videos):
    first, again, other = (sample_pair(videos, SPEC, 4, seeded(seed)) for seed in (5, 5, 6))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_the_global_generator_is_left_alone(videos):
    before = torch.get_rng_state()
    sample_pair(videos, SPEC, 4, seeded(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_two_views_of_a_moment_differ_and_two_plain_ones_do_not(videos):
    first, second = sample_pair(videos, SPEC, 4, seeded(0))
    assert not torch.equal(first, second)
    first, second = sample_pair(videos, SPEC, 4, seeded(0), plain=True)
    assert torch.equal(first, second)


def test_a_plain_view_shows_every_second_cached_frame():
    video = np.full((30, 36, 36, 3), np.arange(30, dtype=np.uint8)[:, None, None, None] * 8)
    view, _ = sample_pair([video], SPEC, 5, seeded(0), plain=True)
    shown = (view[:, 0, :, 5, 5] * 0.225 + 0.45) * 255 / 8
    for clip in shown.tolist():
        assert all(later - earlier == pytest.approx(2, abs=1e-3) for earlier, later in pairwise(clip))


def test_the_frames_of_a_view_are_cropped_flipped_and_recoloured_alike():
    rng = np.random.default_rng(0)
    still = np.repeat(rng.integers(0, 256, (1, 36, 36, 3), dtype=np.uint8), 30, 0)
    for view in sample_pair([still], SPEC, 6, seeded(0)):
        assert torch.equal(view, view[:, :, :1].expand_as(view))
        assert not torch.equal(view[0], view[1])


def batches(videos: list[np.ndarray], count: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(1)
    moving = rng.normal(128, 60, (count, 8, 4, 32, 32, 3)).clip(0, 255) * rng.uniform(0.1, 1, (count, 8, 4, 1, 1, 3))
    return [clips_to_tensor(torch.from_numpy(clips.astype(np.uint8))) for clips in moving]


def outputs(encoder: Encoder, given: list[torch.Tensor]) -> list[torch.Tensor]:
    with torch.inference_mode():
        look, motion = (torch.cat(part) for part in zip(*(encoder.features(clips) for clips in given), strict=True))
        return [encoder.look_head(look), encoder.motion_head(motion)]


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(CONFIG).eval()


def test_whitened_heads_are_uncorrelated_and_of_one_variance_about_zero(encoder, videos):
    given = batches(videos, 12)
    whiten(encoder, given, floor=1e-9)
    for output in outputs(encoder, given):
        torch.testing.assert_close(output.T.double().cov(), torch.eye(6).double(), atol=0.02, rtol=0)
        torch.testing.assert_close(output.mean(0), torch.zeros(6), atol=0.02, rtol=0)


def test_whitening_is_a_linear_map_of_what_the_heads_gave(encoder, videos):
    given = batches(videos, 12)
    before = outputs(encoder, given)
    whiten(encoder, given, floor=1e-9)
    for old, new in zip(before, outputs(encoder, given), strict=True):
        with_one = torch.cat([old, torch.ones(len(old), 1)], 1).double()
        solution = torch.linalg.lstsq(with_one, new.double()).solution
        torch.testing.assert_close(with_one @ solution, new.double(), atol=0.01, rtol=0)


def test_directions_that_hardly_vary_are_not_blown_up(encoder, videos):
    given = batches(videos, 12)
    variances = [torch.linalg.eigvalsh(output.T.double().cov()) for output in outputs(encoder, given)]
    whiten(encoder, given, floor=0.5)
    for before, output in zip(variances, outputs(encoder, given), strict=True):
        after = torch.linalg.eigvalsh(output.T.double().cov())
        expected = before / before.clamp(min=0.5 * before.max())
        torch.testing.assert_close(after, expected.sort().values, atol=0.02, rtol=0)


def test_a_whitened_encoder_still_gives_unit_vectors(encoder, videos):
    given = batches(videos, 12)
    whiten(encoder, given)
    with torch.inference_mode():
        assert encoder(given[0]).norm(dim=1).tolist() == pytest.approx([1] * 8, abs=1e-5)


# Whole runs, of a tiny encoder

SETTINGS = Settings(steps=5, batch=4, seed=3)


def silent(what: str, done: int, of: int) -> None:
    pass


@pytest.fixture
def tiny(monkeypatch, videos):
    """Runs train a tiny encoder on the noise, and save their state every other step."""
    monkeypatch.setattr(instance, "EncoderConfig", lambda: CONFIG)
    monkeypatch.setattr(instance, "ClipSpec", lambda: SPEC)
    monkeypatch.setattr(instance, "_SAVE_EVERY", 2)
    monkeypatch.setattr(instance, "decode_frames", lambda *_: (videos, []))


def steps_of(out: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_run_gives_an_encoder_that_can_be_loaded(tmp_path, tiny, videos):
    told: list[tuple[str, int, int]] = []
    path = run([Path("a")], tmp_path / "out", SETTINGS, lambda *count: told.append(count))
    assert path == tmp_path / "out" / "encoder.safetensors"
    loaded = load_encoder(path)
    assert (loaded.encoder.config, loaded.spec) == (CONFIG, SPEC)
    with torch.inference_mode():
        assert loaded.encoder(sample_pair(videos, SPEC, 2, seeded(0))[0]).isfinite().all()
    assert told == [("steps", done, 5) for done in range(1, 6)]
    assert steps_of(tmp_path / "out") == [0, 1, 2, 3, 4]


def test_a_run_changes_the_weights_and_whitens_the_heads(tmp_path, tiny, videos):
    torch.manual_seed(SETTINGS.seed)
    untrained = Encoder(CONFIG)
    trained = load_encoder(run([Path("a")], tmp_path, SETTINGS, silent)).encoder
    assert not torch.equal(untrained.motion.stem[0].weight, trained.motion.stem[0].weight)
    plain = [sample_pair(videos, SPEC, 4, seeded(seed), plain=True)[0] for seed in range(40)]
    for output in outputs(trained, plain):
        assert 0.3 < torch.linalg.eigvalsh(output.T.double().cov()).max() < 3


def test_one_seed_gives_one_encoder(tmp_path, tiny):
    seeds = [3, 3, 4]
    paths = [run([Path("a")], tmp_path / str(i), replace(SETTINGS, seed=s), silent) for i, s in enumerate(seeds)]
    first, again, other = (load_encoder(path).fingerprint for path in paths)
    assert first == again != other


def test_a_run_that_was_cut_off_and_resumed_gives_what_it_would_have_given(tmp_path, tiny):
    def stop(what: str, done: int, of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    whole = run([Path("a")], tmp_path / "whole", SETTINGS, silent)
    with pytest.raises(KeyboardInterrupt):
        run([Path("a")], tmp_path / "cut", SETTINGS, stop)
    resumed = run([Path("a")], tmp_path / "cut", SETTINGS, silent, resume=True)
    assert load_encoder(resumed).fingerprint == load_encoder(whole).fingerprint
    assert steps_of(tmp_path / "cut") == [0, 1, 2, 3, 4]


def test_a_run_does_not_overwrite_another_or_go_on_with_other_settings(tmp_path, tiny):
    run([Path("a")], tmp_path, SETTINGS, silent)
    with pytest.raises(TrainingError, match="holds a training run; go on with it by --resume, or give another folder"):
        run([Path("a")], tmp_path, SETTINGS, silent)
    with pytest.raises(TrainingError, match="had other settings"):
        run([Path("a")], tmp_path, replace(SETTINGS, batch=5), silent, resume=True)


def test_a_run_without_a_readable_video_is_refused(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(instance, "decode_frames", lambda *_: ([], []))
    with pytest.raises(TrainingError, match="none of the 2 files given to train on can be read as video"):
        run([Path("a"), Path("b")], tmp_path / "out", SETTINGS, silent)
    assert not (tmp_path / "out").exists()
