import numpy as np
import pytest

from indexer.insets import Box, cut, insets, without_bars

SIDE = 64
BOX = Box(0.25, 0.125, 0.75, 0.625)


def scene(seed, count=20, side=SIDE):
    """Pictures of smooth waves that drift, with no edges."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = rng.uniform(1, 3, (3, 4))
    pictures = [
        np.stack([np.sin(a * x + b * y + c * t + d) for a, b, c, d in waves], -1) for t in np.arange(count) * 0.7
    ]
    return np.asarray(128 + 100 * np.stack(pictures), np.uint8)


def put(inner, outer, box=BOX):
    """One video set into another."""
    result, side = outer.copy(), outer.shape[1]
    top, bottom, left, right = (round(side * edge) for edge in (box.top, box.bottom, box.left, box.right))
    part = result[:, top:bottom, left:right]
    part[:] = cut(inner, Box(0, 0, 1, 1), max(part.shape[1:3]))[:, : part.shape[1], : part.shape[2]]
    return result


def noisy(pictures, sigma=2.0):
    noise = np.random.default_rng(0).normal(0, sigma, pictures.shape)
    return (pictures + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("box", [BOX, Box(0, 0.5, 0.5, 1), Box(0.5, 0.25, 1, 0.75)])
def test_a_video_inside_another_is_found_first_to_within_a_pixel(box):
    found = insets(noisy(put(scene(1), scene(2), box)))[0]
    assert (found.left, found.top, found.right, found.bottom) == pytest.approx(
        (box.left, box.top, box.right, box.bottom), abs=1.5 / SIDE
    )


@pytest.mark.parametrize("seed", range(4))
def test_pictures_without_lasting_edges_hold_no_inset(seed):
    assert insets(scene(seed)) == []
    assert without_bars(scene(seed)) is None


def test_edges_that_pass_by_are_no_inset():
    places = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5) * 4
    moving = np.concatenate(
        [put(scene(1, 1), scene(2, 1), Box(place, place, place + 0.5, place + 0.5)) for place in places]
    )
    assert insets(moving) == []


def test_texture_that_stands_still_is_no_inset():
    texture = np.random.default_rng(0).integers(100, 120, (1, SIDE, SIDE, 3), np.uint8)
    assert insets(texture.repeat(20, 0)) == []


def test_one_line_through_the_picture_is_no_inset():
    halves = scene(1)
    halves[:, 32:] = scene(2)[:, 32:]
    assert insets(halves) == []


def test_no_more_than_two_different_boxes_come():
    pictures = scene(0)
    for place in (0.0, 0.25, 0.5, 0.75):
        pictures = put(scene(9), pictures, Box(place, place, place + 0.25, place + 0.25))
    found = insets(pictures)
    assert len(found) == 2
    assert found[0].alike(found[1]) < 0.7


@pytest.mark.parametrize("box", [Box(0, 0.25, 1, 0.75), Box(0.125, 0, 0.875, 1), Box(0.125, 0.25, 0.75, 0.875)])
@pytest.mark.parametrize("colour", [0, 255, 90])
def test_bars_of_one_colour_are_left_off(box, colour):
    plain = np.full_like(scene(1), colour)
    assert without_bars(noisy(put(scene(1), plain, box), 1.0)) == box


def test_a_wall_that_changes_colour_is_no_bar():
    fading = np.repeat(np.arange(20, dtype=np.uint8)[:, None] * 10, SIDE * SIDE * 3, 1).reshape(20, SIDE, SIDE, 3)
    assert without_bars(put(scene(1), fading)) is None


def test_a_picture_of_one_colour_has_no_bars():
    assert without_bars(np.full((5, SIDE, SIDE, 3), 30, np.uint8)) is None


def test_what_is_cut_out_is_what_was_put_in():
    small = scene(1, side=32)
    shown = put(small, scene(2))
    assert np.array_equal(cut(shown, BOX, 32), small)


def test_a_box_of_less_than_a_pixel_shows_one():
    assert cut(scene(1), Box(0.5, 0.5, 0.501, 0.501), 8).shape == (20, 8, 8, 3)


@pytest.mark.parametrize("edges", [(0, 0, 0, 1), (-0.1, 0, 1, 1), (0, 0.5, 1, 0.4), (0, 0, 1.1, 1)])
def test_a_box_outside_the_picture_or_empty_is_refused(edges):
    with pytest.raises(ValueError, match="a box lies within"):
        Box(*edges)


def test_boxes_are_compared_by_their_intersection_over_union():
    left, middle = Box(0, 0, 0.5, 1), Box(0.25, 0, 0.75, 1)
    assert left.alike(left) == 1
    assert left.alike(middle) == pytest.approx(1 / 3)
    assert left.alike(Box(0.5, 0, 1, 1)) == 0
