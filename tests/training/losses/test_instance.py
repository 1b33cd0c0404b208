import copy
import math
from collections import deque

import pytest
import torch
from torch import nn

from training.losses.instance import KeyQueue, decoupled_info_nce, info_nce, queue_info_nce, update_momentum


def cosine(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one @ other) / (one.norm() * other.norm())


def slow_info_nce(query: torch.Tensor, key: torch.Tensor, temperature: float) -> torch.Tensor:
    """-mean_i log( exp(s_ii / t) / sum_j exp(s_ij / t) ), s the cosine similarity."""
    total = torch.zeros((), dtype=query.dtype)
    for i in range(len(query)):
        scores = [torch.exp(cosine(query[i], key[j]) / temperature) for j in range(len(key))]
        total = total - torch.log(scores[i] / sum(scores))
    return total / len(query)


def slow_decoupled(query: torch.Tensor, key: torch.Tensor, temperature: float) -> torch.Tensor:
    """-mean_i log( exp(s_ii / t) / sum_{j != i} exp(s_ij / t) )."""
    total = torch.zeros((), dtype=query.dtype)
    for i in range(len(query)):
        scores = [torch.exp(cosine(query[i], key[j]) / temperature) for j in range(len(key))]
        total = total - torch.log(scores[i] / sum(scores[:i] + scores[i + 1 :]))
    return total / len(query)


def slow_queue(query: torch.Tensor, key: torch.Tensor, queue: torch.Tensor, temperature: float) -> torch.Tensor:
    """-mean_i log( exp(s_i / t) / (exp(s_i / t) + sum_k exp(s_ik / t)) ), k the keys of the queue."""
    total = torch.zeros((), dtype=query.dtype)
    for i in range(len(query)):
        own = torch.exp(cosine(query[i], key[i]) / temperature)
        total = total - torch.log(own / (own + sum(torch.exp(cosine(query[i], old) / temperature) for old in queue)))
    return total / len(query)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def views() -> tuple[torch.Tensor, torch.Tensor]:
    query, key = torch.randn(2, 5, 7, dtype=torch.double, generator=seeded(0)).unbind()
    return query.clone().requires_grad_(), key.clone().requires_grad_()


@pytest.fixture
def older() -> torch.Tensor:
    return torch.randn(6, 7, dtype=torch.double, generator=seeded(1)).requires_grad_()


@pytest.mark.parametrize(("loss", "slow"), [(info_nce, slow_info_nce), (decoupled_info_nce, slow_decoupled)])
@pytest.mark.parametrize("temperature", [0.07, 0.1, 1.0])
def test_the_loss_and_its_gradient_are_those_of_the_equation(views, loss, slow, temperature):
    quick, right = loss(*views, temperature), slow(*views, temperature)
    torch.testing.assert_close(quick, right)
    torch.testing.assert_close(torch.autograd.grad(quick, views), torch.autograd.grad(right, views))


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_the_loss_with_a_queue_and_its_gradient_are_those_of_the_equation(views, older, temperature):
    query, key = views
    quick, right = queue_info_nce(query, key, older, temperature), slow_queue(query, key, older, temperature)
    torch.testing.assert_close(quick, right)
    torch.testing.assert_close(torch.autograd.grad(quick, query), torch.autograd.grad(right, query))


def test_keys_and_queue_get_no_gradient(views, older):
    query, key = views
    query.retain_grad()
    queue_info_nce(query, key, older).backward()
    assert query.grad is not None
    assert key.grad is None
    assert older.grad is None


def test_the_lengths_of_the_vectors_do_not_matter(views, older):
    query, key = views
    for loss in (info_nce, decoupled_info_nce):
        torch.testing.assert_close(loss(query * 3, key * 0.01), loss(query, key))
    torch.testing.assert_close(queue_info_nce(query * 3, key * 2, older * 9), queue_info_nce(query, key, older))


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_embeddings_that_tell_nothing_cost_the_logarithm_of_the_batch(batch):
    alike = torch.ones(batch, 8)
    assert info_nce(alike, alike).item() == pytest.approx(math.log(batch), abs=1e-5)
    assert queue_info_nce(alike, alike, torch.ones(10, 8)).item() == pytest.approx(math.log(11), abs=1e-5)
    if batch > 1:
        assert decoupled_info_nce(alike, alike).item() == pytest.approx(math.log(batch - 1), abs=1e-5)


def test_embeddings_that_tell_everything_cost_nothing_and_swapped_keys_cost_much():
    apart = torch.eye(4)
    assert info_nce(apart, apart, 0.01).item() == pytest.approx(0, abs=1e-6)
    assert info_nce(apart, apart.roll(1, 0), 0.1).item() == pytest.approx(10, abs=1e-3)  # 1 / temperature


def test_decoupled_the_pull_of_a_pair_does_not_fade_as_it_is_found():
    """The gradient on s_ii is -1 whatever s is; that of InfoNCE is -(1 - q_ii), which vanishes."""

    def pull(loss, gap: float) -> float:
        turn = torch.tensor(gap, dtype=torch.double, requires_grad=True)  # radians between a query and its key
        query = torch.eye(3, dtype=torch.double)[:2]
        key = turn.cos() * query + turn.sin() * torch.eye(3, dtype=torch.double)[2]
        (slope,) = torch.autograd.grad(loss(query, key, 0.1), turn)
        return slope.item() / math.sin(gap) * 0.1  # per cosine over the temperature

    assert pull(decoupled_info_nce, 0.2) == pytest.approx(1)
    assert pull(info_nce, 0.2) < 1e-3


# The queue of keys


def test_the_queue_keeps_the_last_keys_pushed_whatever_the_batches():
    queue, kept = KeyQueue(5, 3, seeded(0)), deque(maxlen=5)
    kept.extend(queue.keys.clone())
    for step, count in enumerate([2, 2, 2, 5, 1, 12, 3, 10, 4]):
        keys = torch.randn(count, 3, generator=seeded(step))
        queue.push(keys)
        kept.extend(keys / keys.norm(dim=1, keepdim=True))
        oldest_first = queue.keys.roll(-int(queue.position), 0)
        torch.testing.assert_close(oldest_first, torch.stack(list(kept)))


def test_the_queue_starts_with_unit_vectors_that_a_seed_decides():
    assert torch.equal(KeyQueue(4, 8, seeded(3)).keys, KeyQueue(4, 8, seeded(3)).keys)
    torch.testing.assert_close(KeyQueue(4, 8, seeded(3)).keys.norm(dim=1), torch.ones(4))


def test_a_queue_goes_on_where_it_was_saved():
    queue, loaded = KeyQueue(5, 3, seeded(0)), KeyQueue(5, 3, seeded(1))
    queue.push(torch.randn(7, 3, generator=seeded(2)))
    loaded.load_state_dict(queue.state_dict())
    for each in (queue, loaded):
        each.push(torch.ones(2, 3))
    assert torch.equal(queue.keys, loaded.keys)
    assert torch.equal(queue.position, loaded.position)


def test_keys_pushed_between_forward_and_backward_do_no_harm():
    queue, query = KeyQueue(4, 3, seeded(0)), torch.randn(2, 3, generator=seeded(1)).requires_grad_()
    key = torch.randn(2, 3, generator=seeded(2)).requires_grad_()
    (expected,) = torch.autograd.grad(queue_info_nce(query, key, queue.keys), query)
    loss = queue_info_nce(query, key, queue.keys)
    queue.push(key)
    (gradient,) = torch.autograd.grad(loss, query)
    assert torch.equal(gradient, expected)
    assert not queue.keys.requires_grad


# The momentum encoder


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    layers(torch.randn(8, 3))  # moves the statistics
    return layers


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test_the_teacher_moves_towards_the_student_and_copies_its_statistics(momentum):
    teacher, student = network(0), network(1)
    before, untouched = copy.deepcopy(teacher.state_dict()), copy.deepcopy(student.state_dict())
    update_momentum(teacher, student, momentum)
    for name, _ in teacher.named_parameters():
        expected = momentum * before[name] + (1 - momentum) * untouched[name]
        torch.testing.assert_close(teacher.state_dict()[name], expected)
    for name, kept in teacher.named_buffers():
        assert torch.equal(kept, untouched[name])
    for name, weight in student.state_dict().items():
        assert torch.equal(weight, untouched[name])


def test_a_teacher_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="zip"):
        update_momentum(nn.Sequential(nn.Linear(3, 4)), nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), 0.9)
