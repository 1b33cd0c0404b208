import pytest
import torch

from encoder.backbones import TSM, shift


def test_shift_moves_an_eighth_of_the_channels_each_way_and_holds_the_ends():
    batch, time, channels = 2, 5, 16
    maps = torch.randn(batch * time, channels, 3, 4, generator=torch.Generator().manual_seed(0))
    moved = shift(maps, time)
    for b in range(batch):
        for t in range(time):
            for c in range(channels):
                source = max(t - 1, 0) if c < 2 else min(t + 1, time - 1) if c < 4 else t
                assert torch.equal(moved[b * time + t, c], maps[b * time + source, c])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's tracer, which OpenVINO needs
def test_a_converted_shift_is_the_same():
    maps = torch.randn(6, 16, 3, 4)
    assert torch.equal(torch.jit.trace(lambda given: shift(given, 3), maps)(maps), shift(maps, 3))


def test_shift_leaves_a_still_clip_alone():
    still = torch.randn(1, 8, 2, 2).expand(6, -1, -1, -1)
    assert torch.equal(shift(still, 6), still)


@pytest.mark.parametrize(("time", "height", "width"), [(8, 64, 64), (1, 32, 48), (5, 16, 128)])
def test_a_map_keeps_every_frame_and_one_cell_for_16_pixels(time, height, width):
    network = TSM(8, 1).eval()
    maps = network(torch.randn(2, 3, time, height, width))
    assert maps.shape == (2, network.channels, time, height // 16, width // 16)


def test_frames_are_seen_alone_without_shift_and_together_with_it():
    clips = torch.randn(1, 3, 6, 32, 32)
    changed = clips.clone()
    changed[:, :, 3] += 1
    for shifted, reached in [(False, [3]), (True, [0, 1, 2, 3, 4, 5])]:
        network = TSM(8, 1, shifted).eval()
        with torch.inference_mode():
            difference = (network(clips) - network(changed)).abs().amax((0, 1, 3, 4))
        assert difference.nonzero().flatten().tolist() == reached
