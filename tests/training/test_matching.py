from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d

from encoder.backbones import Maps
from encoder.lattice import Lattice
from training.matching import bin_matching, region_localisation
from training.synthetic import Labelled
from training.views import ViewSpec

SIZE = 32
LATTICE = Lattice((4, 4, 4), (2.0, 8.0, 8.0), (1.0, 4.0, 4.0))  # blocks of 2 frames and 8 x 8 of 32 x 32 pixels
SPEC = ViewSpec(frames=8, jitter=0)  # colours are coordinates here, so they stay as they are


def ramps(frames: int = 320) -> np.ndarray:
    """A video of 10 s whose red is x, green is y and blue is time, each from 0 to 1 over its extent."""
    video = np.empty((frames, SIZE, SIZE, 3))
    place = (np.arange(SIZE) + 0.5) / SIZE
    video[..., 0], video[..., 1] = place, place[:, None]
    video[..., 2] = ((np.arange(frames) + 0.5) / frames)[:, None, None]
    return (video * 255).round().astype(np.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def data() -> Labelled:
    return Labelled([ramps()] * 24, ["a"] * 24, ["x"] * 24, 32.0)


def coded(values: Tensor, width: float) -> Tensor:
    """(B, 1, T, H, W) in [0, 1] to codes whose product falls with the distance of the values: (B, C, T, H, W)."""
    marks = torch.arange(0, 1.0, width / 4).view(1, -1, 1, 1, 1)
    return torch.exp(-(((values - marks) / width) ** 2))


def seen(*channels: int, width: float = 0.1) -> Callable[[Tensor], Maps]:
    """A backbone of both maps alike that knows where its cells lie along some of x, y and time."""

    def maps(clips: Tensor) -> Maps:
        shown = avg_pool3d(clips, (2, 8, 8))
        codes = torch.cat([coded(shown[:, channel : channel + 1], width) for channel in channels], 1)
        return Maps(codes, codes)

    return maps


def blind(clips: Tensor) -> Maps:
    codes = torch.ones(len(clips), 6, 4, 4, 4)
    return Maps(codes, codes)


def noisy(clips: Tensor) -> Maps:
    codes = torch.randn(len(clips), 16, 4, 4, 4, generator=seeded(int(clips.sum())))
    return Maps(codes, codes)


# Regions


def test_features_that_are_coordinates_are_found_in_flipped_and_cropped_views(data):
    found = region_localisation(data, seen(0, 1, 2), LATTICE, SPEC, SIZE, seeded())
    assert found.accuracy == 1
    assert found.place_accuracy == 1
    assert found.chance < 0.1
    assert found.chance < found.place_chance < 0.4


def test_features_mirrored_left_to_right_are_not_found(data):
    def mirrored(clips: Tensor) -> Maps:
        return Maps(*(each.flip(4) for each in seen(0, 1, 2)(clips)))

    found = region_localisation(data, mirrored, LATTICE, SPEC, SIZE, seeded())
    assert found.accuracy < 0.9


def test_features_without_time_find_the_place_at_any_time(data):
    found = region_localisation(data, seen(0, 1), LATTICE, SPEC, SIZE, seeded())
    assert found.place_accuracy == pytest.approx(1, abs=0.02)
    assert found.accuracy < 0.6


def test_features_that_are_all_alike_localise_by_chance(data):
    found = region_localisation(data, blind, LATTICE, SPEC, SIZE, seeded())
    assert found.accuracy == pytest.approx(found.chance)
    assert found.place_accuracy == pytest.approx(found.place_chance)


def test_random_features_localise_about_by_chance(data):
    found = region_localisation(data, noisy, LATTICE, SPEC, SIZE, seeded())
    assert found.accuracy == pytest.approx(found.chance, abs=0.03)
    assert found.place_accuracy == pytest.approx(found.place_chance, abs=0.05)


def test_global_views_that_show_no_local_cell_are_an_error(data):
    tiny = ViewSpec(frames=8, local_area=(0.99, 1.0), global_area=(1e-4, 2e-4))
    with pytest.raises(ValueError, match="draw larger views"):
        region_localisation(data, blind, LATTICE, tiny, SIZE, seeded())


# Bins: of a frame each, 0.125 or 0.25 s of the 10 s

BINS = Lattice((8, 4, 4), (1.0, 8.0, 8.0), (0.5, 4.0, 4.0))
STEADY = ViewSpec(frames=8, shortest_stride=0.125, longest_stride=0.125, jitter=0)


def timed(clips: Tensor, width: float = 0.02) -> Maps:
    codes = coded(clips[:, 2:].mean((3, 4), keepdim=True), width).expand(-1, -1, -1, 4, 4)
    return Maps(codes, codes)


@pytest.mark.parametrize("width", [0.02, 0.2])
def test_bins_that_tell_the_time_sharply_or_smoothly_are_found_in_order(data, width):
    """Not quite all, since a bin that lies half in each of two others may be found in the lesser one."""
    found = bin_matching(data, lambda clips: timed(clips, width), BINS, STEADY, SIZE, seeded())
    assert found.accuracy > 0.85
    assert found.kendall_tau > 0.95
    assert found.chance < 0.25


def test_bins_that_tell_the_time_backwards_are_found_in_reverse_order(data):
    def backwards_in_local_views(clips: Tensor) -> Maps:
        span = (clips[:, 2, -1] - clips[:, 2, 0]).mean((1, 2))  # 0.0875 in local views, 0.175 in global ones
        return timed(torch.where((span < 0.12).view(-1, 1, 1, 1, 1), clips.flip(2), clips))

    found = bin_matching(data, backwards_in_local_views, BINS, STEADY, SIZE, seeded())
    assert found.kendall_tau < -0.95
    assert found.accuracy < 0.1


def test_what_all_bins_of_a_view_share_does_not_count(data):
    def framed(clips: Tensor) -> Maps:
        look = 50 * torch.rand(len(clips), 200, 1, 1, 1, generator=seeded(int(clips.sum())))
        return Maps(*(each + look for each in timed(clips)))

    plain, found = (bin_matching(data, maps, BINS, STEADY, SIZE, seeded()) for maps in (timed, framed))
    assert found == plain


def test_bins_that_are_all_alike_match_by_chance(data):
    found = bin_matching(data, blind, LATTICE, SPEC, SIZE, seeded())
    assert found.accuracy == pytest.approx(found.chance)
    assert 0.25 < found.chance < 0.5
    assert found.kendall_tau == 0


def test_random_bins_match_about_by_chance(data):
    found = bin_matching(data, noisy, LATTICE, SPEC, SIZE, seeded())
    assert found.accuracy == pytest.approx(found.chance, abs=0.1)
    assert abs(found.kendall_tau) < 0.2


def test_a_lone_bin_is_right_and_has_no_order(data):
    def one_bin(clips: Tensor) -> Maps:
        return Maps(*(each.mean(2, keepdim=True) for each in timed(clips)))

    found = bin_matching(data, one_bin, Lattice((1, 4, 4), (8.0, 8.0, 8.0), (4.0, 4.0, 4.0)), SPEC, SIZE, seeded())
    assert (found.accuracy, found.chance, found.kendall_tau) == (1, 1, 0)


def test_a_seed_decides_and_few_videos_are_looked_at(data):
    looked = []

    def counting(clips: Tensor) -> Maps:
        looked.append(len(clips))
        return noisy(clips)

    one, again = (bin_matching(data, counting, LATTICE, SPEC, SIZE, seeded(5), videos=6) for _ in range(2))
    assert one == again
    assert sum(looked) == 2 * 3 * 6
    assert one != bin_matching(data, noisy, LATTICE, SPEC, SIZE, seeded(6), videos=6)
