import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from training.render import render
from training.views import Box, Photometry, View, plain_view

PLAIN = plain_view(0, 1 / 8, 4)  # the first four frames of 8 a second


def noise(length: int = 4, size: int = 12, seed: int = 0) -> np.ndarray:
    """A video of noise, far enough from black and white to be recoloured without a clamp."""
    return np.random.default_rng(seed).integers(90, 160, (length, size, size, 3), dtype=np.uint8)


def as_clip(video: np.ndarray) -> Tensor:
    return torch.from_numpy(video).permute(3, 0, 1, 2) / 255


def recoloured(video: np.ndarray, **how: float) -> Tensor:
    return render([video], [replace(PLAIN, photometry=Photometry(**how))], 8, video.shape[1])[0]


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [5, 12, 20])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_crop_is_sampled_bilinearly_at_the_middle_of_each_pixel(size, flipped):
    video = noise()
    box = Box(0.21, 0.33, 0.5, 0.6)
    found = render([video], [View(box, 0, 1 / 8, 4, flipped)], 8, size)[0]
    clip = as_clip(video)

    def sample(place: float, line: Tensor) -> Tensor:
        """The value at a place in [0, 1] of the last axis."""
        at = min(max(place * 12 - 0.5, 0), 11)
        low = min(int(at), 10)
        return line[..., low] * (low + 1 - at) + line[..., low + 1] * (at - low)

    for i, j in itertools.product(range(size), repeat=2):
        across = (size - 1 - j if flipped else j) + 0.5
        row = sample(box.y0 + box.height * (i + 0.5) / size, clip.transpose(2, 3))
        assert_close(found[:, :, i, j], sample(box.x0 + box.width * across / size, row))


def test_a_flip_is_the_mirror_image():
    video = noise()
    assert_close(render([video], [replace(PLAIN, flipped=True)], 8, 12)[0], as_clip(video).flip(3))


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_blur_mixes_each_pixel_with_its_neighbours_along_rows_and_columns(share):
    video = noise()
    expected, places = as_clip(video), torch.arange(12)
    for axis in (2, 3):
        before, after = (expected.index_select(axis, (places + step).clamp(0, 11)) for step in (-1, 1))
        expected = (1 - share) * expected + share * (before + expected + after) / 3
    assert_close(recoloured(video, blur=share), expected)


def test_brightness_is_added_and_contrast_turns_around_the_mean_of_the_clip():
    video = noise()
    clip = as_clip(video)
    assert_close(recoloured(video, brightness=0.1), clip + 0.1)
    assert_close(recoloured(video, contrast=0.5), clip.mean() + 0.5 * (clip - clip.mean()))


def test_saturation_scales_the_distance_from_grey_and_grey_is_none_of_it():
    video = noise()
    clip = as_clip(video)
    luma = torch.einsum("c,cthw->thw", torch.tensor([0.299, 0.587, 0.114]), clip)
    for saturation in (0.0, 0.5, 1.4):
        expected = luma + saturation * (clip - luma)
        torch.testing.assert_close(recoloured(video, saturation=saturation), expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(recoloured(video, grey=True), luma.expand(3, -1, -1, -1), atol=2e-3, rtol=0)


def test_a_whole_turn_of_the_hue_changes_nothing_and_half_a_turn_is_undone_by_another():
    video = noise()
    assert_close(recoloured(video, hue=2 * np.pi), as_clip(video))
    half = (recoloured(video, hue=np.pi) * 255).permute(1, 2, 3, 0)
    assert not torch.allclose(half / 255, torch.from_numpy(video) / 255, atol=0.05)
    again = recoloured(half.round().byte().numpy(), hue=np.pi)
    torch.testing.assert_close(again, as_clip(video), atol=5e-3, rtol=0)


def test_each_video_is_shown_by_its_own_view_whatever_its_neighbours():
    videos = [noise(length, seed=length) for length in (4, 9, 30)]
    views = [
        View(Box(0.1, 0.2, 0.5, 0.6), 0.2, 0.1, 4, True, photometry=Photometry(0.1, 0.8, 1.2, 0.3, blur=0.5)),
        View(Box(0, 0, 1, 1), 0.5, 0.3, 4, reversed=True, photometry=Photometry(grey=True)),
        View(Box(0.5, 0.5, 0.5, 0.5), 2.5, 0.2, 4),
    ]
    together = render(videos, views, 8, 10)
    assert together.shape == (3, 3, 4, 10, 10)
    for number in range(3):
        assert_close(together[number], render([videos[number]], [views[number]], 8, 10)[0])


def test_a_video_shorter_than_the_view_holds_its_last_frame():
    video = noise(2)
    assert_close(render([video], [PLAIN], 8, 12)[0], as_clip(video[[0, 1, 1, 1]]))
