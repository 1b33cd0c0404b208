import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from encoder.lattice import Lattice
from training.render import render
from training.views import (
    Bounds,
    Box,
    Photometry,
    View,
    ViewSpec,
    cell_bounds,
    coverage,
    distance,
    plain_view,
    sample_clips,
    sample_views,
    time_coverage,
)

SPEC = ViewSpec(frames=8)
LATTICE = Lattice((4, 4, 4), (2.0, 8.0, 8.0), (1.0, 4.0, 4.0))  # blocks of 2 frames and 8 x 8 of 32 x 32 pixels


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("duration", [0.04, 1.0, 2.5, 60.0])
def test_the_global_view_spans_both_locals_and_lies_in_the_video(duration):
    for seed in range(50):
        first, second, whole = sample_views(duration, seeded(seed), SPEC)
        assert whole.stride == pytest.approx(2 * first.stride)
        assert first.stride == second.stride
        assert whole.start >= 0
        assert whole.start + whole.span <= max(duration, 1e-3) + 1e-9
        half = whole.start + whole.span / 2
        for view, anchor in ((first, whole.start), (second, half)):
            assert abs(view.start - anchor) <= whole.span / 8 + 1e-9
            assert whole.start <= view.start
            assert view.start + view.span <= whole.start + whole.span + 1e-9


def test_strides_and_areas_fill_their_ranges():
    drawn = [sample_views(60, seeded(seed), SPEC) for seed in range(300)]
    strides = [views.first.stride for views in drawn]
    assert SPEC.shortest_stride <= min(strides) < 0.07
    assert 0.18 < max(strides) <= SPEC.longest_stride
    local = [views.first.box.width * views.first.box.height for views in drawn]
    whole = [views.whole.box.width * views.whole.box.height for views in drawn]
    assert 0.29 < min(local) < 0.35
    assert 0.55 < min(whole) < 0.65
    assert max(local) <= 1


def test_all_views_of_a_video_are_reversed_or_none_and_only_when_asked():
    assert not any(view.reversed for seed in range(40) for view in sample_views(9, seeded(seed), SPEC))
    drawn = [sample_views(9, seeded(seed), SPEC, reverse=True) for seed in range(200)]
    assert all(len({view.reversed for view in views}) == 1 for views in drawn)
    assert 70 < sum(views.whole.reversed for views in drawn) < 130


def test_one_scale_clips_lie_anywhere_in_the_video():
    starts = [view.start for seed in range(100) for view in sample_clips(20, seeded(seed), SPEC)]
    assert min(starts) < 1
    assert max(starts) > 16


def test_a_seed_decides_the_views():
    assert sample_views(9, seeded(1), SPEC) == sample_views(9, seeded(1), SPEC)
    assert sample_views(9, seeded(1), SPEC) != sample_views(9, seeded(2), SPEC)


def test_a_wrong_record_cannot_travel():
    with pytest.raises(ValueError, match="lies inside the picture"):
        Box(0.5, 0, 0.6, 1)
    with pytest.raises(ValueError, match="stride above zero"):
        View(Box(0, 0, 1, 1), 0, 0, 8)
    with pytest.raises(ValueError, match="frames and strides"):
        ViewSpec(frames=0)


# Pixels


def ramps(frames: int = 80, size: int = 48) -> np.ndarray:
    """A video whose red is x, green is y and blue is time, each from 0 to 1 over its extent."""
    video = np.empty((frames, size, size, 3))
    place = (np.arange(size) + 0.5) / size
    video[..., 0], video[..., 1] = place, place[:, None]
    video[..., 2] = ((np.arange(frames) + 0.5) / frames)[:, None, None]
    return (video * 255).round().astype(np.uint8)


def geometry(flipped: bool, reversed_: bool, start: float = 1.3) -> View:
    return View(Box(0.2, 0.1, 0.5, 0.8), start, 0.5, 8, flipped, reversed_)


def pooled(clips: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool3d(clips, (2, 8, 8))


@pytest.mark.parametrize(("flipped", "reversed_"), list(itertools.product([False, True], repeat=2)))
def test_each_cell_shows_the_place_and_time_its_record_says(flipped, reversed_):
    fps = 8.0
    view = geometry(flipped, reversed_)
    shown = pooled(render([ramps()], [view], fps, 32))[0]
    bounds = cell_bounds([view], LATTICE, 32)
    t, y, x = (each[0].mean(-1) for each in bounds)
    torch.testing.assert_close(shown[0], x.expand(4, 4, 4), atol=0.012, rtol=0)
    torch.testing.assert_close(shown[1], y[:, None].expand(4, 4, 4), atol=0.012, rtol=0)
    torch.testing.assert_close(shown[2] * 10, t[:, None, None].expand(4, 4, 4), atol=0.1, rtol=0)  # of 10 s


@pytest.mark.parametrize(("flipped", "reversed_", "mirrored"), list(itertools.product([False, True], repeat=3)))
def test_coordinate_features_carried_by_the_overlap_come_back_equal(flipped, reversed_, mirrored):
    """Of two views shifted by exactly one cell in time, height and width, 3 x 3 x 3 cells show the same."""
    one = View(Box(0.2, 0.2, 0.8, 0.8), 2.0, 0.5, 8, mirrored)
    other = View(Box(0.0, 0.0, 0.8, 0.8), 1.0, 0.5, 8, flipped, reversed_)
    own, theirs = (render([ramps()], [view], 8.0, 32) for view in (one, other))
    shares = coverage(*(cell_bounds([view], LATTICE, 32) for view in (one, other)))[0]
    covered = shares.sum(-1) > 0.5
    assert covered.sum() == 27
    torch.testing.assert_close(shares[covered].sum(-1), torch.ones(27))
    carried = shares @ pooled(theirs)[0].flatten(1).T
    torch.testing.assert_close(carried[covered], pooled(own)[0].flatten(1).T[covered], atol=0.012, rtol=0)


@pytest.mark.parametrize(("flipped", "reversed_"), list(itertools.product([False, True], repeat=2)))
def test_a_cell_inside_another_view_is_covered_by_it_whole(flipped, reversed_):
    local = View(Box(0.3, 0.3, 0.4, 0.4), 2.0, 0.25, 8)
    whole = View(Box(0.1, 0.1, 0.8, 0.8), 1.0, 0.5, 8, flipped, reversed_)
    shares = coverage(*(cell_bounds([view], LATTICE, 32) for view in (local, whole)))
    torch.testing.assert_close(shares.sum(-1), torch.ones(1, 64))


def slow_coverage(cells: Bounds, others: Bounds, row: tuple, column: tuple) -> float:
    shared = 1.0
    for own, other, i, j in zip(cells, others, row, column, strict=True):
        a, b = own[0, i].tolist(), other[0, j].tolist()
        shared *= max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / (a[1] - a[0])
    return shared


def test_coverage_and_distance_are_those_of_a_slow_loop():
    first, _, whole = sample_views(12, seeded(3), SPEC, reverse=True)
    inner, outer = (cell_bounds([view], LATTICE, 32) for view in (replace(first, flipped=True), whole))
    fast, apart = coverage(inner, outer)[0], distance(inner, outer)[0]
    cells = list(itertools.product(range(4), repeat=3))
    for i, j in itertools.product(range(0, 64, 5), range(0, 64, 3)):
        assert fast[i, j].item() == pytest.approx(slow_coverage(inner, outer, cells[i], cells[j]), abs=1e-5)
        squares = 0.0
        for own, other, a, b in zip(inner, outer, cells[i], cells[j], strict=True):
            gap = own[0, a].mean() - other[0, b].mean()
            squares += (gap / (other[0, b, 1] - other[0, b, 0])).item() ** 2
        assert apart[i, j].item() == pytest.approx(squares**0.5, rel=1e-4)


@pytest.mark.parametrize("measure", [coverage, distance])
def test_some_rows_are_measured_as_they_are_among_all(measure):
    lattice = Lattice((4, 2, 3), (2.0, 16.0, 10.0), (1.0, 8.0, 5.0))
    drawn = [sample_views(12, seeded(seed), SPEC, reverse=True) for seed in range(3)]
    cells = cell_bounds([views.first for views in drawn], lattice, 32)
    others = cell_bounds([views.whole for views in drawn], LATTICE, 32)
    rows = torch.tensor([17, 0, 23, 5, 5])
    found = measure(cells, others, rows)
    assert found.shape == (3, 5, 64)
    assert torch.equal(found, measure(cells, others)[:, rows])


def test_time_coverage_is_coverage_of_equal_boxes():
    whole = plain_view(0, 0.5, 8)
    local = plain_view(0, 0.25, 8)
    inner, outer = (cell_bounds([view], LATTICE, 32) for view in (local, whole))
    expected = torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
    torch.testing.assert_close(time_coverage(inner, outer)[0], expected)


def test_a_plain_view_shows_the_frames_as_they_are():
    video = ramps(size=32)
    shown = render([video], [plain_view(0, 1 / 8, 8)], 8.0, 32)
    torch.testing.assert_close(shown[0], torch.from_numpy(video[:8]).permute(3, 0, 1, 2) / 255, atol=1e-5, rtol=0)


def test_frames_are_recoloured_alike_and_stay_in_range():
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8), 40, 0)
    for seed in range(10):
        for view in sample_views(5, seeded(seed), SPEC):
            shown = render([still], [view], 8.0, 32)
            assert torch.equal(shown, shown[:, :, :1].expand_as(shown))
            assert 0 <= shown.min() <= shown.max() <= 1


def test_grey_has_no_colour_and_hue_keeps_luma():
    video = ramps(size=32)
    plain = plain_view(0, 1 / 8, 8)
    grey = render([video], [replace(plain, photometry=Photometry(grey=True))], 8.0, 32)[0]
    torch.testing.assert_close(grey[0], grey[2], atol=1e-3, rtol=0)
    luma = torch.tensor([0.299, 0.587, 0.114])
    dull = (video // 4 + 96).astype(np.uint8)  # far from the clamp
    before, after = (
        torch.einsum("c,cthw->thw", luma, render([dull], [replace(plain, photometry=p)], 8.0, 32)[0])
        for p in (Photometry(), Photometry(hue=0.8))
    )
    torch.testing.assert_close(before, after, atol=2e-3, rtol=0)
