import errno
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from encoder.checkpoint import load_encoder, save_encoder
from training import run as under_test
from training.batches import Batch, generator
from training.beginning import Beginning
from training.errors import TrainingError
from training.losses.adversary import PARAMETERS
from training.objective import terms, total
from training.processes import Group
from training.puppets import twins
from training.recipes import Recipe, Teacher
from training.run import Run

CPU = torch.device("cpu")
STEPS = 4
Passes = Callable[..., Iterator[Batch]]


def started(recipe: Recipe, seed: int = 0, steps: int = STEPS) -> Run:
    return Run(recipe, steps, seed, CPU, Group())


def with_objective(recipe: Recipe, **changed: Any) -> Recipe:
    return replace(recipe, objective=replace(recipe.objective, **changed))


def with_teacher(recipe: Recipe, momentum: float = 0.99) -> Recipe:
    objective = replace(recipe.objective, instance="queue")
    return replace(recipe, objective=objective, teacher=Teacher(momentum, queue=10))


def with_schedule(recipe: Recipe, **changed: Any) -> Recipe:
    return replace(recipe, schedule=replace(recipe.schedule, **changed))


def variant(recipe: Recipe, name: str) -> Recipe:
    return {
        "adversary": recipe,
        "club": with_objective(recipe, information="club"),
        "random": with_objective(recipe, information="random", region="shuffled"),
        "queue": with_teacher(recipe),
        "accumulate": with_schedule(recipe, accumulate=2),
        "twins": with_objective(with_schedule(recipe, accumulate=2), twins=0.5),
    }[name]


def assert_equal(one: Any, other: Any, where: str = "state") -> None:
    """Everything in two states is the same, bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for number, (mine, yours) in enumerate(zip(one, other, strict=True)):
            assert_equal(mine, yours, f"{where}.{number}")
    else:
        assert one == other, where


def state_of(run: Run, folder: Path) -> Any:
    run.save(folder / "state", "")
    return torch.load(folder / "state", weights_only=True)


def gradients(run: Run) -> list[list[torch.Tensor | None]]:
    """Where the gradients of each step will be noted, as they are when the weights are moved."""
    noted: list[list[torch.Tensor | None]] = []

    def note(*_: object) -> None:
        noted.append([None if weight.grad is None else weight.grad.clone() for weight in run.weights])

    run.optimisers["descend"].register_step_pre_hook(note)
    return noted


# A run that is cut off


@pytest.mark.parametrize("name", ["adversary", "club", "random", "queue", "accumulate", "twins"])
def test_a_run_cut_at_any_step_and_resumed_is_an_unbroken_one_bit_for_bit(recipe, passes, tmp_path, name):
    recipe = variant(recipe, name)
    run, given = started(recipe), passes(recipe)
    rows = []
    for step in range(STEPS):
        run.save(tmp_path / f"state-{step}", "films")
        rows.append(run.advance(given))
    unbroken = state_of(run, tmp_path)
    for cut in range(STEPS):
        torch.manual_seed(100 + cut)
        resumed = started(recipe)
        resumed.load(tmp_path / f"state-{cut}", "films")
        given = passes(recipe, first=cut * recipe.schedule.accumulate)
        for row in rows[cut:]:
            found = resumed.advance(given)
            assert found | {"waited": 0} == row | {"waited": 0}
        assert_equal(state_of(resumed, tmp_path), unbroken)


def test_a_seed_decides_the_weights_and_the_course_of_a_run(recipe, passes, tmp_path):
    states = []
    for seed in (3, 3, 4):
        torch.rand(seed)  # whatever was drawn before
        run = started(recipe, seed)
        run.advance(passes(recipe))
        states.append(state_of(run, tmp_path))
    assert_equal(states[0], states[1])
    with pytest.raises(AssertionError):
        assert_equal(states[0]["modules"], states[2]["modules"])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda recipe: started(with_schedule(recipe, learning_rate=2e-3)), "recipe"),
        (lambda recipe: started(recipe, seed=1), "seed"),
        (lambda recipe: started(recipe, steps=5), "steps"),
    ],
)
def test_a_run_does_not_go_on_with_another_recipe_seed_or_length(recipe, tmp_path, changed, told):
    started(recipe).save(tmp_path / "state.pt", "films")
    with pytest.raises(TrainingError, match=f"had other {told}; resume it with the same, or give another folder"):
        changed(recipe).load(tmp_path / "state.pt", "films")


def test_a_run_does_not_go_on_with_other_videos_but_its_weights_can_be_taken(recipe, passes, tmp_path):
    run = started(recipe)
    run.advance(passes(recipe))
    run.save(tmp_path / "state.pt", "films")
    other = started(recipe, seed=5, steps=9)
    with pytest.raises(TrainingError, match="had other videos"):
        started(recipe).load(tmp_path / "state.pt", "songs")
    other.restore(tmp_path / "state.pt")
    assert other.step == 0
    assert_equal(other.student.state_dict(), run.student.state_dict())
    assert_equal(other.critics.state_dict(), run.critics.state_dict())


@pytest.mark.parametrize("keep", [0, 10, 5000])
def test_a_state_that_is_damaged_is_refused_in_a_sentence(recipe, tmp_path, keep):
    run, path = started(recipe), tmp_path / "state.pt"
    run.save(path, "films")
    path.write_bytes(path.read_bytes()[:keep])
    for read in (lambda: run.load(path, "films"), lambda: run.restore(path)):
        with pytest.raises(TrainingError, match=r"state.pt is no training run, or damaged; train in another folder"):
            read()


@pytest.mark.parametrize("change", [lambda modules: modules.pop("critics"), lambda modules: modules["student"].clear()])
def test_a_state_of_other_networks_is_refused_in_a_sentence(recipe, tmp_path, change):
    run, path = started(recipe), tmp_path / "state.pt"
    run.save(path, "films")
    state = torch.load(path, weights_only=True)
    change(state["modules"])
    torch.save(state, path)
    with pytest.raises(TrainingError, match="was saved by another version or recipe"):
        run.load(path, "films")


def test_a_disk_that_is_full_leaves_the_former_state_whole(recipe, passes, tmp_path, monkeypatch):
    run, path = started(recipe), tmp_path / "state.pt"
    run.save(path, "films")
    before, write = path.read_bytes(), Path.write_bytes

    def fill(part: Path, data: Any) -> int:
        write(part, bytes(data)[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    run.advance(passes(recipe))
    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="No space left"):
        run.save(path, "films")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# A step


def test_the_gradient_of_a_step_is_the_mean_over_its_passes(recipe, passes, monkeypatch):
    monkeypatch.setattr(under_test, "_LONGEST", math.inf)
    recipe = with_objective(recipe, region=None)  # which would draw other cells in each pass
    noted, rows = [], []
    for first in (0, 1):
        run = started(recipe)
        noted.append(gradients(run))
        rows.append(run.advance(passes(recipe, first)))
    both = started(with_schedule(recipe, accumulate=2))
    found = gradients(both)
    row = both.advance(passes(recipe))
    for mean, one, other in zip(found[0], noted[0][0], noted[1][0], strict=True):
        assert (mean is None) == (one is None)
        if mean is not None:
            torch.testing.assert_close(mean, (one + other) / 2, atol=1e-6, rtol=1e-4)
    for name in row.keys() - {"waited"}:
        assert row[name] == pytest.approx((rows[0][name] + rows[1][name]) / 2, rel=1e-5)


def test_each_step_starts_without_the_gradient_of_the_last(recipe, passes):
    recipe = with_objective(with_schedule(recipe, learning_rate=1e-30), region=None, information=None)
    run, batch = started(recipe), next(passes(recipe))
    noted = gradients(run)
    for _ in range(2):
        run.advance(iter([batch]))
    for first, second in zip(*noted, strict=True):
        torch.testing.assert_close(first, second)


def test_each_pass_draws_cells_of_its_own(recipe, passes, monkeypatch):
    recipe, drawn = with_schedule(recipe, accumulate=2), []

    def noting(*given: Any) -> dict[str, torch.Tensor]:
        drawn.append(given[-1].initial_seed())
        return terms(*given)

    monkeypatch.setattr(under_test, "terms", noting)
    run, given = started(recipe), passes(recipe)
    for _ in range(3):
        run.advance(given)
    assert len(set(drawn)) == len(drawn) == 6


def test_long_gradients_are_cut_to_a_norm_of_five(recipe, passes):
    run = started(with_objective(recipe, region_weight=1e4))
    noted = gradients(run)
    run.advance(passes(recipe))
    norms = [gradient.norm() for gradient in noted[0] if gradient is not None]
    assert torch.stack(norms).norm().item() == pytest.approx(5, rel=1e-3)


def test_the_rate_rises_to_its_peak_and_falls_to_zero_as_a_cosine(recipe, passes):
    recipe = with_schedule(recipe, learning_rate=0.01, warm_up=0.2)
    run, given = started(recipe, steps=100), passes(recipe)
    for step, share in [(10, 0.5), (20, 1), (40, (1 + math.cos(math.pi / 4)) / 2), (60, 0.5), (100, 0)]:
        run.step = step
        run.advance(given)
        assert run.optimisers["descend"].param_groups[0]["lr"] == pytest.approx(0.01 * share, abs=1e-6)
    run.step = 0
    run.advance(given)
    assert 0 < run.optimisers["descend"].param_groups[0]["lr"] < 0.001


def test_encoder_and_direction_head_descend(recipe, passes):
    recipe = with_objective(with_schedule(recipe, learning_rate=0.003, warm_up=0), information=None)
    run = started(recipe, steps=1000)
    batch = next(passes(recipe))
    rows = [run.advance(iter([batch])) for _ in range(25)]
    for name in ("instance", "look", "region", "match", "direction"):
        assert sum(row[name] for row in rows[-5:]) < 0.98 * sum(row[name] for row in rows[:5])


def test_the_adversary_climbs_what_the_encoder_descends(recipe, passes):
    recipe = with_schedule(recipe, learning_rate=1e-12)
    run, batch = started(recipe, steps=1000), next(passes(recipe))

    def loss() -> float:
        with torch.no_grad():
            found = terms(run.see(batch), recipe.objective, run.critics, None, generator(0))
            return total(found, recipe.objective, 1.0).item()

    before = loss()
    for _ in range(10):
        run.advance(iter([batch]))
    assert loss() > before + 0.01


def test_the_adversary_changes_the_colours_of_the_first_local_alone(recipe, passes, monkeypatch):
    run, batch = started(recipe), next(passes(recipe))
    shown = []
    run.student.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    torch.nn.init.constant_(run.adversary.head.bias, 0.5)
    run.see(batch)
    assert torch.equal(shown[0][1:], batch.clips()[1:])
    assert not torch.allclose(shown[0][0], batch.clips()[0], atol=0.05)


def test_the_control_recolours_by_the_values_of_its_batch(recipe, passes):
    recipe = with_objective(recipe, information="random")
    run, batch = started(recipe), next(passes(recipe))
    assert run.adversary is None
    shown = []
    run.student.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    run.see(batch)
    run.see(batch._replace(recolouring=torch.zeros(4, PARAMETERS)))
    assert torch.equal(shown[0][1:], batch.clips()[1:])
    assert not torch.allclose(shown[0][0], batch.clips()[0], atol=0.05)
    torch.testing.assert_close(shown[1], batch.clips(), atol=2e-3, rtol=0)


def test_mutual_information_comes_in_over_a_fifth_of_the_steps(recipe, passes):
    recipe = with_objective(recipe, information="club", information_weight=100.0)
    run, given = started(recipe, steps=100), passes(recipe)
    for step, ramp in [(0, 0), (10, 0.5), (20, 1), (90, 1)]:
        run.step = step
        row = run.advance(given)
        rest = row["instance"] + row["look"] + row["region"] + row["match"] + row["direction"] / 2
        assert row["loss"] == pytest.approx(rest + 100 * ramp * row["information"], rel=1e-4)


def test_the_teacher_follows_the_student_and_makes_the_keys(recipe, passes):
    recipe = with_teacher(recipe, momentum=0.75)
    run = started(recipe)
    before = [weight.clone() for weight in run.teacher.parameters()]
    assert_equal(run.teacher.state_dict(), run.student.state_dict())
    run.advance(passes(recipe))
    for old, new, student in zip(before, run.teacher.parameters(), run.student.parameters(), strict=True):
        torch.testing.assert_close(new, 0.75 * old + 0.25 * student)
    batch = next(passes(recipe))
    seen, keys = run.see(batch), run.teacher(batch.clips())
    assert torch.equal(seen.key.instance, keys.instance)
    assert not torch.allclose(seen.query.instance, keys.instance)
    assert seen.query.instance.requires_grad
    assert not any(each.requires_grad for each in seen.key if each is not None)


# Twins


def drawn_twins(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, float, int]]:
    """Where backgrounds, span and seed of the puppets that are drawn from now on will be noted."""
    noted = []

    def noting(backgrounds: torch.Tensor, span: float, rng: torch.Generator) -> torch.Tensor:
        noted.append((backgrounds, span, rng.initial_seed()))
        return twins(backgrounds, span, rng)

    monkeypatch.setattr(under_test, "twins", noting)
    return noted


def test_each_pass_of_each_process_draws_puppets_of_its_own(recipe, passes, monkeypatch):
    recipe, noted = with_schedule(with_objective(recipe, twins=1.0), accumulate=2), drawn_twins(monkeypatch)
    for rank in range(2):
        run, given = Run(recipe, STEPS, 0, CPU, Group(rank, 2)), passes(recipe)
        for _ in range(2):
            run.advance(given)
    seeds = [seed for _, _, seed in noted]
    assert len(set(seeds)) == len(seeds) == 8


def test_puppets_stand_before_the_locals_most_of_which_are_stopped(recipe, passes, monkeypatch):
    recipe, noted = with_objective(recipe, twins=1.0), drawn_twins(monkeypatch)
    run, stopped = started(recipe), []
    for number, batch in zip(range(10), passes(recipe), strict=False):
        run.see(batch, number)
        places, span, _ = noted[-1]
        assert span == recipe.clip.clip_s
        local = batch.clips()[:2]
        for place, clip in zip(places.flatten(0, 1), local.flatten(0, 1), strict=True):
            stopped.append(torch.equal(place, clip[:, :1].expand_as(clip)))
            assert stopped[-1] or torch.equal(place, clip)
    assert 0.6 < sum(stopped) / len(stopped) < 0.9


def test_twins_come_to_be_found(recipe, passes):
    recipe = with_objective(with_schedule(recipe, learning_rate=0.003, warm_up=0), twins=1.0, information=None)
    run, batch, rows = started(recipe, steps=1000), next(passes(recipe)), []
    for _ in range(12):
        run.step = 0  # the same puppets again
        rows.append(run.advance(iter([batch])))
    assert all(math.isfinite(row["twins"]) for row in rows)
    assert sum(row["twins"] for row in rows[-3:]) < 0.8 * sum(row["twins"] for row in rows[:3])


def test_puppets_change_nothing_for_the_other_terms_of_a_first_step(recipe, passes):
    recipe = with_objective(recipe, information=None, direction=False)  # whose first weights would be others
    without, along = (started(with_objective(recipe, twins=weight)).advance(passes(recipe)) for weight in (0.0, 2.0))
    assert along.keys() - without.keys() == {"twins"}
    for name in ("instance", "look", "region", "match"):
        assert along[name] == pytest.approx(without[name], rel=1e-5)
    assert along["loss"] == pytest.approx(without["loss"] + 2 * along["twins"], rel=1e-5)


# Records


def test_a_batch_is_seen_with_its_records(recipe, passes):
    recipe = with_objective(recipe, information="club")
    run = started(recipe)
    batch = next(each for each in passes(recipe) if 0 < each.turned.sum() < 4)
    seen = run.see(batch)
    for view, (regions, bins) in enumerate(zip(seen.regions, seen.bins, strict=True)):
        records = [trio[view] for trio in batch.views]
        for bounds, cells in ((regions, run.regions.shape), (bins, run.bins.shape)):
            assert [each.shape for each in bounds] == [(4, count, 2) for count in cells]
            spans = [(view.start, view.start + view.span) for view in records]  # a `tsm` covers its clips without a gap
            torch.testing.assert_close(bounds.t[..., 0].amin(1), torch.tensor([start for start, _ in spans]))
            torch.testing.assert_close(bounds.t[..., 1].amax(1), torch.tensor([end for _, end in spans]))
    assert torch.equal(seen.turned, batch.turned)
    assert torch.equal(seen.swapped, batch.swapped)
    assert seen.energy.shape == seen.query.regions.shape[:3]
    torch.testing.assert_close(seen.descriptors.mean((0, 1, 2)), torch.zeros(14), atol=1e-4, rtol=0)


def test_without_the_weights_of_motion_no_energy_is_measured(recipe, passes):
    recipe = with_objective(recipe, still=1.0)
    assert started(recipe).see(next(passes(recipe))).energy is None


# A look part that was trained before


def moved(run: Run, part: torch.nn.Module, passes: Passes) -> float:
    """How far a step moves the weights of a part, at most."""
    before = [weight.detach().clone() for weight in part.parameters()]
    run.advance(passes(run.recipe))
    pairs = zip(before, part.parameters(), strict=True)
    return max((was - weight).abs().max().item() for was, weight in pairs)


def test_the_look_part_learns_at_its_own_rate(recipe, passes):
    slow, usual = started(with_schedule(recipe, look_rate=0.25)), started(recipe)
    assert moved(slow, slow.student.encoder.look, passes) == pytest.approx(
        0.25 * moved(usual, usual.student.encoder.look, passes), rel=0.05
    )
    slow, usual = started(with_schedule(recipe, look_rate=0.25)), started(recipe)
    motion = moved(slow, slow.student.encoder.motion, passes)
    assert motion == pytest.approx(moved(usual, usual.student.encoder.motion, passes), rel=0.05)


def test_the_look_part_begins_with_the_weights_it_is_given(recipe, tmp_path):
    lite0 = replace(recipe, encoder=replace(recipe.encoder, look_network="efficientnet_lite0"))
    given, run = started(lite0, seed=1).student.encoder.look, started(lite0)
    torch.save({f"_{name}": value for name, value in given.state_dict().items()}, tmp_path / "lite0.pth")
    run.load_look(tmp_path / "lite0.pth")
    assert_equal(run.student.encoder.look.state_dict(), given.state_dict())


def test_weights_for_another_look_part_are_refused_in_one_sentence(recipe, tmp_path):
    with pytest.raises(TrainingError, match=r"lite0.pth is for a look part of EfficientNet-Lite0; use recipe default"):
        started(recipe).load_look(tmp_path / "lite0.pth")


def test_a_run_and_its_teacher_begin_with_an_encoder_that_was_trained(recipe, tmp_path):
    given, run = started(recipe, seed=1).student.encoder, started(with_teacher(recipe))
    save_encoder(given, recipe.clip, tmp_path / "trained.safetensors")
    trained = load_encoder(tmp_path / "trained.safetensors")
    run.begin_with(trained)
    for network in (run.student, run.teacher):
        assert_equal(network.encoder.motion.state_dict(), trained.encoder.motion.state_dict())
    assert run.beginning == Beginning("trained.safetensors", trained.fingerprint, ("look", "motion"))
