import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import avg_pool3d, one_hot

from encoder.backbones import TSM
from training.losses.region import (
    Targets,
    coverage_targets,
    gaussian_targets,
    motion_weights,
    nearest_targets,
    region_contrast,
    sample_negatives,
    shuffled_targets,
)
from training.views import Bounds, Box, View, ViewSpec, cell_bounds, coverage, distance, sample_views

FRAMES, SIZE = 4, 32
LATTICE = TSM(8, 1).region_lattice(FRAMES, SIZE, SIZE)  # 4 x 4 x 4 cells
TWICE = list(itertools.product([False, True], repeat=2))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=seeded(seed))


def overlaps(*shape: int) -> torch.Tensor:
    """A coverage with rows of every sum from 0 to 1, and empty cells."""
    raw = torch.rand(*shape, dtype=torch.double, generator=seeded(5)) * (normal(*shape, seed=6) > 0)
    rows = torch.linspace(0, 1, shape[0] * shape[1], dtype=torch.double).square().reshape(*shape[:2], 1)
    return rows * raw / raw.sum(-1, keepdim=True)


# Targets


def test_soft_targets_are_those_of_a_slow_loop():
    shared = overlaps(2, 4, 6)
    shares, covered = coverage_targets(shared)
    for b, i in itertools.product(range(2), range(4)):
        total = sum(shared[b, i, j] for j in range(6))
        torch.testing.assert_close(covered[b, i], total)
        expected = shared[b, i] / total if total > 0 else torch.zeros(6, dtype=torch.double)
        torch.testing.assert_close(shares[b, i], expected)


def test_gaussian_targets_are_those_of_a_slow_loop():
    shared, apart = overlaps(2, 4, 6), normal(2, 4, 6).abs()
    shares, covered = gaussian_targets(shared, apart, 0.7)
    torch.testing.assert_close(covered, shared.sum(-1))
    for b, i in itertools.product(range(2), range(4)):
        weights = [math.exp(-(apart[b, i, j].item() ** 2) / (2 * 0.7**2)) for j in range(6)]
        assert shares[b, i].tolist() == pytest.approx([weight / sum(weights) for weight in weights])


def test_hard_targets_are_the_nearest_cell():
    shared, apart = overlaps(2, 4, 6), normal(2, 4, 6).abs()
    shares, covered = nearest_targets(shared, apart)
    torch.testing.assert_close(covered, shared.sum(-1))
    for b, i in itertools.product(range(2), range(4)):
        nearest = min(range(6), key=apart[b, i].tolist().__getitem__)
        assert shares[b, i].tolist() == [float(j == nearest) for j in range(6)]


def test_shuffled_targets_are_the_same_at_other_places_of_each_video():
    count = 40
    places = torch.arange(count).expand(3, 5, count) / sum(range(count))
    covered = torch.rand(3, 5, generator=seeded(1))
    shuffled = shuffled_targets(Targets(places, covered), seeded(0))
    torch.testing.assert_close(shuffled.shares.sum(-1), torch.ones(3, 5))
    assert torch.equal(shuffled.covered, covered)
    orders = (shuffled.shares * sum(range(count))).round().long()
    assert torch.equal(orders, orders[:, :1].expand_as(orders))  # all rows of a video alike: permuted, not noise
    first, second, third = orders[:, 0].tolist()
    assert first != second != third != first
    for order in (first, second, third):
        assert sorted(order) == list(range(count))
        assert sum(place == cell for place, cell in enumerate(order)) < 6
    assert torch.equal(shuffled.shares, shuffled_targets(Targets(places, covered), seeded(0)).shares)


# The loss


def slow_region(cells, others, targets, weights, negatives, temperature) -> torch.Tensor:
    """sum_i w_i k_i KL(p_i || q_i) / sum_i w_i k_i over the rows with k_i >= 0.5."""
    above, below = torch.zeros(2, dtype=torch.double)
    for b, i in itertools.product(range(cells.shape[0]), range(cells.shape[1])):
        k = targets.covered[b, i]
        if k < 0.5:
            continue
        keys = list(others[b].detach()) + ([] if negatives is None else list(negatives[b].detach()))
        u = cells[b, i]
        scores = [torch.exp(u @ v / (u.norm() * v.norm()) / temperature) for v in keys]
        divergence = torch.zeros((), dtype=torch.double)
        for j in range(others.shape[1]):
            p = targets.shares[b, i, j]
            if p > 0:
                divergence = divergence + p * torch.log(p / (scores[j] / sum(scores)))
        w = 1 if weights is None else weights[b, i]
        above, below = above + w * k * divergence, below + w * k
    return above / below


@pytest.mark.parametrize("with_negatives", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("temperature", [0.1, 0.7])
def test_the_loss_and_its_gradient_are_those_of_the_equation(with_negatives, weighted, temperature):
    cells, targets = normal(2, 4, 7).requires_grad_(), coverage_targets(overlaps(2, 4, 6))
    weights = normal(2, 4, seed=3).abs() if weighted else None
    negatives = normal(2, 5, 7, seed=2) if with_negatives else None
    given = (cells, normal(2, 6, 7, seed=1), targets, weights, negatives, temperature)
    quick, right = region_contrast(*given), slow_region(*given)
    torch.testing.assert_close(quick, right)
    torch.testing.assert_close(torch.autograd.grad(quick, cells), torch.autograd.grad(right, cells))


def test_only_the_side_that_searches_gets_a_gradient():
    cells, others, negatives = (normal(2, 6, 7, seed=seed).requires_grad_() for seed in range(3))
    region_contrast(cells, others, coverage_targets(overlaps(2, 6, 6)), negatives=negatives).backward()
    assert cells.grad is not None
    assert others.grad is None
    assert negatives.grad is None


def test_rows_under_half_covered_do_not_count():
    shares = normal(1, 3, 5).softmax(-1)
    covered = torch.tensor([[0.499, 0.5, 0.9]], dtype=torch.double)
    cells = normal(1, 3, 7, seed=1).requires_grad_()
    region_contrast(cells, normal(1, 5, 7, seed=2), Targets(shares, covered)).backward()
    assert cells.grad.abs().sum(-1).gt(0).tolist() == [[False, True, True]]


def test_views_that_share_nothing_cost_nothing():
    cells = normal(2, 4, 7).requires_grad_()
    loss = region_contrast(cells, normal(2, 6, 7, seed=1), coverage_targets(torch.zeros(2, 4, 6).double()))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(cells.grad, torch.zeros_like(cells))


def embeddings_that_find(shares: torch.Tensor, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors u, v with softmax(u_i . v_j / t) = p_ij: v the axes, u = t log p, one axis more for the length."""
    count = shares.shape[-1]
    along = temperature * shares.log()
    rest = (1 - along.square().sum(-1, keepdim=True)).sqrt()
    return torch.cat([along, rest], -1), torch.eye(count + 1, dtype=torch.double)[:count].expand(len(shares), -1, -1)


def test_finding_the_targets_costs_nothing_and_anything_else_costs():
    shares = normal(2, 4, 6).softmax(-1)
    cells, others = embeddings_that_find(shares, 0.1)
    full = torch.ones(2, 4, dtype=torch.double)
    assert region_contrast(cells, others, Targets(shares, full)).item() == pytest.approx(0, abs=1e-12)
    assert region_contrast(cells, others, Targets(shares.flip(-1), full)).item() > 0.1
    assert region_contrast(cells, others, Targets(shares, full), negatives=others).item() == pytest.approx(math.log(2))


def test_cells_that_tell_nothing_cost_the_logarithm_of_the_candidates():
    hard = Targets(one_hot(torch.tensor([[0, 3, 5]]), 6).double(), torch.ones(1, 3))
    alike, six, two = (torch.ones(1, count, 7) for count in (3, 6, 2))
    assert region_contrast(alike, six, hard).item() == pytest.approx(math.log(6), abs=1e-5)
    assert region_contrast(alike, six, hard, negatives=two).item() == pytest.approx(math.log(8), abs=1e-5)


# Negatives and weights


@pytest.mark.parametrize("batch", [2, 5])
def test_negatives_are_cells_of_all_other_videos_and_never_of_the_own(batch):
    video, cell = torch.meshgrid(torch.arange(batch), torch.arange(6), indexing="ij")
    drawn = sample_negatives(torch.stack([video, cell], -1), 300, seeded(0))
    for own in range(batch):
        everything = set(itertools.product(set(range(batch)) - {own}, range(6)))
        assert set(map(tuple, drawn[own].tolist())) == everything


def test_a_seed_decides_the_negatives():
    cells = normal(3, 6, 7)
    assert torch.equal(sample_negatives(cells, 9, seeded(1)), sample_negatives(cells, 9, seeded(1)))
    assert not torch.equal(sample_negatives(cells, 9, seeded(1)), sample_negatives(cells, 9, seeded(2)))


def test_weights_rise_with_motion_from_a_half_to_one_in_each_video():
    energy = torch.tensor([[0.0, 1, 2, 4], [0, 0, 0, 0], [3, 3, 3, 3]])
    expected = torch.tensor([[0.5, 0.625, 0.75, 1], [0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1]])
    torch.testing.assert_close(motion_weights(energy), expected)


# From views to the loss: features whose value is the place they show


WHOLE = View(Box(0, 0, 1, 1), 0.0, 1.0, FRAMES)
LOCAL = View(Box(0, 0.25, 0.5, 0.5), 1.0, 0.5, FRAMES)  # half the size and stride, on the grid of the whole, off centre


def shown(view: View) -> torch.Tensor:
    """(1, N, 3) the mean t, y, x of the pixels of each cell, worked out frame by frame and pixel by pixel."""
    place = (torch.arange(SIZE) + 0.5) / SIZE
    x = view.box.x0 + view.box.width * (place.flip(0) if view.flipped else place)
    y = view.box.y0 + view.box.height * place
    pixels = torch.stack(torch.meshgrid(torch.tensor(view.times()), y, x, indexing="ij"))
    return avg_pool3d(pixels, (1, 8, 8)).flatten(1).T.unsqueeze(0)


def bounds(view: View) -> Bounds:
    return cell_bounds([view], LATTICE, SIZE)


def turned(view: View, how: tuple[bool, bool]) -> View:
    return replace(view, flipped=how[0], reversed=how[1])


@pytest.mark.parametrize("local_turn", TWICE)
@pytest.mark.parametrize("whole_turn", TWICE)
def test_a_covered_cell_gets_its_own_coordinates_back_from_the_other_view(local_turn, whole_turn):
    local, whole = turned(LOCAL, local_turn), turned(WHOLE, whole_turn)
    out, back = (coverage_targets(coverage(bounds(a), bounds(b))) for a, b in ((whole, local), (local, whole)))
    inside = out.covered[0] > 0.99
    assert inside.sum() == 8
    torch.testing.assert_close((out.shares @ shown(local))[0, inside], shown(whole)[0, inside])
    torch.testing.assert_close(back.covered, torch.ones(1, 64))
    error = (back.shares @ shown(whole) - shown(local)).abs()
    expected = torch.tensor([1.0, 0.25, 0.25]) / 4  # a local cell lies a quarter of a cell off the middle, on each axis
    torch.testing.assert_close(error, expected.expand(1, 64, 3))


def test_any_covered_cell_comes_back_within_half_a_cell_of_the_other_view():
    spec = ViewSpec(frames=FRAMES)
    for seed in range(30):
        first, second, whole = sample_views(20, seeded(seed), spec, reverse=True)
        for own, other in itertools.permutations((first, second, whole), 2):
            targets = coverage_targets(coverage(bounds(own), bounds(other)))
            inside = targets.covered[0] > 0.9999
            error = (targets.shares @ shown(other) - shown(own)).abs()[0, inside]
            cell = [other.stride, other.box.height / 4, other.box.width / 4]
            assert (error <= torch.tensor(cell) / 2 + 1e-4).all()


@pytest.mark.parametrize("whole_turn", TWICE)
def test_soft_hard_and_gaussian_targets_agree_where_cells_nest(whole_turn):
    own, other = bounds(LOCAL), bounds(turned(WHOLE, whole_turn))
    shared, apart = coverage(own, other), distance(own, other)
    soft, hard = coverage_targets(shared), nearest_targets(shared, apart)
    torch.testing.assert_close(soft.shares, hard.shares)
    assert torch.equal(gaussian_targets(shared, apart).shares.argmax(-1), hard.shares.argmax(-1))


def encoded(view: View) -> torch.Tensor:
    """(1, N, D) whose cosine similarity is about exp(-2 d^2), d the distance of the places in cells of the whole."""
    frequencies = torch.randn(3, 512, generator=seeded(0)) * 2
    phase = shown(view) * torch.tensor([1.0, 4, 4]) @ frequencies
    return torch.cat([phase.cos(), phase.sin()], -1)


@pytest.mark.parametrize("whole_turn", TWICE)
@pytest.mark.parametrize("local_turn", TWICE)
def test_features_of_place_fit_the_right_targets_better_than_any_wrong_ones(local_turn, whole_turn):
    local, whole = turned(LOCAL, local_turn), turned(WHOLE, whole_turn)
    features = encoded(local), encoded(whole)
    right = coverage_targets(coverage(bounds(local), bounds(whole)))
    mistaken = [replace(whole, flipped=not whole.flipped), replace(whole, reversed=not whole.reversed)]
    wrong = [coverage_targets(coverage(bounds(local), bounds(view))) for view in mistaken]
    wrong.append(shuffled_targets(right, seeded(0)))
    least = region_contrast(*features, right).item()
    assert least < 1
    assert all(region_contrast(*features, targets).item() > least + 2 for targets in wrong)
