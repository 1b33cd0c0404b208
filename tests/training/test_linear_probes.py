import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from encoder.backbones import Maps
from training.linear_probes import fit_ridge, low_level_r2, reversal_accuracy
from training.losses.club import low_level
from training.synthetic import Labelled

SIZE = 16
SHOWN = (8, 0.125, SIZE)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Ridge


def test_a_weak_penalty_recovers_a_linear_map():
    inputs, weights = torch.randn(200, 5, generator=seeded()), torch.randn(5, 3, generator=seeded(1))
    inputs = inputs * torch.tensor([1e-3, 1, 50, 3, 7]) + 100
    targets = inputs.double() @ weights.double() - 4
    new = torch.randn(10, 5, generator=seeded(2)) * 10
    predict = fit_ridge(inputs, targets, penalty=1e-12)
    torch.testing.assert_close(predict(new), new.double() @ weights.double() - 4, rtol=1e-4, atol=1e-4)


def test_one_input_is_shrunk_by_one_plus_the_penalty():
    """The minimum of mean((y - w z)^2) + p w^2 over w, z standardised, is mean(z y) / (1 + p)."""
    x, y = torch.randn(50, 1, generator=seeded()), torch.randn(50, 1, generator=seeded(1))
    z = ((x - x.mean()) / x.std(correction=0)).double()
    expected = y.double().mean() + z * (z * (y - y.mean())).mean() / 1.5
    torch.testing.assert_close(fit_ridge(x, y, penalty=0.5)(x), expected, rtol=1e-5, atol=1e-6)


def test_the_fit_is_where_the_penalised_error_is_least():
    inputs, targets = torch.randn(40, 6, generator=seeded()).double(), torch.randn(40, 2, generator=seeded(1)).double()
    z = (inputs - inputs.mean(0)) / inputs.std(0, correction=0)
    predict = fit_ridge(inputs, targets, penalty=0.3)
    origin = predict(inputs.mean(0, keepdim=True))
    weights = torch.linalg.lstsq(z, predict(inputs) - origin).solution.requires_grad_()
    loss = (targets - origin - z @ weights).square().sum(1).mean() + 0.3 * weights.square().sum()
    (slope,) = torch.autograd.grad(loss, weights)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-10, rtol=0)


def test_inputs_that_do_not_vary_count_for_nothing():
    x, y = torch.randn(50, 1, generator=seeded()), torch.randn(50, 1, generator=seeded(1))
    padded = torch.cat([x, torch.full_like(x, 0.1), torch.zeros_like(x)], 1)
    shifted = torch.cat([x, torch.full_like(x, 9.0), torch.ones_like(x)], 1)
    torch.testing.assert_close(fit_ridge(padded, y)(shifted), fit_ridge(x, y)(x))


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="have the features diverged"):
        fit_ridge(torch.tensor([[1.0], [torch.nan]]), torch.zeros(2, 1))


# Reversal


@pytest.fixture(scope="module")
def dawns() -> Labelled:
    """Videos that grow brighter, each from another level and at another pace, in four places."""
    rng = np.random.default_rng(0)
    levels = [start + pace * np.arange(16) for start, pace in rng.uniform((10, 2), (100, 8), (24, 2))]
    videos = [np.broadcast_to(level[:, None, None, None], (16, SIZE, SIZE, 3)).astype(np.uint8) for level in levels]
    return Labelled(videos, ["dawn"] * 24, [str(k % 4) for k in range(24)], 8.0)


def test_an_encoder_that_sees_the_arrow_of_time_tells_a_clip_from_its_reversal(dawns):
    def ends(clips: Tensor) -> Tensor:
        return torch.stack([clips[:, :, 0].mean((1, 2, 3)), clips[:, :, -1].mean((1, 2, 3))], 1)

    assert reversal_accuracy(dawns, ends, *SHOWN, seeded()) > 0.95


def test_an_encoder_that_averages_over_time_does_not(dawns):
    assert reversal_accuracy(dawns, lambda clips: clips.mean((2, 3, 4)), *SHOWN, seeded()) == pytest.approx(
        0.5, abs=0.1
    )


def test_features_that_are_all_alike_tell_nothing(dawns):
    assert reversal_accuracy(dawns, lambda clips: torch.ones(len(clips), 3), *SHOWN, seeded()) == 0.5


def test_what_is_learnt_of_one_group_is_tested_on_others():
    """The direction shows in another feature in each place: a probe that had seen the place would tell it."""
    steps = np.arange(16, dtype=np.uint8)[:, None, None, None]
    videos = [np.concatenate([np.full((16, SIZE, SIZE, 1), 20 * place), steps * np.ones((1, SIZE, SIZE, 2))], 3)
              for place in range(4) for _ in range(5)]  # fmt: skip
    groups = [str(place) for place in range(4) for _ in range(5)]
    data = Labelled([video.astype(np.uint8) for video in videos], ["dawn"] * 20, groups, 8.0)

    def by_place(clips: Tensor) -> Tensor:
        place = one_hot((clips[:, 0].mean((1, 2, 3)) * 255 / 20).round().long(), 4)
        return place * (clips[:, 1, -1] - clips[:, 1, 0]).mean((1, 2)).sign().unsqueeze(1)

    assert reversal_accuracy(data, by_place, *SHOWN, seeded()) == 0.5
    mixed = Labelled(data.videos, data.labels, [str(k % 2) for k in range(20)], 8.0)
    assert reversal_accuracy(mixed, by_place, *SHOWN, seeded()) == 1


def test_one_group_can_not_be_split(dawns):
    with pytest.raises(ValueError, match=r"tested on others, got \['0'\]"):
        reversal_accuracy(dawns.take(range(0, 24, 4)), lambda clips: clips.mean((2, 3, 4)), *SHOWN, seeded())


# Low level


@pytest.fixture(scope="module")
def textures() -> Labelled:
    """Blocks of random colours, another picture in each video."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (30, 8, 4, 4, 3), dtype=np.uint8).repeat(4, 2).repeat(4, 3)
    noise = rng.integers(0, 60, pictures.shape, dtype=np.uint8)
    return Labelled(list(pictures // 2 + noise), ["a"] * 30, ["x"] * 30, 8.0)


def as_map(cells: Tensor) -> Maps:
    regions = cells.mT.reshape(len(cells), -1, 4, 4, 4)
    return Maps(regions, regions)


def described(clips: Tensor) -> Maps:
    cells = low_level(clips, (4, 4, 4))
    noise = torch.randn(*cells.shape[:2], 4, generator=seeded())
    return as_map(torch.cat([cells @ torch.randn(14, 14, generator=seeded(1)) + 3, noise], 2))


def noisy(clips: Tensor) -> Maps:
    return as_map(torch.randn(len(clips), 64, 8, generator=seeded()))


def test_features_that_contain_the_descriptors_give_them_away(textures):
    assert low_level_r2(textures, described, *SHOWN, seeded(), penalty=1e-6) > 0.98


def test_noise_gives_nothing_away(textures):
    assert low_level_r2(textures, noisy, *SHOWN, seeded()) == pytest.approx(0, abs=0.03)


def test_the_colour_alone_gives_some_of_it_away(textures):
    def colour(clips: Tensor) -> Maps:
        return as_map(low_level(clips, (4, 4, 4))[..., :3])

    assert 3 / 14 - 0.02 < low_level_r2(textures, colour, *SHOWN, seeded()) < 0.5


def test_videos_in_which_nothing_varies_have_nothing_to_give_away():
    black = Labelled([np.zeros((8, SIZE, SIZE, 3), np.uint8)] * 4, ["a"] * 4, ["x"] * 4, 8.0)
    assert low_level_r2(black, noisy, *SHOWN, seeded()) == 0


def test_the_probe_is_tested_on_videos_it_has_not_seen(textures):
    """Each video has a feature of its own, from which a probe that had seen it would know its colours."""
    flat = [np.full((8, SIZE, SIZE, 3), colour) for colour in np.random.default_rng(1).integers(0, 256, (12, 3))]
    data = Labelled([video.astype(np.uint8) for video in flat], ["a"] * 12, ["x"] * 12, 8.0)
    colours = torch.from_numpy(np.stack([video[0, 0, 0] for video in data.videos])) / 255

    def own_feature(clips: Tensor) -> Maps:
        which = (clips.mean((2, 3, 4)).unsqueeze(1) - colours).abs().sum(-1).argmin(1)
        return as_map(one_hot(which, 12).float().unsqueeze(1).expand(-1, 64, -1))

    assert low_level_r2(data, own_feature, *SHOWN, seeded()) <= 0
