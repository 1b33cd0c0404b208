import itertools
import math

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool3d

from training.losses.adversary import PARAMETERS, Strength, ViewAdversary, random_values, recolour
from training.losses.instance import info_nce

MIX, BIAS, GAMMA, GAIN = slice(0, 9), slice(9, 12), slice(12, 13), slice(13, PARAMETERS)
STRENGTH = Strength(mix=0.4, bias=0.15, gamma=0.5, gain=0.5)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clips_of(*shape: int, seed: int = 0) -> torch.Tensor:
    """Colours far enough from 0 and 1 that recolouring seldom meets them."""
    return 0.3 + 0.3 * torch.rand(*shape, dtype=torch.double, generator=seeded(seed))


def only(part: slice, value: float) -> torch.Tensor:
    values = torch.zeros(1, PARAMETERS, dtype=torch.double)
    values[:, part] = value
    return values


def slow_recolour(clips: torch.Tensor, values: torch.Tensor, strength: Strength) -> torch.Tensor:
    """(clamp(M rgb + b) ^ g) * field, pixel by pixel, the field bilinear between the centres of 4 x 4 cells."""
    out = torch.empty_like(clips)
    height, width = clips.shape[-2:]
    for b, t, y, x in itertools.product(*(range(clips.shape[axis]) for axis in (0, 2, 3, 4))):
        mix, bias, gamma, gain = (values[b, part] for part in (MIX, BIAS, GAMMA, GAIN))
        down, across = ((place + 0.5) * 4 / size - 0.5 for place, size in ((y, height), (x, width)))
        field = torch.zeros((), dtype=clips.dtype)
        for row, column in itertools.product(range(4), range(4)):
            share = 1.0
            for cell, place in ((row, down), (column, across)):
                share *= max(0.0, 1 - abs(cell - min(max(place, 0.0), 3.0)))
            field = field + share * torch.exp(strength.gain * gain[4 * row + column])
        for c in range(3):
            mixed = clips[b, c, t, y, x] + strength.bias * bias[c]
            mixed = mixed + sum(strength.mix * mix[3 * c + d] * clips[b, d, t, y, x] for d in range(3))
            out[b, c, t, y, x] = (mixed.clamp(1e-3, 1) ** torch.exp(strength.gamma * gamma[0]) * field).clamp(0, 1)
    return out


def test_recolouring_and_its_gradient_are_those_of_a_slow_loop():
    clips = torch.rand(2, 3, 2, 5, 6, dtype=torch.double, generator=seeded(0)).requires_grad_()
    values = random_values(2, seeded(1)).double().requires_grad_()
    quick, right = recolour(clips, values, STRENGTH), slow_recolour(clips, values, STRENGTH)
    torch.testing.assert_close(quick, right)
    slopes = [torch.autograd.grad(each.square().sum(), (clips, values)) for each in (quick, right)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("dtype", [torch.float, torch.double, torch.bfloat16])
def test_zeros_change_nothing_but_lift_black(dtype):
    clips = torch.rand(2, 3, 2, 8, 8, generator=seeded(0)).to(dtype)
    clips[0, :, :, 0] = 0
    same = recolour(clips, torch.zeros(2, PARAMETERS, dtype=dtype), STRENGTH)
    torch.testing.assert_close(same, clips.clamp(min=1e-3))


def test_all_frames_are_recoloured_alike_whatever_their_order():
    clips, order = clips_of(2, 3, 6, 8, 8), torch.tensor([3, 0, 5, 1, 2, 4])
    values = random_values(2, seeded(1)).double()
    assert torch.equal(recolour(clips[:, :, order], values, STRENGTH), recolour(clips, values, STRENGTH)[:, :, order])
    still = clips[:, :, :1].expand(-1, -1, 6, -1, -1)
    shown = recolour(still, values, STRENGTH)
    assert torch.equal(shown, shown[:, :, :1].expand_as(shown))


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 3, 5), (2, 7, 2)])
def test_a_pixel_decides_about_itself_alone(place):
    clips = clips_of(1, 3, 3, 8, 8).requires_grad_()
    shown = recolour(clips, random_values(1, seeded(1)).double(), STRENGTH)
    (slope,) = torch.autograd.grad(shown[(0, slice(None), *place)].sum(), clips)
    assert slope.abs().sum((0, 1)).nonzero().tolist() == [list(place)]


def test_without_the_gain_field_places_do_not_matter():
    clips, values = clips_of(1, 3, 2, 8, 8), random_values(1, seeded(1)).double()
    values[:, GAIN] = 0
    moved = recolour(clips.roll((3, 2), (-1, -2)), values, STRENGTH)
    torch.testing.assert_close(moved, recolour(clips, values, STRENGTH).roll((3, 2), (-1, -2)))


@pytest.mark.parametrize("sign", [-1, 1])
def test_each_part_goes_as_far_as_its_strength(sign):
    grey = torch.full((1, 3, 1, 8, 8), 0.4, dtype=torch.double)
    reached = [
        (MIX, 0.4 + sign * 3 * STRENGTH.mix * 0.4),
        (BIAS, 0.4 + sign * STRENGTH.bias),
        (GAMMA, 0.4 ** math.exp(sign * STRENGTH.gamma)),
        (GAIN, 0.4 * math.exp(sign * STRENGTH.gain)),
    ]
    for part, level in reached:
        expected = torch.full_like(grey, min(max(level, 1e-3), 1))
        torch.testing.assert_close(recolour(grey, only(part, sign), STRENGTH), expected)


def test_the_wildest_colours_stay_in_range():
    clips = torch.rand(64, 3, 2, 8, 8, generator=seeded(0))
    shown = recolour(clips, random_values(64, seeded(1)).sign(), STRENGTH)
    assert shown.isfinite().all()
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_every_value_gets_a_gradient_and_a_black_pixel_a_finite_one():
    clips = clips_of(2, 3, 2, 8, 8)
    clips[:, :, :, 0, 0] = 0
    values = torch.zeros(2, PARAMETERS, dtype=torch.double, requires_grad=True)
    recolour(clips, values, STRENGTH).square().sum().backward()
    assert values.grad.isfinite().all()
    assert (values.grad != 0).all()


# Who chooses the values


def test_random_values_fill_their_bounds_and_a_seed_decides_them():
    drawn = random_values(500, seeded(0))
    assert drawn.shape == (500, PARAMETERS)
    assert -1 <= drawn.min() < -0.99
    assert 0.99 < drawn.max() <= 1
    assert torch.equal(drawn, random_values(500, seeded(0)))


@pytest.mark.parametrize("size", [24, 112])
def test_the_adversary_starts_near_no_change_and_stays_in_bounds(size):
    torch.manual_seed(0)
    adversary, clips = ViewAdversary(), torch.rand(4, 3, 2, size, size)
    values = adversary(clips)
    assert values.shape == (4, PARAMETERS)
    assert values.abs().max() < 0.1
    torch.nn.init.normal_(adversary.head.weight, std=100)
    assert adversary(clips).abs().max() <= 1


def test_the_adversary_cannot_see_the_order_of_frames():
    adversary, clips = ViewAdversary(), torch.rand(2, 3, 5, 24, 24)
    torch.testing.assert_close(adversary(clips.flip(2)), adversary(clips))


@pytest.mark.parametrize("seed", range(3))
def test_an_ascending_adversary_hurts_more_than_random_values_do(seed):
    """A frozen encoder that knows videos by their colours is fooled sooner by who looks than by chance."""
    torch.manual_seed(seed)
    clips = adaptive_avg_pool3d(torch.rand(16, 3, 2, 4, 4), (2, 16, 16))

    def loss(values: torch.Tensor) -> torch.Tensor:
        shown = (clips, recolour(clips, values, STRENGTH))
        colours = [adaptive_avg_pool3d(each, (1, 2, 2)).flatten(1) for each in shown]
        return info_nce(*(each - each.mean(0) for each in colours))

    adversary = ViewAdversary()
    optimiser = torch.optim.Adam(adversary.parameters(), 0.003, maximize=True)
    for _ in range(20):
        optimiser.zero_grad()
        loss(adversary(clips)).backward()
        optimiser.step()
    with torch.no_grad():
        chance = [loss(random_values(16, seeded(draw))).item() for draw in range(20)]
        assert min(chance) > loss(torch.zeros(16, PARAMETERS)).item() + 0.1
        assert loss(adversary(clips)).item() > max(chance) + 1
