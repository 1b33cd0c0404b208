import numpy as np
import pytest
import torch

from encoder.transforms import clips_to_tensor, normalise


def test_a_clip_becomes_channels_first_with_every_pixel_in_its_place():
    frames = torch.randint(0, 256, (2, 3, 4, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    clips = clips_to_tensor(frames)
    assert clips.shape == (2, 3, 3, 4, 5)
    assert clips.dtype == torch.float32
    for b, t, y, x, c in np.ndindex(2, 3, 4, 5, 3):
        expected = (frames[b, t, y, x, c].item() / 255 - 0.45) / 0.225
        assert clips[b, c, t, y, x].item() == pytest.approx(expected, abs=1e-6)


def test_the_mean_of_the_field_becomes_zero_and_its_deviation_one():
    assert normalise(torch.tensor([0.45, 0.675, 0.225])).tolist() == pytest.approx([0, 1, -1], abs=1e-6)
