import itertools
from collections.abc import Callable
from dataclasses import replace
from math import pi

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from training import puppets as under_test
from training.puppets import Movements, draw_movements, twins

SPAN = 2.0
DOFS = list(under_test._DOFS)
TRUNK, LEGS = (0, 1, 2), range(11, 17)  # joints
SHOULDERS, HIPS = (3, 7), (11, 14)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def evenly(count: int, frames: int = 9) -> Tensor:
    """(B, T) seconds from the first to the last of a movement."""
    return torch.linspace(0, SPAN, frames).expand(count, -1)


def greys(count: int, frames: int = 4, size: int = 24) -> Tensor:
    """(2, B, 3, T, S, S) backgrounds of one grey each, row i the same in both halves."""
    shades = (torch.arange(count) + 1) / (count + 1)
    return shades.view(1, -1, 1, 1, 1, 1).expand(2, -1, 3, frames, size, size)


def posed(**values: float) -> Tensor:
    """(J, 3) joints of an average body at rest but for these values."""
    pose = under_test._REST.clone()
    for name, value in values.items():
        pose[DOFS.index(name)] = value
    bones = torch.tensor([[*under_test._BONES.values()]])
    return under_test._joints(pose.view(1, 1, -1), bones)[0, 0]


@pytest.fixture
def filmed(monkeypatch) -> Callable[..., tuple[Tensor, "under_test._Figures"]]:
    """filmed(backgrounds, seed) -> what `twins` gives, and the figures it has drawn, those of both halves in a row."""
    drawn: list[under_test._Figures] = []
    draw = under_test._draw

    def noting(figures: "under_test._Figures", backgrounds: Tensor) -> Tensor:
        drawn.append(figures)
        return draw(figures, backgrounds)

    monkeypatch.setattr(under_test, "_draw", noting)
    return lambda backgrounds, seed=0: (twins(backgrounds, SPAN, seeded(seed)), drawn[-1])


# Movements


def test_every_fourth_movement_is_the_one_before_it_backwards():
    values = draw_movements(11, SPAN, seeded(0)).at(evenly(11))
    for row in (3, 7):
        torch.testing.assert_close(values[row], values[row - 1].flip(0), atol=1e-5, rtol=0)
    different = [(one - other).abs().max() for one, other in itertools.combinations(values, 2)]
    assert min(different) > 0.01


def test_without_moves_and_swing_a_puppet_stands_still():
    movements = draw_movements(6, SPAN, seeded(0))
    still = replace(movements, moves=torch.zeros_like(movements.moves), swing=torch.zeros_like(movements.swing))
    assert torch.equal(still.at(evenly(6)), still.base[:, None].expand(-1, 9, -1))


def test_a_move_goes_all_its_way_between_its_begin_and_its_end():
    parts = {name: torch.zeros(1, 1) for name in ("base", "swing", "pace", "phase")}
    moves, begins, ends = (torch.tensor(each).view(1, 1, 2) for each in ([0.4, -1.0], [0.5, 1.2], [1.0, 1.4]))
    one = Movements(**parts, moves=moves, begins=begins, ends=ends, backwards=torch.tensor([False]), span=SPAN)
    values = one.at(torch.tensor([[0.0, 0.5, 0.75, 1.0, 1.1, 1.3, 1.4, 2.0]])).flatten()
    assert values.tolist() == pytest.approx([0, 0, 0.2, 0.4, 0.4, -0.1, -0.6, -0.6], abs=1e-6)


def test_a_swing_is_a_sine():
    parts = {"swing": 0.3, "pace": 4.0, "phase": 1.0, "base": 0.5}
    movements = draw_movements(1, SPAN, seeded(0))
    movements = replace(
        movements,
        moves=torch.zeros_like(movements.moves),
        **{name: torch.full_like(movements.base, value) for name, value in parts.items()},
    )
    times = evenly(1)
    expected = 0.5 + 0.3 * torch.sin(4 * times + 1)
    torch.testing.assert_close(movements.at(times), expected[..., None].expand(-1, -1, len(DOFS)))


def test_moves_stay_within_what_a_joint_can_do_and_most_puppets_move():
    movements = draw_movements(500, SPAN, seeded(0))
    values = replace(movements, swing=torch.zeros_like(movements.swing)).at(evenly(500))
    assert (values >= under_test._LOWEST - 1e-5).all()
    assert (values <= under_test._HIGHEST + 1e-5).all()
    travelled = (movements.at(evenly(500)).diff(dim=1) / (under_test._HIGHEST - under_test._LOWEST)).abs().sum((1, 2))
    assert (travelled > 0.5).float().mean() > 0.95


# Bodies


def test_bones_keep_their_length_in_every_pose():
    bones = torch.rand(5, len(under_test._BONES), generator=seeded(0)) + 0.1
    joints = under_test._joints(3 * torch.randn(5, 20, len(DOFS), generator=seeded(1)), bones)
    length = dict(zip(under_test._BONES, bones.T, strict=True))
    between = [(start, end) for start, end, *_ in under_test._PARTS]
    chain = ["trunk", "head", *["upper_arm", "forearm", "hand"] * 2, *["thigh", "shin"] * 2, "shoulders", "hips"]
    length |= {"trunk": length["trunk"], "hand": torch.full((5,), under_test._HAND)}
    length |= {"shoulders": 2 * length["shoulder"], "hips": 2 * length["hip"]}
    for (start, end), bone in zip(between, chain, strict=True):
        found = (joints[:, :, start] - joints[:, :, end]).norm(dim=-1)
        expected = length[bone] + (under_test._NECK if bone == "trunk" else 0)
        torch.testing.assert_close(found, expected[:, None].expand(-1, 20), atol=1e-5, rtol=1e-4)


def test_bodies_differ_in_every_bone_and_some_are_like_no_human():
    factors = under_test._bones(1000, seeded(0)) / torch.tensor([*under_test._BONES.values()])
    usual = factors.log().abs() < 0.3
    assert (usual.float().mean(0) < 0.95).all()
    assert 0.75 < usual.all(1).float().mean() < 0.9


def test_at_rest_a_puppet_is_one_body_height_tall_and_as_wide_on_both_sides():
    x, y, _ = posed().T
    assert 0.85 < y.max() - y.min() < 1
    assert y.argmax() == TRUNK[-1]
    assert set(y.argsort()[:2].tolist()) == {13, 16}
    torch.testing.assert_close(x[[*range(3, 7), *LEGS[:3]]], -x[[*range(7, 11), *LEGS[3:]]])


@pytest.mark.parametrize(("lean", "bow"), [(0.4, 0.0), (0.0, 1.2), (-0.3, 0.8), (0.0, -0.3)])
def test_who_leans_does_so_to_the_right_and_who_bows_to_the_front_with_shoulders_square_to_the_trunk(lean, bow):
    joints = posed(lean_side=lean, lean_front=bow)
    trunk = joints[1] - joints[0]
    assert torch.atan2(trunk[0], trunk[1]).item() == pytest.approx(lean, abs=1e-6)
    assert torch.asin(trunk[2] / trunk.norm()).item() == pytest.approx(bow, abs=1e-6)
    for left, right in (SHOULDERS, HIPS):
        across = joints[right] - joints[left]
        assert across[0] > 0
        assert (trunk @ across).item() == pytest.approx(0, abs=1e-6)


def test_arms_and_legs_go_out_and_to_the_front_and_knees_bend_back():
    rest = posed()
    for side, hand, foot in (("l", 6, 13), ("r", 10, 16)):
        outwards = -1 if side == "l" else 1
        assert (posed(**{f"arm_out_{side}": 1.0})[hand, 0] - rest[hand, 0]) * outwards > 0.1
        assert (posed(**{f"leg_out_{side}": 0.7})[foot, 0] - rest[foot, 0]) * outwards > 0.1
        for front in ("arm_front", "elbow"):
            assert posed(**{f"{front}_{side}": 1.2})[hand, 2] > rest[hand, 2] + 0.1
        assert posed(**{f"leg_front_{side}": 1.0})[foot, 2] > rest[foot, 2] + 0.1
        assert posed(**{f"knee_{side}": -1.0})[foot, 2] < rest[foot, 2] - 0.1


def test_a_half_turn_shows_the_back_and_a_roll_turns_the_picture():
    pose = {"arm_out_l": 1.0, "elbow_r": 1.5, "x": 0.1}
    body, back, rolled = posed(**pose), posed(**pose, turn=pi), posed(**pose, roll=pi / 2)
    pivot = body[0]
    torch.testing.assert_close(back - pivot, (body - pivot) * torch.tensor([-1.0, 1, -1]), atol=1e-6, rtol=0)
    torch.testing.assert_close((rolled - pivot)[:, 0], -(body - pivot)[:, 1], atol=1e-6, rtol=0)
    torch.testing.assert_close((rolled - pivot)[:, 1], (body - pivot)[:, 0], atol=1e-6, rtol=0)


# Pictures


def test_the_distance_to_a_line_is_that_of_a_slow_loop():
    lines = torch.rand(2, 3, 2, 2, generator=seeded(0)) * 1.5 - 0.25
    lines[0, 0, 1] = lines[0, 0, 0]  # a point
    centres = (torch.arange(5) + 0.5) / 5
    found = under_test._distance(lines, centres)
    for b, t, i, j in itertools.product(range(2), range(3), range(5), range(5)):
        start, end = lines[b, t]
        along = torch.lerp(start, end, torch.linspace(0, 1, 2001)[:, None])
        expected = (along - torch.stack([centres[j], centres[i]])).norm(dim=1).min()
        assert found[b, t, i, j].item() == pytest.approx(expected.item(), abs=1e-3)


def crossing(front: float) -> "under_test._Figures":
    """A trunk across the picture, and hips from top to bottom, nearer by `front`; all else is far outside."""
    points, depth = torch.full((1, 1, 17, 2), -9.0), torch.zeros(1, 1, 17)
    points[..., TRUNK, :] = torch.tensor([[0.1, 0.5], [0.9, 0.5], [0.9, 0.5]])
    points[..., LEGS, :] = torch.tensor([[0.5, 0.1]] * 3 + [[0.5, 0.9]] * 3)
    depth[..., LEGS] = front
    red = torch.tensor([number in TRUNK for number, *_ in under_test._PARTS])[:, None]
    colours = torch.where(red, torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1]))
    return under_test._Figures(points, depth, torch.full((1, len(red)), 0.1), colours[None])


def test_what_is_nearer_covers_what_is_farther():
    black = torch.zeros(1, 3, 1, 30, 30)
    for front, at_crossing in ((1.0, 2), (-1.0, 0)):
        picture = under_test._draw(crossing(front), black)[0, :, 0]
        assert picture[:, 15, 15].argmax() == at_crossing
        assert picture[:, 15, 15].sum() == pytest.approx(1, abs=0.02)
        for row, column, colour in ((15, 5, 0), (15, 24, 0), (5, 15, 2), (24, 15, 2)):
            assert picture[:, row, column].argmax() == colour
        assert (picture[:, :10, :10] == 0).all()


def test_a_part_is_as_thick_as_its_radius_and_darker_towards_its_edge():
    column = under_test._draw(crossing(1.0), torch.zeros(1, 3, 1, 60, 60))[0, 0, 0, :, 12]  # of the trunk
    assert (column > 0).sum().item() == pytest.approx(2 * 0.1 * 60, abs=2)
    upper, lower = column[:30], column[30:].flip(0)
    torch.testing.assert_close(upper, lower)
    inside = upper[upper > 0]
    assert (inside.diff() >= 0).all()
    assert inside[-1] == 1


# Twins


def test_a_generator_decides_the_clips():
    first, same, other = (twins(greys(5), SPAN, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.allclose(first, other, atol=0.1)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_twins_are_two_clips_of_each_movement_whatever_their_number(count):
    backgrounds = greys(count, frames=3, size=16)
    found = twins(backgrounds, SPAN, seeded(0))
    assert found.shape == (2, count, 3, 3, 16, 16)
    assert found.dtype == backgrounds.dtype
    assert 0 <= found.min() <= found.max() <= 1
    assert all(not torch.allclose(one, other, atol=0.1) for one, other in zip(*found, strict=True))


def test_most_puppets_cover_a_part_of_the_picture_in_each_frame_and_move(filmed):
    clips, _ = filmed(greys(1, size=32).expand(2, 100, -1, -1, -1, -1))
    covered = ((clips - 0.5).abs().amax(2) > 0.01).float().mean((-2, -1)).flatten(0, 1)  # (2 B, T)
    assert ((covered > 0.02) & (covered < 0.8)).all(1).float().mean() > 0.9
    moving = (clips.diff(dim=3).abs().amax(2) > 0.05).flatten(0, 1).flatten(2).any(-1)  # (2 B, T - 1)
    assert moving.any(1).float().mean() > 0.95


def neighbours(same: Tensor) -> set[tuple[int, int]]:
    """The pairs of rows that a (B, B) matrix calls the same."""
    return {(i, j) for i, j in itertools.combinations(range(len(same)), 2) if same[i, j]}


@pytest.mark.parametrize(
    ("count", "pairs"),
    [
        (8, [{(0, 1), (2, 3), (4, 5), (6, 7)}, {(0, 7), (1, 2), (3, 4), (5, 6)}]),
        (5, [{(0, 1), (2, 3)}, {(0, 4), (1, 2)}]),
    ],
)
def test_neighbours_wear_the_same_in_the_same_place_and_others_in_each_half(filmed, count, pairs):
    backgrounds = greys(count)
    clips, figures = filmed(backgrounds)
    for half, expected in zip(range(2), pairs, strict=True):
        rows = slice(half * count, (half + 1) * count)
        colours, radii = figures.colours[rows], figures.radii[rows]
        looks = torch.cat([colours.flatten(1), radii / radii[:, :1]], 1)  # cameras are nearer or farther
        assert neighbours(torch.cdist(looks, looks) < 1e-5) == expected
        pixels = clips[half].flatten(1)[:, None] - backgrounds[half, :, :1, :1, :1, :1].flatten()[:, None]
        places = (pixels == 0).sum(-1).argmax(1)  # whose grey most pixels have
        assert neighbours(places[:, None] == places) == expected


def test_the_twin_is_found_by_how_it_moves_and_not_by_how_it_looks(filmed):
    """Even though row i of both halves is given the same background, as it is when both are views of one video."""
    count, looks, moves = 32, [], []
    for seed in range(4):
        clips, figures = filmed(greys(count, frames=8, size=16), seed)
        colours = clips.mean((3, 4, 5))
        looks.append(torch.cdist(*colours).argmin(1) == torch.arange(count))
        paths = normalize((figures.points - figures.points.mean(1, keepdim=True)).flatten(1))
        one, other = paths.split(count)
        moves.append((one @ other.T).argmax(1) == torch.arange(count))
    assert torch.cat(looks).float().mean() < 0.1  # chance is 1 in 32
    assert torch.cat(moves).float().mean() > 0.5


def test_half_of_the_clips_are_mirrored(filmed):
    backgrounds = torch.full((2, 60, 3, 1, 16, 16), 0.5)
    clips, figures = filmed(backgrounds)
    plain = under_test._draw(figures, backgrounds.flatten(0, 1))
    as_drawn = (clips.flatten(0, 1) == plain).flatten(1).all(1)
    mirrored = (clips.flatten(0, 1) == plain.flip(-1)).flatten(1).all(1)
    assert (as_drawn | mirrored).all()
    assert 0.35 < mirrored.float().mean() < 0.65
