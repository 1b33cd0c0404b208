import math

import pytest
import torch

from training.losses.instance import info_nce


def slow_info_nce(query: torch.Tensor, key: torch.Tensor, temperature: float) -> torch.Tensor:
    """-mean_i log( exp(s_ii / t) / sum_j exp(s_ij / t) ), s the cosine similarity."""
    total = torch.zeros((), dtype=query.dtype)
    for i in range(len(query)):
        scores = [
            torch.exp((query[i] @ key[j]) / (query[i].norm() * key[j].norm()) / temperature) for j in range(len(key))
        ]
        total = total - torch.log(scores[i] / sum(scores))
    return total / len(query)


@pytest.fixture
def views() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 5, 7, dtype=torch.double, generator=rng).unbind()
    return query.clone().requires_grad_(), key.clone().requires_grad_()


@pytest.mark.parametrize("temperature", [0.07, 0.1, 1.0])
def test_the_loss_and_its_gradient_are_those_of_the_equation(views, temperature):
    fast, slow = info_nce(*views, temperature), slow_info_nce(*views, temperature)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(torch.autograd.grad(fast, views), torch.autograd.grad(slow, views))


def test_the_lengths_of_the_vectors_do_not_matter(views):
    query, key = views
    torch.testing.assert_close(info_nce(query * 3, key * 0.01), info_nce(query, key))


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_embeddings_that_tell_nothing_cost_the_logarithm_of_the_batch(batch):
    alike = torch.ones(batch, 8)
    assert info_nce(alike, alike).item() == pytest.approx(math.log(batch), abs=1e-5)


def test_embeddings_that_tell_everything_cost_nothing_and_swapped_keys_cost_much():
    apart = torch.eye(4)
    assert info_nce(apart, apart, 0.01).item() == pytest.approx(0, abs=1e-6)
    assert info_nce(apart, apart.roll(1, 0), 0.1).item() == pytest.approx(10, abs=1e-3)  # 1 / temperature
