import pytest
import torch
from torch import Tensor

from encoder.model import Encoder
from encoder.transforms import normalise
from training.whitening import fit_heads


@pytest.fixture
def encoder(recipe) -> Encoder:
    torch.manual_seed(0)
    return Encoder(recipe.encoder).eval()


def noise(batches: int, size: int = 8) -> list[Tensor]:
    """Batches of clips, each clip of noise with a contrast of its own for every colour."""
    rng = torch.Generator().manual_seed(1)
    contrast = 0.1 + 0.9 * torch.rand(batches, size, 3, 1, 1, 1, generator=rng)
    return list(
        normalise((0.5 + 0.25 * contrast * torch.randn(batches, size, 3, 4, 32, 32, generator=rng)).clamp(0, 1))
    )


@torch.inference_mode()
def outputs(encoder: Encoder, batches: list[Tensor]) -> list[Tensor]:
    """What each head gives, (N, D) doubles."""
    features = [torch.cat(part) for part in zip(*(encoder.features(each) for each in batches), strict=True)]
    return [head(each).double() for head, each in zip(encoder.heads(), features, strict=True)]


def test_whitened_heads_are_uncorrelated_and_of_one_variance_about_zero(encoder):
    given = noise(12)
    fit_heads(encoder, given, floor=1e-9)
    for output in outputs(encoder, given):
        torch.testing.assert_close(output.T.cov(), torch.eye(8).double(), atol=2e-3, rtol=0)
        torch.testing.assert_close(output.mean(0), torch.zeros(8).double(), atol=2e-3, rtol=0)


def test_whitened_heads_keep_the_directions_that_vary_most(encoder):
    given = noise(12)
    fit_heads(encoder, given, floor=1e-9)
    with torch.inference_mode():
        features = torch.cat([encoder.features(each)[1] for each in given]).double()
    variances, directions = torch.linalg.eigh(features.T.cov())
    rows = torch.nn.functional.normalize(encoder.motion_head.weight.detach().double(), dim=1)
    for row, variance, direction in zip(rows, variances.flip(0), directions.T.flip(0), strict=False):
        assert (row @ direction).abs().item() == pytest.approx(1, abs=1e-3)
        assert (row @ features.T.cov() @ row).item() == pytest.approx(variance.item(), rel=1e-3)


def test_directions_that_hardly_vary_are_not_blown_up(encoder):
    given = noise(12)
    fit_heads(encoder, given, floor=0.5)
    with torch.inference_mode():
        features = [torch.cat(part).double() for part in zip(*map(encoder.features, given), strict=True)]
    for output, feature in zip(outputs(encoder, given), features, strict=True):
        before = torch.linalg.eigvalsh(feature.T.cov()).flip(0)[:8]
        expected = before / before.clamp(min=0.5 * before[0])
        torch.testing.assert_close(output.T.cov(), expected.diag(), atol=2e-3, rtol=0)


def test_batches_do_not_matter(encoder):
    given = noise(6)
    fit_heads(encoder, given)
    expected = outputs(encoder, given)
    fit_heads(encoder, torch.cat(given).split(11))
    for output, other in zip(outputs(encoder, given), expected, strict=True):
        torch.testing.assert_close(output.abs(), other.abs(), atol=2e-3, rtol=0)  # a direction has no sign


def test_what_fewer_clips_than_dimensions_leave_open_is_zero(encoder):
    given = noise(1, size=4)
    fit_heads(encoder, given)
    for head, output in zip(encoder.heads(), outputs(encoder, given), strict=True):
        assert output.isfinite().all()
        assert (head.weight[3:] == 0).all()  # four clips have three directions
        assert (head.bias[3:] == 0).all()
        assert (output[:, :3].var(0) > 0.1).all()
    other = noise(3)[2]
    with torch.inference_mode():
        assert encoder(other).norm(dim=1).tolist() == pytest.approx([1] * 8, abs=1e-5)


def test_clips_that_are_all_the_same_give_heads_of_zeros(encoder):
    fit_heads(encoder, [noise(1)[0][:1].expand(8, -1, -1, -1, -1)] * 2)
    for head in encoder.heads():
        assert head.weight.isfinite().all()
        assert head.bias.isfinite().all()
    with torch.no_grad():
        for network in (encoder.look, encoder.motion):
            for weight in network.parameters():
                weight.zero_()
    fit_heads(encoder, noise(2))
    assert all((head.weight == 0).all() and (head.bias == 0).all() for head in encoder.heads())
