from dataclasses import replace

import pytest
import torch
from torch import Tensor

from encoder.model import Encoder
from encoder.transforms import normalise
from training.objective import Objective
from training.student import CELL_DIM, DIM, Student, spread

BARE = Objective(instance=None, region="coverage", information=None, match=False, direction=False)
TWINS = replace(BARE, region=None, twins=1.0)


@pytest.fixture
def clips() -> Tensor:
    """(3, 2, 3, 4, 32, 32): three views of two videos."""
    return torch.rand(3, 2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0))


def student_of(recipe, objective: Objective, **encoder: object) -> Student:
    torch.manual_seed(0)
    return Student(Encoder(replace(recipe.encoder, **encoder)), objective)


@pytest.mark.parametrize(
    ("objective", "heads"),
    [
        (Objective(), {"instance", "regions", "cells", "bins"}),
        (replace(BARE, region=None, instance="queue"), {"instance"}),
        (BARE, {"regions"}),
        (replace(BARE, information="club"), {"regions", "cells"}),
        (replace(BARE, region=None, match=True), {"bins"}),
        (replace(BARE, region=None, direction=True), {"bins"}),
    ],
)
def test_there_is_a_head_for_each_term_and_for_nothing_else(recipe, clips, objective, heads):
    student = student_of(recipe, objective)
    embedded = student(clips)
    assert {name for name in embedded._fields if getattr(embedded, name) is not None} == heads | {"look"}
    assert {name for name, _ in student.named_children()} == {"encoder", "look"} | heads - {"cells"}


def test_without_a_look_part_there_is_no_look_head(recipe, clips):
    assert student_of(recipe, Objective(), look_dim=0, motion_weight=1.0)(clips).look is None


@pytest.mark.parametrize(("network", "frames", "size"), [("tsm", 4, 32), ("r3d_18", 8, 32), ("s3d", 16, 48)])
def test_embeddings_have_the_shapes_of_the_lattices(recipe, network, frames, size):
    student = student_of(recipe, replace(Objective(), information="club"), network=network, cells=(1, 1, 1))
    with torch.inference_mode():
        embedded = student(torch.rand(3, 2, 3, frames, size, size))
    regions, bins = student.region_lattice(frames, size), student.bin_lattice(frames, size)
    count = regions.shape[0] * regions.shape[1] * regions.shape[2]
    assert embedded.instance.shape == embedded.look.shape == (3, 2, DIM)
    assert embedded.regions.shape == (3, 2, count, CELL_DIM)
    assert embedded.cells.shape == (3, 2, count, student.encoder.motion.region_channels)
    assert embedded.bins.shape == (3, 2, bins.shape[0], DIM)


def test_all_views_share_one_pass(recipe, clips):
    student = student_of(recipe, Objective())
    seen = []
    student.encoder.motion.stem.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    student(clips)
    assert seen == [3 * 2 * 4]  # frames


def test_each_clip_is_embedded_as_if_it_were_alone(recipe, clips):
    student = student_of(recipe, replace(Objective(), information="club")).eval()
    with torch.inference_mode():
        together = student(clips)
        for view in range(3):
            for video in range(2):
                alone = student(clips[view, video][None, None])
                for all_of_them, one in zip(together, alone, strict=True):
                    torch.testing.assert_close(all_of_them[view, video], one[0, 0], atol=1e-5, rtol=1e-4)


def test_cells_and_bins_are_those_of_the_encoders_maps(recipe, clips):
    student = student_of(recipe, replace(Objective(), information="club")).eval()
    with torch.inference_mode():
        embedded, maps = student(clips), student.encoder.motion_maps(normalise(clips[1]))
        time, rows, columns = student.region_lattice(4, 32).shape
        for number, (t, y, x) in enumerate((t, y, x) for t in range(time) for y in range(rows) for x in range(columns)):
            torch.testing.assert_close(embedded.cells[1, :, number], maps.regions[:, :, t, y, x])
            torch.testing.assert_close(embedded.regions[1, :, number], student.regions(maps.regions[:, :, t, y, x]))
        for t in range(student.bin_lattice(4, 32).shape[0]):
            torch.testing.assert_close(embedded.bins[1, :, t], student.bins(maps.final[:, :, t].mean((2, 3))))
        torch.testing.assert_close(embedded.instance[1], student.instance(maps.final.mean((2, 3, 4))))


# Twins


def test_there_is_a_head_for_twins_only_if_they_count(recipe):
    assert {name for name, _ in student_of(recipe, TWINS).named_children()} == {"encoder", "look", "twins"}
    assert student_of(recipe, replace(TWINS, twins=0.0, match=True)).twins is None


def test_twins_are_embedded_by_the_motion_feature(recipe, clips):
    student = student_of(recipe, TWINS).eval()
    with torch.inference_mode():
        found = student.embed_twins(clips[:2])
        assert found.shape == (2, 2, DIM)
        for half in range(2):
            feature = student.encoder.motion_feature(normalise(clips[half]))
            torch.testing.assert_close(found[half], student.twins(feature))


def test_twins_train_the_motion_part_and_its_head_alone(recipe, clips):
    student = student_of(recipe, TWINS)
    student.embed_twins(clips[:2]).square().sum().backward()
    for name, weight in student.named_parameters():
        trained = name.startswith(("encoder.motion.", "twins."))
        assert (weight.grad is not None and bool((weight.grad != 0).any())) == trained, name


def test_twins_leave_no_trace_in_the_statistics_of_batch_norm(recipe, clips):
    def statistics(student: Student) -> list[Tensor]:
        return [value.clone() for name, value in student.named_buffers() if "running" in name]

    student = student_of(recipe, TWINS)
    student(clips)
    before = statistics(student)
    student.embed_twins(clips[:2])
    assert before
    assert all(torch.equal(old, new) for old, new in zip(before, statistics(student), strict=True))
    student(clips[:2])  # what views are remembered by is as it was
    assert not any(torch.equal(old, new) for old, new in zip(before, statistics(student), strict=True))


def test_twins_are_normalised_by_their_own_statistics_while_training(recipe, clips):
    student = student_of(recipe, TWINS)
    first = student.embed_twins(clips[:2])
    student(clips)
    torch.testing.assert_close(student.embed_twins(clips[:2]), first)
    assert not torch.allclose(student.eval().embed_twins(clips[:2]), first, atol=1e-3)


# Spread


def test_spread_is_zero_of_equal_embeddings_and_one_of_those_that_fill_the_sphere():
    one, many = torch.randn(1, 128), torch.randn(500, 128, generator=torch.Generator().manual_seed(0))
    assert spread(one.expand(50, -1) * torch.rand(50, 1)) == pytest.approx(0, abs=1e-3)
    assert spread(many) == pytest.approx(1, abs=0.01)
    assert spread(torch.stack([one, -one]).squeeze(1)) == pytest.approx(1)


def test_spread_is_the_mean_over_views():
    apart, alike = torch.eye(2), torch.ones(2, 2)
    assert spread(apart) == pytest.approx(0.5**0.5)
    assert spread(torch.stack([apart, alike, alike])) == pytest.approx(0.5**0.5 / 3, abs=1e-3)
