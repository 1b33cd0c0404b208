from itertools import groupby

import numpy as np
import pytest

from benchmarks import edits
from benchmarks.edits import kinds, together

HEIGHT, WIDTH = 90, 160
AROUND = np.full((5, 100, 120, 3), 10, np.uint8)
SINGLE = kinds(AROUND)


def rng(seed=0):
    return np.random.default_rng(seed)


def places(count=3):
    """Frames whose red is their own column, green their row and blue their number."""
    t, y, x = np.mgrid[:count, :HEIGHT, :WIDTH]
    return np.stack([x, y, t], -1).astype(np.uint8)


def plain(level, count=2, height=HEIGHT, width=WIDTH):
    return np.full((count, height, width, 3), level, np.uint8)


@pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.name)
@pytest.mark.parametrize("shape", [(4, 90, 160, 3), (1, 40, 31, 3), (3, 200, 60, 3)])
def test_an_edit_gives_frames_and_leaves_its_own_alone(kind, shape):
    frames = rng().integers(0, 256, shape, dtype=np.uint8)
    before = frames.copy()
    edited = kind.edit(frames, rng())
    assert edited.dtype == np.uint8
    assert (edited.ndim, edited.shape[3]) == (4, 3)
    assert edited.size > 0
    assert (frames == before).all()


@pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.name)
def test_the_same_draw_gives_the_same_frames(kind):
    assert (kind.edit(places(), rng(3)) == kind.edit(places(), rng(3))).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_crop_is_a_connected_half_of_the_picture(seed):
    cut = edits.crop(places(), rng(seed))
    height, width = cut.shape[1:3]
    assert height * width == pytest.approx(HEIGHT * WIDTH / 2, rel=0.02)
    assert width / height == pytest.approx(WIDTH / HEIGHT, rel=0.02)
    x, y = cut[0, 0, 0, :2]
    assert (cut == places()[:, y : y + height, x : x + width]).all()


def test_crops_lie_anywhere():
    corners = {tuple(edits.crop(places(), rng(seed))[0, 0, 0, :2]) for seed in range(9)}
    assert len(corners) > 5


def test_a_mirror_turns_columns_only():
    mirrored = edits.mirror(places(), rng())
    assert (mirrored[0, 0, :, 0] == np.arange(WIDTH)[::-1]).all()
    assert (mirrored[..., 1:] == places()[..., 1:]).all()


def test_a_letterbox_has_black_bars_on_two_sides_and_the_picture_between():
    shapes = set()
    for seed in range(6):
        boxed = edits.letterbox(plain(200), rng(seed))
        shapes.add(boxed.shape[1:3])
        lit = boxed[0, ..., 0] > 0
        top, left = np.argwhere(lit)[0]
        assert (boxed[:, top : top + HEIGHT, left : left + WIDTH] == 200).all()
        assert lit.sum() == HEIGHT * WIDTH
        assert (boxed.shape[1] - HEIGHT, boxed.shape[2] - WIDTH) == (2 * top, 2 * left)
    assert shapes == {(118, 160), (90, 208)}  # bars of 15 %, rounded


def box_of(frame):
    rows, columns = np.flatnonzero(frame.any((1, 2))), np.flatnonzero(frame.any((0, 2)))
    assert (frame[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > 0).all()
    return rows[0], columns[0], len(rows), len(columns)


def test_a_picture_in_picture_is_half_as_wide_as_what_it_lies_on():
    made = edits.picture_in_picture(plain(255), rng(), np.zeros_like(AROUND))
    assert made.shape == (2, 100, 120, 3)
    boxes = [box_of(frame) for frame in made]
    assert boxes[0] == boxes[1]
    assert boxes[0][2:] == (34, 60)  # 120 / 2 wide, in the shape of the video


def test_a_tall_picture_in_picture_fits():
    made = edits.picture_in_picture(plain(255, height=300, width=30), rng(), np.zeros_like(AROUND))
    assert box_of(made[0])[2:] == (90, 9)


def test_what_a_picture_lies_on_starts_again_when_it_ends():
    around = np.arange(1, 4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 40, 40, 3), np.uint8)
    made = edits.picture_in_picture(plain(0, count=7), rng(), around)
    assert made.max((1, 2, 3)).tolist() == [1, 2, 3, 1, 2, 3, 1]


@pytest.mark.parametrize("seed", range(4))
def test_a_logo_lies_in_a_corner_of_every_frame_alike(seed):
    changed = (edits.logo(plain(128), rng(seed)) != 128).any(-1)
    assert (changed[0] == changed[1]).all()
    rows, columns = np.flatnonzero(changed[0].any(1)), np.flatnonzero(changed[0].any(0))
    assert max(rows) < HEIGHT / 2 or min(rows) >= HEIGHT / 2
    assert max(columns) < WIDTH / 2 or min(columns) >= WIDTH / 2
    assert len(rows) == pytest.approx(HEIGHT / 4, abs=2)


def test_what_is_under_a_logo_shines_through():
    made = [edits.logo(plain(level), rng()) for level in (0, 200)]
    covered = (made[0] > 0) & (made[1] != 200)
    assert (made[1][covered].astype(int) - made[0][covered]).tolist() == pytest.approx([30] * covered.sum(), abs=1)


@pytest.mark.parametrize("seed", range(6))
def test_text_is_white_with_black_edges_across_the_top_or_the_bottom(seed):
    made = edits.text(plain(128), rng(seed))[0, ..., 0]
    rows, columns = np.flatnonzero((made != 128).any(1)), np.flatnonzero((made != 128).any(0))
    assert made.min() < 20
    assert made.max() > 235
    assert max(rows) < HEIGHT / 2 or min(rows) > HEIGHT / 2
    assert len(columns) > 0.8 * WIDTH


def test_brightness_shifts_all_levels_alike_up_or_down():
    shifts = [int(edits.brightness(plain(128), rng(seed))[0, 0, 0, 0]) - 128 for seed in range(20)]
    assert {40 <= abs(shift) <= 80 for shift in shifts} == {True}
    assert min(shifts) < 0 < max(shifts)
    for level, seed in [(0, 0), (255, 0), (0, 1), (255, 1)]:
        shift = shifts[seed]
        assert (edits.brightness(plain(level), rng(seed)) == min(255, max(0, level + shift))).all()


def test_contrast_moves_levels_from_the_middle_or_towards_it():
    factors = []
    for seed in range(20):
        low, middle, high = (int(edits.contrast(plain(v), rng(seed))[0, 0, 0, 0]) for v in (88, 128, 168))
        assert middle == 128
        assert high - 128 == 128 - low
        factors.append((high - 128) / 40)
    assert all(0.49 < factor < 0.73 or 1.38 < factor < 2.01 for factor in factors)
    assert min(factors) < 1 < max(factors)


def test_grey_is_the_luma_in_all_channels():
    colour = plain(0)
    colour[:] = (255, 100, 0)
    assert (edits.grey(colour, rng()) == round(0.299 * 255 + 0.587 * 100)).all()


def test_blur_spreads_a_point_and_keeps_its_sum():
    point = np.zeros((1, 101, 101, 3), np.uint8)
    point[0, 48:53, 48:53] = 255
    blurred = edits.blur(point, rng()).astype(float)
    assert blurred.sum() == pytest.approx(point.sum(dtype=float), rel=0.05)
    assert blurred.max() < 255
    assert blurred[0, 50, 50, 0] == blurred.max()


def test_resize_loses_what_is_finer_than_48_rows():
    fine = plain(0, height=192, width=192)
    fine[:, ::2] = 255
    assert np.ptp(edits.resize(fine, rng())) <= 1
    coarse = plain(0, height=192, width=192)
    coarse[:, :96] = 255
    assert np.abs(edits.resize(coarse, rng()).astype(float) - coarse).mean() < 5
    assert edits.resize(fine, rng()).shape == fine.shape


def test_resize_leaves_small_videos_alone():
    small = places()[:, :40]
    assert (edits.resize(small, rng()) == small).all()


@pytest.mark.parametrize(
    ("factor", "frames"),
    [
        (0.5, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        (0.75, [0, 0, 1, 2, 3, 3, 4, 5]),
        (1.5, [0, 1, 3, 4]),
        (2.0, [0, 2, 4]),
        (9.0, [0]),
    ],
)
def test_speed_repeats_or_leaves_out_frames(factor, frames):
    assert edits.speed(places(6), rng(), factor)[:, 0, 0, 2].tolist() == frames


def test_backwards_ends_with_the_first_frame():
    assert edits.backwards(places(4), rng())[:, 0, 0, 2].tolist() == [3, 2, 1, 0]


def test_only_compression_is_compressed_hard():
    assert {kind.name: kind.crf for kind in SINGLE if kind.crf != edits.CRF} == {"compression": edits.HEAVY_CRF}


def test_the_kinds_of_a_family_stand_together():
    families = [family for family, _ in groupby(kind.family for kind in SINGLE)]
    assert len(families) == len(set(families)) >= 3


def test_three_at_once_are_of_three_families_in_their_order():
    names = [kind.name for kind in SINGLE]
    family = {kind.name: kind.family for kind in SINGLE}
    drawn = set()
    for seed in range(200):
        parts = together(SINGLE, rng(seed)).name.split(" + ")
        assert len({family[part] for part in parts}) == len(parts) == 3
        assert parts == sorted(parts, key=names.index)
        drawn |= set(parts)
    assert drawn == set(names)


def test_three_at_once_are_all_done():
    chosen = [kind for kind in SINGLE if kind.name in ("speed 2", "mirror", "compression")]
    kind = together(chosen, rng())
    assert kind.name == "speed 2 + mirror + compression"
    edited = kind.edit(places(6), rng())
    assert edited[:, 0, 0, 2].tolist() == [0, 2, 4]
    assert edited[0, 0, :, 0].tolist() == list(range(WIDTH))[::-1]
    assert kind.crf == edits.HEAVY_CRF
