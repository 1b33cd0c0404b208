import copy
import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from encoder.lattice import Lattice
from training import objective as under_test
from training.arms import ARMS
from training.losses.club import DESCRIPTOR
from training.losses.instance import KeyQueue
from training.losses.region import coverage_targets, gaussian_targets, motion_weights, nearest_targets, region_contrast
from training.objective import Critics, Objective, Seen, direction_logits, fit_loss, motion_energy, terms, total
from training.processes import Group
from training.recipes import Teacher
from training.run import Run
from training.student import Embedded
from training.views import Bounds, ViewSpec, cell_bounds, coverage, distance, sample_views

VIEWS, BATCH, FRAMES, SIZE = 3, 3, 8, 32
REGIONS = Lattice((4, 4, 4), (2.0, 8.0, 8.0), (1.0, 4.0, 4.0))
BINS = Lattice((4, 2, 2), (2.0, 16.0, 16.0), (1.0, 8.0, 8.0))
PAIRS = ((0, 2), (1, 2), (2, 0), (2, 1))
NOTHING = Embedded(None, None, None, None, None)
FULL = Objective()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed))


def encoded(bounds: Bounds) -> Tensor:
    """(B, N, D) whose cosine similarity falls with the distance of the cells' centres; none between videos."""
    t, y, x = (each.mean(-1) for each in bounds)
    batch = len(t)
    cells = [torch.stack(torch.meshgrid(t[b] * 2, y[b] * 4, x[b] * 4, indexing="ij"), -1) for b in range(batch)]
    frequencies = normal(3, 256) * 2
    phase = torch.stack(cells).flatten(1, 3) @ frequencies + 6 * normal(batch, 1, 256, seed=1)
    return torch.cat([phase.cos(), phase.sin()], -1)


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Three videos, whose regions and bins are embedded as the places and times that they show."""
    drawn = [sample_views(9, seeded(seed), ViewSpec(frames=FRAMES), reverse=True) for seed in range(BATCH)]
    regions, bins = (
        [cell_bounds([views[i] for views in drawn], lattice, SIZE) for i in range(VIEWS)] for lattice in (REGIONS, BINS)
    )
    moments = [Bounds(each.t, torch.zeros(BATCH, 1, 2), torch.zeros(BATCH, 1, 2)) for each in bins]
    query = Embedded(
        instance=normal(VIEWS, BATCH, 8),
        look=normal(VIEWS, BATCH, 8, seed=1),
        regions=torch.stack([encoded(each) for each in regions]),
        cells=normal(VIEWS, BATCH, 64, 6, seed=2),
        bins=torch.stack([encoded(each) for each in moments]),
    )
    return Seen(
        query=query,
        key=query,
        regions=regions,
        bins=bins,
        energy=torch.rand(VIEWS, BATCH, 64, generator=seeded(3)),
        descriptors=normal(VIEWS, BATCH, 64, DESCRIPTOR, seed=4),
        swapped=torch.tensor([True, False, True]),
        turned=torch.tensor([False, True, True]),
    )


def terms_of(seen: Seen, objective: Objective, queue: KeyQueue | None = None, seed: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return terms(seen, objective, Critics(objective, 6, 4), queue, seeded(seed))


# Every arm of the ablation

NAMED = {
    "A1": {"instance"},
    "A2": {"instance"},
    "A3": {"instance", "region"},
    "A4": {"instance", "region"},
    "A5": {"instance", "region"},
    "A6": {"instance", "region"},
    "A7": {"instance", "region"},
    "A8": {"instance", "region"},
    "A9": {"instance", "region", "information"},
    "A10": {"instance", "region", "match"},
    "A11": {"instance", "region", "match", "direction"},
    "A12": {"instance", "region", "information", "match", "direction"},
    "A12-adv": {"instance", "region", "match", "direction"},
    "A12-inst": {"region", "information", "match", "direction"},
    "A12-reg": {"instance", "information", "match", "direction"},
    "A12-match": {"instance", "region", "information", "direction"},
    "A12-dir": {"instance", "region", "information", "match"},
}


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm.objective], ids=lambda arm: arm.name)
def test_an_arm_has_the_terms_it_names_and_they_reach_every_network(recipe, passes, arm):
    recipe = replace(recipe, objective=replace(arm.objective, rows=16, negatives=16))
    run = Run(recipe, 4, 0, torch.device("cpu"), Group())
    seen = run.see(next(passes(recipe)))
    found = terms(seen, recipe.objective, run.critics, None, seeded(0))
    assert found.keys() == NAMED[arm.name] | {"look"}
    assert all(value.isfinite() and value.ndim == 0 for value in found.values())
    total(found, recipe.objective, ramp=1).backward()
    whitened_later = ("encoder.look_head", "encoder.motion_head")
    for name, weight in run.student.named_parameters():
        reached = weight.grad is not None and bool((weight.grad != 0).any())
        assert reached != name.startswith(whitened_later), name
    assert (run.adversary is not None) == (arm.objective.information == "adversary")
    for critic in filter(None, (run.adversary, run.critics.direction)):
        assert all((weight.grad != 0).any() for weight in critic.parameters())


def test_the_predictor_of_mi_b_is_moved_by_its_fit_alone(recipe, passes):
    recipe = replace(recipe, objective=replace(recipe.objective, information="club"))
    run = Run(recipe, 4, 0, torch.device("cpu"), Group())
    seen = run.see(next(passes(recipe)))
    terms(seen, recipe.objective, run.critics, None, seeded(0))["information"].backward(retain_graph=True)
    assert all(weight.grad is None for weight in run.critics.club.parameters())
    run.student.zero_grad()
    fit_loss(seen, run.critics.club).backward()
    assert all((weight.grad != 0).any() for weight in run.critics.club.parameters())
    assert all(weight.grad is None for weight in run.student.parameters())


# How the terms are put together


def test_the_total_weighs_each_term_as_the_equation_says():
    objective = replace(FULL, region_weight=2.0, order_weight=3.0, information_weight=0.5)
    values = {"instance": 1.0, "look": 10.0, "region": 1e2, "match": 1e3, "direction": 1e4, "information": 1e5}
    found = {name: torch.tensor(value) for name, value in values.items()}
    order = 3 * (1e3 + 1e4 / 2)
    for ramp in (0, 0.4, 1):
        assert total(found, objective, ramp).item() == pytest.approx(1 + 10 + 2e2 + order + 0.5 * ramp * 1e5)


def test_twins_are_told_from_all_other_puppets_in_both_directions(seen):
    one, other = twins = normal(2, 5, 8, seed=10)
    found = terms_of(seen._replace(twins=twins), replace(FULL, temperature=0.3, twins=0.7))
    losses = []
    for query, key in ((one, other), (other, one)):
        cosines = torch.stack([torch.cosine_similarity(query[i], key, dim=1) for i in range(5)]) / 0.3
        losses += [math.log(sum(math.exp(each) for each in row)) - row[i] for i, row in enumerate(cosines.tolist())]
    assert found["twins"].item() == pytest.approx(sum(losses) / 10, rel=1e-5)
    others = {name: value for name, value in found.items() if name != "twins"}
    torch.testing.assert_close(total(found, replace(FULL, twins=0.7), 1), total(others, FULL, 1) + 0.7 * found["twins"])


def test_the_whole_method_is_without_twins(seen):
    assert FULL.twins == 0
    assert "twins" not in terms_of(seen, FULL)
    assert not any(arm.objective.twins for arm in ARMS if arm.objective)


def test_twins_alone_are_an_objective(seen):
    alone = Objective(instance=None, region=None, information=None, match=False, direction=False, twins=1.0)
    found = terms_of(seen._replace(query=NOTHING, key=NOTHING, twins=normal(2, 5, 8)), alone)
    assert found.keys() == {"twins"}
    assert total(found, alone, 1) == found["twins"]


def slow_contrast(query: Tensor, key: Tensor, temperature: float, kind: str, queue: Tensor | None = None) -> float:
    """The mean over pairs of views and over videos of -log of the share of the own key."""
    losses = []
    for (one, other), i in itertools.product(PAIRS, range(query.shape[1])):
        own = torch.cosine_similarity(query[one, i], key[other, i], dim=0).item() / temperature
        far = queue if queue is not None else [key[other, j] for j in range(query.shape[1]) if j != i]
        rest = [torch.cosine_similarity(query[one, i], each, dim=0).item() / temperature for each in far]
        rest = rest if kind == "decoupled" else [own, *rest]
        losses.append(math.log(sum(math.exp(each) for each in rest)) - own)
    return sum(losses) / len(losses)


@pytest.mark.parametrize("kind", ["in batch", "decoupled"])
def test_instance_contrast_is_that_of_each_local_and_the_global_view_both_ways(seen, kind):
    other = NOTHING._replace(instance=normal(VIEWS, BATCH, 8, seed=7), look=normal(VIEWS, BATCH, 8, seed=8))
    seen = seen._replace(key=other)
    found = terms_of(seen, replace(FULL, instance=kind, temperature=0.3))
    expected = slow_contrast(seen.query.instance, other.instance, 0.3, kind)
    assert found["instance"].item() == pytest.approx(expected, rel=1e-5)
    assert found["look"].item() == pytest.approx(slow_contrast(seen.query.look, other.look, 0.3, "in batch"), rel=1e-5)


def test_contrast_with_a_queue_uses_the_keys_of_earlier_batches_alone(recipe, passes):
    objective, teacher = replace(recipe.objective, instance="queue"), Teacher(queue=10)
    recipe = replace(recipe, objective=objective, teacher=teacher)
    run = Run(recipe, 4, 0, torch.device("cpu"), Group())
    for batch, _ in zip(passes(recipe), range(3), strict=False):
        earlier, twin = run.queue.keys.clone(), copy.deepcopy(run)
        seen = twin.see(batch)
        row = run.advance(iter([batch]))
        expected = slow_contrast(seen.query.instance, seen.key.instance, 0.1, "queue", earlier)
        assert row["instance"] == pytest.approx(expected, rel=1e-4)
        pushed = normalize(seen.key.instance[2], dim=-1)
        assert (run.queue.keys != earlier).any(1).sum() == 4
        assert torch.cdist(pushed, run.queue.keys).min(1).values.tolist() == pytest.approx([0] * 4, abs=1e-3)


@pytest.mark.parametrize("kind", ["coverage", "nearest", "gaussian"])
def test_region_contrast_is_the_mean_over_the_four_pairs_of_views(seen, kind, monkeypatch):
    def others(cells: Tensor, *_: object) -> Tensor:
        """All cells of all other videos, (B, (B - 1) N, D)."""
        return torch.stack([torch.cat([cells[j] for j in range(BATCH) if j != i]) for i in range(BATCH)])

    monkeypatch.setattr(under_test, "sample_negatives", others)
    key = NOTHING._replace(regions=normal(VIEWS, BATCH, 64, 512, seed=9))
    losses = []
    for one, other in PAIRS:
        shared = coverage(seen.regions[one], seen.regions[other])
        apart = distance(seen.regions[one], seen.regions[other])
        targets = {
            "coverage": coverage_targets(shared),
            "nearest": nearest_targets(shared, apart),
            "gaussian": gaussian_targets(shared, apart),
        }[kind]
        weights, negatives = motion_weights(seen.energy[one], FULL.still), others(key.regions[other])
        losses.append(region_contrast(seen.query.regions[one], key.regions[other], targets, weights, negatives, 0.2))
    found = terms_of(seen._replace(key=key), replace(FULL, region=kind, rows=64, temperature=0.2))["region"]
    torch.testing.assert_close(found, torch.stack(losses).mean())


@pytest.mark.parametrize("rows", [8, 64])
def test_cells_that_show_their_places_fit_their_own_regions_and_no_others(seen, rows):
    objective = replace(FULL, rows=rows, negatives=16)
    least = terms_of(seen, objective)["region"].item()
    for one, other in ((0, 1), (1, 2), (0, 2)):
        exchanged = list(seen.regions)
        exchanged[one], exchanged[other] = exchanged[other], exchanged[one]
        assert terms_of(seen._replace(regions=exchanged), objective)["region"].item() > least + 0.5
    assert terms_of(seen, replace(objective, region="shuffled"))["region"].item() > least + 2


def test_cells_in_which_much_moves_weigh_more(seen):
    poor = torch.arange(64) % 2 == 0  # these are embedded as noise
    regions = torch.where(poor[:, None], normal(VIEWS, BATCH, 64, 512), seen.query.regions)
    seen = seen._replace(query=seen.query._replace(regions=regions))
    objective = replace(FULL, rows=32)
    moving, still, alike = (
        terms_of(seen._replace(energy=energy), objective)["region"].item()
        for energy in (poor.float().expand(VIEWS, BATCH, 64), (~poor).float().expand(VIEWS, BATCH, 64), None)
    )
    assert moving > 1.1 * alike > 1.2 * still


def test_bins_that_show_their_times_fit_their_own_and_no_others(seen):
    objective = replace(FULL, region=None)
    least = terms_of(seen, objective)["match"].item()
    for one, other in ((0, 1), (1, 2), (0, 2)):
        exchanged = list(seen.bins)
        exchanged[one], exchanged[other] = exchanged[other], exchanged[one]
        assert terms_of(seen._replace(bins=exchanged), objective)["match"].item() > least + 0.3


def test_the_direction_head_gets_locals_in_the_wrong_order_where_swapped_and_bins_backwards_where_turned(seen):
    def head(first: Tensor, second: Tensor, bins: Tensor) -> Tensor:
        return first.sum(1) - 2 * second.sum(1) + 5 * bins[:, 0].sum(1)

    found = direction_logits(seen, head)
    for video, (swapped, turned) in enumerate(zip(seen.swapped.tolist(), seen.turned.tolist(), strict=True)):
        first, second = (seen.query.bins[i, video].mean(0).sum() for i in ((1, 0) if swapped else (0, 1)))
        expected = first - 2 * second + 5 * seen.query.bins[2, video, -1 if turned else 0].sum()
        assert found[video].item() == pytest.approx(expected.item(), abs=1e-3)


def test_information_is_that_of_the_cells_of_both_locals_against_those_of_other_videos(seen):
    objective = replace(FULL, region=None, information="club")
    torch.manual_seed(0)
    critics = Critics(objective, 6, 4)
    with torch.no_grad():  # as after a fit, so that the bound is above zero
        told = critics.club.mean(normalize(seen.query.cells, dim=-1)) + 0.1 * seen.descriptors
    seen = seen._replace(descriptors=told)
    cells = [[seen.query.cells[local, video, n] for local in (0, 1) for n in range(64)] for video in range(BATCH)]
    known = [[seen.descriptors[local, video, n] for local in (0, 1) for n in range(64)] for video in range(BATCH)]
    bound, fit = [], []
    with torch.no_grad():
        for video in range(BATCH):
            others = torch.stack([y for other in range(BATCH) if other != video for y in known[other]])
            for cell, own in zip(cells[video], known[video], strict=True):
                mean = critics.club.mean(cell / cell.norm())
                fit.append((own - mean).square().sum())
                bound.append(((others - mean).square().sum(1).mean() - (own - mean).square().sum()) / 2)
    found = terms(seen, objective, critics, None, seeded(0))["information"]
    assert found.item() == pytest.approx(torch.stack(bound).mean().item() / DESCRIPTOR, rel=1e-4)
    assert fit_loss(seen, critics.club).item() == pytest.approx(torch.stack(fit).mean().item(), rel=1e-5)


# Motion


def test_the_energy_of_a_cell_is_its_mean_difference_from_frame_to_frame():
    clips = torch.rand(2, 3, 4, 8, 8, generator=seeded(0))
    found = motion_energy(clips, (2, 2, 4))
    for b, (n, (t, y, x)) in itertools.product(range(2), enumerate(itertools.product(range(2), range(2), range(4)))):
        differences = [
            (clips[b, c, max(k, 1), i, j] - clips[b, c, max(k, 1) - 1, i, j]).abs().item()  # the first as the second
            for c in range(3)
            for k in range(2 * t, 2 * t + 2)
            for i in range(4 * y, 4 * y + 4)
            for j in range(2 * x, 2 * x + 2)
        ]
        assert found[b, n].item() == pytest.approx(sum(differences) / len(differences), rel=1e-4)


def test_a_single_frame_and_a_still_clip_have_no_energy():
    assert (motion_energy(torch.rand(2, 3, 1, 8, 8), (1, 2, 2)) == 0).all()
    assert (motion_energy(torch.rand(2, 3, 1, 8, 8).expand(-1, -1, 4, -1, -1), (2, 2, 2)) == 0).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"instance": None, "region": None, "match": False, "direction": False}, "at least one term that trains"),
        ({"temperature": 0.0}, "must be above zero"),
        ({"rows": 0}, "must be above zero"),
        ({"negatives": 0}, "must be above zero"),
        ({"twins": -0.1}, "got .*twins=-0.1"),
    ],
)
def test_an_objective_that_cannot_train_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Objective(**wrong)
