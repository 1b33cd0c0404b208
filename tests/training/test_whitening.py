from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from encoder.model import Encoder
from encoder.transforms import normalise
from training.whitening import fit_heads


class Given:
    """An encoder whose only features are the clips it is given, in blocks."""

    def __init__(self, blocks: Sequence[int], dim: int) -> None:
        self.head, self._blocks = nn.Linear(sum(blocks), dim), list(blocks)

    def features(self, clips: Tensor) -> list[Tensor]:
        return [clips]

    def heads(self) -> list[nn.Linear]:
        return [self.head]

    def blocks(self) -> list[list[int]]:
        return [self._blocks]

    @torch.no_grad()
    def output(self, clips: Tensor) -> Tensor:
        return self.head(clips).double()


def moments(between: Sequence[float], within: Sequence[float], count: int = 4000) -> tuple[Tensor, Tensor]:
    """Moments that differ, and are seen to differ, by so much along each axis, about a centre that is not zero."""
    rng = torch.Generator().manual_seed(0)
    plain = 3 + torch.randn(count, len(between), generator=rng) * torch.tensor(between)
    return plain, plain + torch.randn(count, len(within), generator=rng) * torch.tensor(within)


def test_differences_within_moments_are_alike_in_all_directions():
    plain, seen = moments([3, 2, 1], [1, 0.1, 0.5])
    encoder = Given([3], 3)
    fit_heads(encoder, [(plain, seen)], shrinkage=1e-9)
    within = encoder.output(plain) - encoder.output(seen)
    scatter = within.T @ within / len(within)
    torch.testing.assert_close(scatter / scatter[0, 0], torch.eye(3).double(), atol=0.02, rtol=0)
    torch.testing.assert_close(encoder.output(plain).mean(0), torch.zeros(3).double(), atol=1e-4, rtol=0)


def test_what_tells_moments_apart_for_sure_comes_before_what_varies_most():
    plain, seen = moments([3, 1, 1], [3, 0.1, 1])
    encoder = Given([3], 1)
    fit_heads(encoder, [(plain, seen)], shrinkage=1e-3)
    weight = nn.functional.normalize(encoder.head.weight[0], dim=0).abs()
    assert weight[1].item() == pytest.approx(1, abs=0.01)


def test_with_much_shrinkage_what_varies_most_is_kept():
    plain, seen = moments([3, 1, 1], [3, 0.1, 1])
    encoder = Given([3], 1)
    fit_heads(encoder, [(plain, seen)], shrinkage=1e3)
    weight = nn.functional.normalize(encoder.head.weight[0], dim=0).abs()
    assert weight[0].item() == pytest.approx(1, abs=0.01)


def test_each_block_has_numbers_of_its_own_that_count_alike():
    plain, seen = moments([100, 50, 1, 0.5, 0.2], [1, 1, 0.1, 0.1, 0.1])
    encoder = Given([2, 3], 4)
    fit_heads(encoder, [(plain, seen)])
    weight = encoder.head.weight
    assert (weight[:2, 2:] == 0).all()
    assert (weight[2:, :2] == 0).all()
    for block in encoder.output(plain).split(2, 1):
        assert block.square().sum(1).mean().item() == pytest.approx(1, abs=1e-3)


def test_batches_do_not_matter():
    plain, seen = moments([3, 2, 1], [1, 0.1, 0.5], 60)
    one, other = Given([3], 2), Given([3], 2)
    fit_heads(one, [(plain, seen)])
    fit_heads(other, zip(plain.split(11), seen.split(11), strict=True))
    torch.testing.assert_close(one.output(plain).abs(), other.output(plain).abs())  # a direction has no sign


def test_what_fewer_moments_than_dimensions_leave_open_is_zero():
    plain, seen = moments([1] * 8, [0.1] * 8, count=4)
    encoder = Given([8], 6)
    fit_heads(encoder, [(plain, seen)])
    assert encoder.head.weight.isfinite().all()
    assert (encoder.head.weight[3:] == 0).all()  # four moments have three directions
    assert (encoder.head.bias[3:] == 0).all()
    assert (encoder.output(plain)[:, :3].var(0) > 0.01).all()


def test_moments_that_are_all_the_same_give_zeros():
    same = torch.ones(8, 3)
    encoder = Given([3], 2)
    fit_heads(encoder, [(same, same)])
    assert (encoder.head.weight == 0).all()
    assert (encoder.head.bias == 0).all()


def test_both_heads_of_an_encoder_are_fitted(recipe):
    torch.manual_seed(0)
    encoder = Encoder(recipe.encoder).eval()
    rng = torch.Generator().manual_seed(1)
    clips = [normalise(torch.rand(24, 3, 4, 32, 32, generator=rng)) for _ in range(2)]
    fit_heads(encoder, [(clips[0], clips[0] + 0.1 * clips[1])])
    with torch.inference_mode():
        for head, feature in zip(encoder.heads(), encoder.features(clips[0]), strict=True):
            output = head(feature)
            assert output.mean(0).abs().max() < 1e-3
            assert output.square().sum(1).mean().item() == pytest.approx(1, abs=1e-2)
