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


def reach(row: int, column: int, flipped: bool) -> torch.Tensor:
    """How much each of 256 x 256 pixels decides about one cell of the map, mean over random clips."""
    torch.manual_seed(0)
    network = TSM(8, 1).double().eval()
    clips = torch.randn(4, 3, 2, 256, 256, dtype=torch.double, requires_grad=True)
    maps = network(clips.flip(-1)).flip(-1) if flipped else network(clips)
    (gradient,) = torch.autograd.grad(maps[..., row, column].sum(), clips)
    return gradient.square().sum((0, 1, 2))


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize(("row", "column"), [(8, 8), (7, 9), (6, 8)])
def test_a_cell_lies_at_the_centre_of_its_block(row, column, flipped):
    weight = reach(row, column, flipped)
    for axis, cell in ((0, row), (1, column)):
        profile, pixels = weight.sum(1 - axis), torch.arange(256.0, dtype=torch.double) + 0.5
        centre = 16 * cell + 8
        reached = profile.nonzero().flatten()
        assert (reached[0] + reached[-1] + 1).item() / 2 == centre  # half a cell off would be 8 pixels
        assert (profile * pixels).sum() / profile.sum() == pytest.approx(centre, abs=1.5)
