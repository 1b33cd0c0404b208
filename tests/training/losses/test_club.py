import itertools
import math

import pytest
import torch

from training.losses.club import DESCRIPTOR, Club, information_loss, low_level, standardise


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=seeded(seed))


@pytest.fixture
def club() -> Club:
    torch.manual_seed(0)
    return Club(6, 16).double()


# The bound


def slow_bound(club: Club, embeddings: torch.Tensor, descriptors: torch.Tensor) -> torch.Tensor:
    """mean_i [mean_j |y_j - mu(r_i)|^2 / 2 - |y_i - mu(r_i)|^2 / 2], j over the cells of other videos."""
    batch, count = embeddings.shape[:2]
    total = torch.zeros((), dtype=torch.double)
    for b, i in itertools.product(range(batch), range(count)):
        mean = club.mean(embeddings[b, i])
        far = [descriptors[other, j] for other in range(batch) if other != b for j in range(count)]
        others = sum((y - mean).square().sum() / 2 for y in far) / len(far)
        total = total + others - (descriptors[b, i] - mean).square().sum() / 2
    return total / (batch * count)


@pytest.mark.parametrize("batch", [2, 4])
def test_the_bound_and_its_gradient_are_those_of_the_equation(club, batch):
    embeddings, descriptors = normal(batch, 3, 6).requires_grad_(), normal(batch, 3, DESCRIPTOR, seed=1)
    quick, right = club.upper_bound(embeddings, descriptors), slow_bound(club, embeddings, descriptors)
    torch.testing.assert_close(quick, right)
    torch.testing.assert_close(torch.autograd.grad(quick, embeddings), torch.autograd.grad(right, embeddings))


def test_the_fit_is_the_squared_error_of_the_mean(club):
    embeddings, descriptors = normal(2, 3, 6), normal(2, 3, DESCRIPTOR, seed=1)
    errors = [
        sum((club.mean(embeddings[b, i])[d] - descriptors[b, i, d]) ** 2 for d in range(DESCRIPTOR))
        for b, i in itertools.product(range(2), range(3))
    ]
    torch.testing.assert_close(club.fit_loss(embeddings, descriptors), sum(errors) / len(errors))


def test_the_bound_reaches_the_embeddings_alone_and_the_fit_the_critic_alone(club):
    embeddings, descriptors = normal(2, 3, 6).requires_grad_(), normal(2, 3, DESCRIPTOR, seed=1)
    club.upper_bound(embeddings, descriptors).backward()
    assert embeddings.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in club.parameters())
    embeddings.grad = None
    club.fit_loss(embeddings, descriptors).backward()
    assert embeddings.grad is None
    assert all(weight.grad.abs().sum() > 0 for weight in club.parameters())


def fitted_bound(signal: float) -> float:
    """The bound on fresh y = signal r + N(0, I), after a short fit; r is N(0, I)."""
    torch.manual_seed(0)
    club, rng = Club(DESCRIPTOR, 32), seeded(1)
    optimiser = torch.optim.Adam(club.parameters(), 0.01)

    def draw(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        embeddings, noise = torch.randn(2, batch, 4, DESCRIPTOR, generator=rng)
        return embeddings, signal * embeddings + noise

    for _ in range(300):
        optimiser.zero_grad()
        club.fit_loss(*draw(32)).backward()
        optimiser.step()
    return club.upper_bound(*draw(500)).item()


def test_the_bound_is_about_zero_where_nothing_is_shared():
    assert fitted_bound(0) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("signal", [0.7, 1.0])
def test_the_bound_is_above_the_information_that_is_shared(signal):
    """I(r; y) is log(1 + s^2) / 2 a dimension; with the right critic the bound's expectation is s^2."""
    bound, information = fitted_bound(signal), DESCRIPTOR * math.log(1 + signal**2) / 2
    assert information < bound < DESCRIPTOR * signal**2 * 1.1


def test_only_a_bound_above_zero_is_driven_down():
    for bound, loss, slope in [(2.8, 0.2, 1 / 14), (-2.8, 0, 0)]:
        estimate = torch.tensor(bound, requires_grad=True)
        information_loss(estimate).backward()
        assert information_loss(estimate).item() == pytest.approx(loss)
        assert estimate.grad.item() == pytest.approx(slope)


# Descriptors


def slow_low_level(clips: torch.Tensor, cells: tuple[int, int, int]) -> torch.Tensor:
    """Cell by cell and pixel by pixel, for cells that divide the clip."""
    batch, _, *size = clips.shape
    blocks = [extent // count for extent, count in zip(size, cells, strict=True)]
    rows = []
    for b, cell in itertools.product(range(batch), itertools.product(*map(range, cells))):
        ranges = [range(c * block, (c + 1) * block) for c, block in zip(cell, blocks, strict=True)]
        pixels = [clips[b, :, t, y, x].tolist() for t, y, x in itertools.product(*ranges)]
        means = [sum(pixel[c] for pixel in pixels) / len(pixels) for c in range(3)]
        spreads = [math.sqrt(sum((pixel[c] - means[c]) ** 2 for pixel in pixels) / len(pixels)) for c in range(3)]
        votes = [0.0] * 8
        for t, y, x in itertools.product(*ranges):
            grey = clips[b, :, t].mean(0)
            across = (grey[y, x + 1] - grey[y, x - 1]).item() / 2 if 0 < x < size[2] - 1 else 0.0
            down = (grey[y + 1, x] - grey[y - 1, x]).item() / 2 if 0 < y < size[1] - 1 else 0.0
            votes[int(math.degrees(math.atan2(down, across)) % 360 // 45)] += math.hypot(across, down)
        rows.append(means + spreads + [vote / max(sum(votes), 1e-6) for vote in votes])
    return torch.tensor(rows, dtype=clips.dtype).reshape(batch, -1, DESCRIPTOR)


@pytest.mark.parametrize("cells", [(2, 2, 2), (1, 3, 2), (4, 1, 1)])
def test_descriptors_are_those_of_a_slow_loop(cells):
    clips = torch.rand(2, 3, 4, 6, 8, dtype=torch.double, generator=seeded(0))
    torch.testing.assert_close(low_level(clips, cells), slow_low_level(clips, cells))


def test_a_plain_picture_has_neither_spread_nor_gradients():
    described = low_level(torch.full((1, 3, 2, 8, 8), 0.5), (1, 2, 2))
    expected = torch.tensor([0.5] * 3 + [0.0] * 11).expand(1, 4, DESCRIPTOR)
    torch.testing.assert_close(described, expected)


@pytest.mark.parametrize("eighth", range(8))
def test_a_slope_votes_for_the_eighth_it_rises_to(eighth):
    angle = math.radians(45 * eighth + 20)
    place = torch.arange(10.0) / 40
    slope = 0.5 + math.cos(angle) * place + math.sin(angle) * place[:, None]
    inner = low_level(slope.expand(1, 3, 1, 10, 10), (1, 5, 5)).unflatten(1, (5, 5))[0, 2, 2]
    torch.testing.assert_close(inner[6:], torch.eye(8)[eighth])


def test_contrast_moves_mean_and_spread_but_no_orientation():
    clips = torch.rand(2, 3, 2, 8, 8, generator=seeded(0))
    before, after = low_level(clips, (2, 2, 2)), low_level(clips / 2 + 0.1, (2, 2, 2))
    torch.testing.assert_close(after[..., :3], before[..., :3] / 2 + 0.1)
    torch.testing.assert_close(after[..., 3:6], before[..., 3:6] / 2)
    torch.testing.assert_close(after[..., 6:], before[..., 6:])


def test_standardised_descriptors_have_zero_mean_and_unit_variance_over_the_batch_and_constants_are_zero():
    raw = normal(3, 5, DESCRIPTOR) * torch.arange(DESCRIPTOR) + 7
    cells = standardise(raw)
    for d in range(DESCRIPTOR):
        values = raw[..., d].flatten().tolist()
        mean = sum(values) / 15
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / 15) if d else 1
        assert cells[..., d].flatten().tolist() == pytest.approx([(value - mean) / deviation for value in values])
