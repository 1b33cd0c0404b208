import numpy as np
import pytest
import torch

from encoder.clips import ClipSpec
from encoder.model import Encoder
from training.probe import half_recall, plain_clips

CPU = torch.device("cpu")
CLIP = ClipSpec(frames=4, fps=4, size=32, hop=2)  # one second


@pytest.fixture(scope="module")
def encoder(recipe) -> Encoder:
    torch.manual_seed(0)
    return Encoder(recipe.encoder).eval()


def counted(length: int) -> np.ndarray:
    """A video whose frame k has the grey level k."""
    return np.repeat(np.arange(length, dtype=np.uint8), 8 * 8 * 3).reshape(length, 8, 8, 3)


def frames_shown(videos: list[np.ndarray], fps: float, shares: list[float], batch: int = 64) -> list[list[int]]:
    clips = torch.cat(list(plain_clips(videos, fps, CLIP, shares, batch)))
    assert torch.equal(clips, clips[:, :1, :, :1, :1].expand_as(clips))
    return ((clips[:, 0, :, 0, 0] * 0.225 + 0.45) * 255).round().int().tolist()


@pytest.mark.parametrize(
    ("length", "share", "frames"),
    [
        (40, 0.5, [17, 19, 21, 23]),  # 2 to 3 s of 5 s
        (40, 0.25, [7, 9, 11, 13]),
        (40, 0.0, [1, 3, 5, 7]),  # not before its start
        (40, 1.0, [33, 35, 37, 39]),  # nor after its end
        (4, 0.75, [1, 3, 3, 3]),  # half a second: the last frame is held
    ],
)
def test_a_clip_lies_around_its_share_of_the_video_as_near_as_fits(length, share, frames):
    assert frames_shown([counted(length)], 8, [share]) == [frames]


def test_clips_come_in_order_whatever_the_batch():
    videos, shares = [counted(length) for length in (40, 30, 20, 10, 8)], [0.1, 0.3, 0.5, 0.7, 0.9]
    assert [len(part) for part in plain_clips(videos, 8, CLIP, shares, batch=2)] == [2, 2, 1]
    assert frames_shown(videos, 8, shares, batch=2) == frames_shown(videos, 8, shares)
    assert frames_shown(videos[3:], 8, shares[3:]) == frames_shown(videos, 8, shares)[3:]


def test_halves_that_are_equal_find_each_other(encoder):
    rng = np.random.default_rng(0)
    videos = [np.tile(rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8), (2, 1, 1, 1)) for _ in range(8)]
    assert half_recall(encoder, videos, 8, CLIP, CPU) == 1


def test_halves_that_are_exchanged_find_each_other_nowhere(encoder):
    rng = np.random.default_rng(0)
    halves = [rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8) for _ in range(8)]
    videos = [np.concatenate([halves[i], halves[(i + 1) % 8]]) for i in range(8)]
    assert half_recall(encoder, videos, 8, CLIP, CPU) == 0


def test_videos_that_are_all_alike_find_their_halves_by_chance(encoder, films):
    assert half_recall(encoder, [films[5]] * 5, 8, CLIP, CPU) == pytest.approx(1 / 5)
