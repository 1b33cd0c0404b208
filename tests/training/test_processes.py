"""Several processes do what one does; started as a program, this file is one of them.

On a CPU batch-norm has no statistics of several processes together, so where steps are compared it is in eval mode.
"""

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from encoder.checkpoint import load_encoder
from training.batches import Batches, stream
from training.cache import Frames
from training.curves import read_metrics
from training.processes import Group, gather, joined, local_device, made_once, sum_gradients, wait_for_all
from training.recipes import Recipe, Teacher
from training.run import Run
from training.train import train

CPU = torch.device("cpu")
CASES = ("adversary", "club", "queue")  # the whole method, and what else a step may consist of


def recipe_of(recipe: Recipe, case: str) -> Recipe:
    if case == "queue":
        return replace(recipe, objective=replace(recipe.objective, instance="queue"), teacher=Teacher(queue=16))
    return replace(recipe, objective=replace(recipe.objective, information=case))


def step(recipe: Recipe, films: Sequence[Frames], group: Group) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """The terms of the second step, in which mutual information counts, and every gradient it descends or climbs."""
    run = Run(recipe, 4, 0, CPU, group)
    for network in filter(None, (run.student, run.teacher)):
        network.eval()
    run.step = 1
    gradients: dict[str, torch.Tensor] = {}

    def keep(*_: object) -> None:
        for name, module in run._modules().items():
            for key, weight in module.named_parameters():
                if weight.grad is not None:
                    gradients[f"{name}.{key}"] = weight.grad.clone()

    run.optimisers["descend"].register_step_pre_hook(keep)
    batches = Batches(
        films, recipe.cache_fps, recipe.views, recipe.clip.size, recipe.schedule.batch, 0,
        rank=group.rank, processes=group.size,
    )  # fmt: skip
    row = run.advance(stream(batches, 0))
    return {name: value for name, value in row.items() if name != "waited"}, gradients


def take_part(work: Path) -> None:
    """What each of the processes does."""
    recipe, films = pickle.loads((work / "given").read_bytes())
    with joined(CPU) as group:
        own = torch.full((2, 1), float(group.rank + 1), requires_grad=True)
        joint = gather(own, dim=1)
        (joint * torch.tensor([1.0, 10.0])).sum().backward()
        linear = torch.nn.Linear(1, 1)
        linear(torch.ones(1, 1) * (group.rank + 1)).sum().backward()
        sum_gradients(linear)
        found = {
            "group": group,
            "gathered": joint.detach(),
            "own_gradient": own.grad,
            "summed_gradient": linear.weight.grad,
            "made_by": made_once(os.getpid, group),
            "process": os.getpid(),
            "steps": {case: step(recipe_of(recipe, case), films, group) for case in CASES},
            "trained": train(recipe, films, work / "out", group=group),
        }
        (work / f"found-{group.rank}").write_bytes(pickle.dumps(found))
        wait_for_all()


@pytest.fixture(scope="module")
def two(recipe, films, tmp_path_factory) -> list[SimpleNamespace]:
    """What each of two processes found."""
    work = tmp_path_factory.mktemp("two")
    (work / "given").write_bytes(pickle.dumps((recipe, films)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error::FutureWarning", __file__, str(work)]
    started = [
        subprocess.Popen(command, env={**shared, "RANK": rank}, stderr=subprocess.PIPE, text=True) for rank in "01"
    ]
    for process in started:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    return [SimpleNamespace(work=work, **pickle.loads((work / f"found-{rank}").read_bytes())) for rank in range(2)]


def test_processes_know_their_rank_and_the_first_one_leads(two):
    assert [each.group for each in two] == [Group(0, 2), Group(1, 2)]
    assert [each.group.leads for each in two] == [True, False]


def test_what_processes_hold_is_joined_in_the_order_of_their_ranks(two):
    for each in two:
        assert each.gathered.tolist() == [[1, 2], [1, 2]]


def test_each_process_gets_the_gradient_of_its_own_part_and_all_get_the_sum(two):
    assert [each.own_gradient.flatten().tolist() for each in two] == [[1, 1], [10, 10]]
    assert [each.summed_gradient.item() for each in two] == [3, 3]


def test_the_leading_process_makes_what_all_use(two):
    assert two[0].made_by == two[1].made_by == two[0].process != two[1].process


@pytest.mark.parametrize("case", CASES)
def test_two_processes_take_the_step_of_one_with_the_whole_batch(two, recipe, films, case):
    terms, gradients = step(recipe_of(recipe, case), films, Group())
    for each in two:
        found, found_gradients = each.steps[case]
        assert found == pytest.approx(terms, rel=1e-4)
        assert found_gradients.keys() == gradients.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(found_gradients[name], gradient, atol=1e-5, rtol=1e-3, msg=name)


def test_gradients_reach_every_network_of_a_step(two):
    reached = [{name.split(".")[0] for name in two[0].steps[case][1]} for case in CASES]
    assert reached == [{"student", "critics", "adversary"}, {"student", "critics"}, {"student", "critics", "adversary"}]


def test_a_run_of_two_processes_writes_its_files_once(two, recipe):
    out = two[0].work / "out"
    assert {each.trained for each in two} == {out / "encoder.safetensors"}
    assert load_encoder(out / "encoder.safetensors").config == recipe.encoder
    assert [row["step"] for row in read_metrics(out / "metrics.jsonl")] == [0, 1, 2, 3]
    assert len(list((out / "tensorboard").iterdir())) == 1
    assert {path.name for path in out.iterdir()} == {
        "curves.png", "encoder.safetensors", "metrics.jsonl", "state.pt", "tensorboard"
    }  # fmt: skip


def test_alone_everything_stays_where_it_is(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    given = torch.ones(2)
    with joined(CPU) as group:
        assert group == Group(0, 1)
        assert group.leads
        assert gather(given) is given
        assert made_once(lambda: 7, group) == 7
        wait_for_all()


def test_each_process_gets_a_gpu_of_its_own_unless_told_otherwise(monkeypatch):
    assert local_device("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert local_device(None) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert local_device(None) == torch.device("cuda:0")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert local_device(None) == local_device("cuda") == torch.device("cuda:1")
    assert local_device("cuda:0") == torch.device("cuda:0")


if __name__ == "__main__":
    take_part(Path(sys.argv[1]))
