import itertools
from dataclasses import replace

import pytest
import torch

from encoder.lattice import Lattice
from training.losses.order import DirectionHead, direction_accuracy, direction_loss, match_bins
from training.views import View, cell_bounds, plain_view, time_coverage

TWICE = list(itertools.product([False, True], repeat=2))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=seeded(seed))


# Matching


def slow_match(local, whole, coverage, temperature) -> torch.Tensor:
    """The mean over both directions of mean_i KL(p_i || q_i), over bins that share half a local bin or more."""
    count, searched = coverage.shape[1:]
    pairs = list(itertools.product(range(count), range(searched)))
    terms = ([], [])
    for b in range(len(local)):
        scores = {
            (i, j): torch.exp(local[b, i] @ whole[b, j] / local[b, i].norm() / whole[b, j].norm() / temperature)
            for i, j in pairs
        }
        for axis, size in enumerate((count, searched)):
            for own in range(size):
                row = [pair for pair in pairs if pair[axis] == own]
                total = sum(coverage[b][pair] for pair in row)
                if total < 0.5:
                    continue
                divergence = torch.zeros((), dtype=torch.double)
                for pair in row:
                    p, q = coverage[b][pair] / total, scores[pair] / sum(scores[each] for each in row)
                    if p > 0:
                        divergence = divergence + p * torch.log(p / q)
                terms[axis].append(divergence)
    return sum(sum(each) / len(each) for each in terms) / 2


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_the_loss_and_its_gradient_are_those_of_the_equation(temperature):
    rng = seeded(2)
    shared = torch.rand(3, 4, 5, dtype=torch.double, generator=rng)
    shared = shared * (torch.rand(3, 4, 5, generator=rng) < 0.4)  # empty bins, bins under half and over
    assert 0 < (shared.sum(-1) < 0.5).sum() < 12
    assert 0 < (shared.sum(1) < 0.5).sum() < 15
    views = (normal(3, 4, 7).requires_grad_(), normal(3, 5, 7, seed=1).requires_grad_())
    quick, right = match_bins(*views, shared, temperature), slow_match(*views, shared, temperature)
    torch.testing.assert_close(quick, right)
    torch.testing.assert_close(torch.autograd.grad(quick, views), torch.autograd.grad(right, views))


def test_views_that_share_no_time_cost_nothing():
    local, whole = normal(2, 4, 7).requires_grad_(), normal(2, 4, 7, seed=1)
    loss = match_bins(local, whole, torch.zeros(2, 4, 4, dtype=torch.double))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(local.grad, torch.zeros_like(local))


@pytest.mark.parametrize(("shared", "counts"), [(0.5, True), (0.499, False)])
def test_a_bin_of_either_view_counts_from_half_a_local_bin_on(shared, counts):
    local, whole = normal(1, 2, 7).requires_grad_(), normal(1, 2, 7, seed=1).requires_grad_()
    match_bins(local, whole, torch.tensor([[[shared, 0], [0, 0]]], dtype=torch.double)).backward()
    assert (local.grad.abs().sum() > 0) == counts
    assert (whole.grad.abs().sum() > 0) == counts


FRAMES = 8
WHOLE, EARLY, LATE = plain_view(1.0, 0.5, FRAMES), plain_view(1.0, 0.25, FRAMES), plain_view(3.0, 0.25, FRAMES)


def shared_time(local: View, whole: View) -> torch.Tensor:
    lattice = Lattice((FRAMES, 1, 1), (1, 1, 1), (0.5, 0.5, 0.5))
    return time_coverage(*(cell_bounds([view], lattice, 1) for view in (local, whole)))


def encoded(view: View) -> torch.Tensor:
    """(1, T, D) whose cosine similarity falls with the time between two frames."""
    times = torch.tensor(view.times())[:, None] - torch.arange(0, 6, 0.1)
    return (-times.square() / 0.1).exp().unsqueeze(0)


@pytest.mark.parametrize("local", [EARLY, LATE])
@pytest.mark.parametrize(("local_reversed", "whole_reversed"), TWICE)
def test_features_of_time_fit_their_own_bins_better_than_those_of_a_wrong_direction(
    local, local_reversed, whole_reversed
):
    local, whole = replace(local, reversed=local_reversed), replace(WHOLE, reversed=whole_reversed)
    features = encoded(local), encoded(whole)
    right = match_bins(*features, shared_time(local, whole))
    assert right < 1
    for mistaken in (replace(whole, reversed=not whole_reversed), replace(whole, start=whole.start + 1)):
        assert match_bins(*features, shared_time(local, mistaken)) > right + 1


# Direction


def test_the_label_is_a_coins_toss_for_whoever_sees_one_input_alone():
    """Confident logits cost the same under both values of the input that is not seen, and are half right."""
    swapped, reversed_ = (torch.tensor(each) for each in zip(*TWICE, strict=True))
    for seen in (swapped, reversed_):
        for value in (False, True):
            rows = seen == value
            for guess in (-9.0, 9.0):
                logits = torch.full((2,), guess)
                assert direction_accuracy(logits, swapped[rows], reversed_[rows]) == 0.5
                assert direction_loss(logits, swapped[rows], reversed_[rows]).item() == pytest.approx(4.5, abs=1e-3)


def test_only_one_of_the_two_turned_runs_against_the_other():
    swapped, reversed_ = (torch.tensor(each) for each in zip(*TWICE, strict=True))
    against = torch.tensor([-9.0, 9.0, 9.0, -9.0])
    assert direction_accuracy(against, swapped, reversed_) == 1
    assert direction_accuracy(-against, swapped, reversed_) == 0
    assert direction_loss(against, swapped, reversed_).item() == pytest.approx(0, abs=1e-3)
    against.requires_grad_()
    torch.testing.assert_close(
        direction_loss(against, swapped, reversed_),
        -sum((against if label else -against)[i].sigmoid().log() for i, label in enumerate([0, 1, 1, 0])) / 4,
    )


DIM, BINS = 4, 5


def toy(count: int, rng: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Videos in which a feature rises with time: first, second, bins, as shown, and how they were turned."""
    swapped, reversed_ = torch.rand(2, count, generator=rng) < 0.5
    noise = torch.randn(count, 2 + BINS, DIM, generator=rng) / 4
    locals_ = torch.tensor([-1.0, 1])[None, :, None] + noise[:, :2]
    bins = torch.linspace(-1, 1, BINS)[None, :, None] + noise[:, 2:]
    locals_ = torch.where(swapped[:, None, None], locals_.flip(1), locals_)
    bins = torch.where(reversed_[:, None, None], bins.flip(1), bins)
    return locals_[:, 0], locals_[:, 1], bins, swapped, reversed_


@pytest.mark.parametrize(
    ("sees_locals", "sees_whole", "least", "most"),
    [(True, False, 0.46, 0.54), (False, True, 0.46, 0.54), (True, True, 0.98, 1)],
)
def test_a_probe_needs_both_locals_and_global_to_tell_the_direction(sees_locals, sees_whole, least, most):
    torch.manual_seed(0)
    head, rng = DirectionHead(BINS, 32), seeded(1)
    optimiser = torch.optim.Adam(head.parameters(), 0.01)

    def judge(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        first, second, bins, swapped, reversed_ = toy(count, rng)
        return head(first * sees_locals, second * sees_locals, bins * sees_whole), swapped, reversed_

    for _ in range(150):
        optimiser.zero_grad()
        direction_loss(*judge(128)).backward()
        optimiser.step()
    assert least <= direction_accuracy(*judge(4000)) <= most


def test_the_head_gives_a_logit_a_video_and_tells_every_input_from_every_other():
    torch.manual_seed(0)
    head = DirectionHead(BINS)
    inputs = [torch.randn(6, DIM), torch.randn(6, DIM), torch.randn(6, BINS, DIM)]
    first, second, bins = inputs
    logits = head(*inputs)
    assert logits.shape == (6,)
    torch.testing.assert_close(head(*(each[2:3] for each in inputs)), logits[2:3])  # videos apart
    assert not torch.allclose(head(second, first, bins), logits)
    assert not torch.allclose(head(first, second, bins.flip(1)), logits)
