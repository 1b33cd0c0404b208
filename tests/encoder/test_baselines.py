import numpy as np
import pytest

from encoder.baselines import BASELINES, colour_histogram, mean_frame, motion_energy, motion_pixels

RNG = np.random.default_rng(0)


def noise(frames=8, height=48, width=64):
    return RNG.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def moving_square(frames=8, background=0, side=64):
    video = np.full((frames, side, side, 3), background, np.uint8)
    for t in range(frames):
        left = t * (side - 16) // max(1, frames - 1)
        video[t, 24:40, left : left + 16] = 255
    return video


def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.parametrize("name", BASELINES)
def test_the_length_does_not_depend_on_the_frames(name):
    shapes = {BASELINES[name](noise(t, h, w)).shape for t, h, w in [(1, 16, 16), (3, 7, 5), (8, 48, 64), (33, 20, 90)]}
    assert len(shapes) == 1
    assert len(shapes.pop()) == 1


@pytest.mark.parametrize("name", BASELINES)
def test_a_feature_is_finite_float32_and_leaves_the_frames_alone(name):
    frames = noise()
    before = frames.copy()
    feature = BASELINES[name](frames)
    assert feature.dtype == np.float32
    assert np.isfinite(feature).all()
    assert (frames == before).all()


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    "frames",
    [np.zeros((8, 4, 4), np.uint8), np.zeros((8, 4, 4, 3), np.float32), np.zeros((0, 4, 4, 3), np.uint8)],
)
def test_anything_but_rgb_frames_is_refused(name, frames):
    with pytest.raises(ValueError, match=r"frames must be \(T, H, W, 3\) uint8 and not empty, got"):
        BASELINES[name](frames)


def test_the_histogram_counts_every_pixel_once():
    frames = noise(2, 5, 6)
    counts = np.zeros((8, 8, 8))
    for red, green, blue in frames.reshape(-1, 3):
        counts[red // 32, green // 32, blue // 32] += 1
    np.testing.assert_allclose(colour_histogram(frames) ** 2, counts.ravel() / 60, atol=1e-6)


def test_the_histogram_is_a_unit_vector_blind_to_where_and_when():
    frames = noise()
    shuffled = RNG.permutation(frames.reshape(-1, 3)).reshape(frames.shape)
    assert np.linalg.norm(colour_histogram(frames)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(colour_histogram(frames), colour_histogram(shuffled))


def test_the_mean_frame_is_the_block_mean_less_its_mean():
    frames = noise(3, 64, 32)
    blocks = frames.astype(float).reshape(3, 16, 4, 16, 2, 3).mean(axis=(0, 2, 4))
    np.testing.assert_allclose(mean_frame(frames), (blocks - blocks.mean()).ravel(), atol=0.01)


def test_the_mean_frame_ignores_overall_brightness():
    frames = RNG.integers(0, 200, (8, 32, 32, 3), dtype=np.uint8)
    assert cosine(mean_frame(frames), mean_frame(frames + np.uint8(50))) == pytest.approx(1, abs=1e-6)


def test_the_mean_frame_ignores_the_order_of_the_frames():
    frames = moving_square()
    np.testing.assert_allclose(mean_frame(frames), mean_frame(frames[::-1]), atol=1e-3)


@pytest.mark.parametrize("grey", [0, 77, 255])
def test_a_flat_grey_video_has_no_look(grey):
    assert not mean_frame(np.full((7, 37, 51, 3), grey, np.uint8)).any()


def test_motion_pixels_are_the_grey_blocks_less_their_mean_over_time():
    frames = noise(8, 32, 48)
    blocks = frames.astype(float).reshape(8, 16, 2, 16, 3, 3).mean(axis=(2, 4)) @ [0.299, 0.587, 0.114]
    expected = np.empty((8, 16, 16))
    for t in range(8):
        expected[t] = blocks[t] - sum(blocks[s] for s in range(8)) / 8
    np.testing.assert_allclose(motion_pixels(frames), expected.ravel(), atol=0.01)


def test_motion_pixels_of_many_frames_are_spread_over_the_whole_video():
    frames = noise(24, 16, 16)
    np.testing.assert_array_equal(motion_pixels(frames), motion_pixels(frames[1::3]))


@pytest.mark.parametrize("frames", [2, 3, 5, 8, 9, 16, 32])
def test_motion_energy_is_the_change_averaged_over_each_eighth_of_the_time(frames):
    video = noise(frames, 16, 16)
    grey = video.astype(float) @ [0.299, 0.587, 0.114]
    fine = 8 * (frames - 1)  # slots of time that divide both the changes and the eighths
    slots = [abs(grey[s // 8 + 1] - grey[s // 8]) for s in range(fine)]
    share = fine // 8
    expected = [sum(slots[part * share : (part + 1) * share]) / share for part in range(8)]
    np.testing.assert_allclose(motion_energy(video), np.ravel(expected), atol=0.01)


def test_motion_energy_keeps_the_order_of_time():
    video = moving_square()
    forward, backward = motion_energy(video), motion_energy(video[::-1])
    np.testing.assert_allclose(forward.reshape(8, 256), backward.reshape(8, 256)[::-1], atol=0.01)
    assert cosine(forward, backward) < 0.9


@pytest.mark.parametrize("frames", [1, 2, 7, 8, 16])
@pytest.mark.parametrize("feature", [motion_pixels, motion_energy])
def test_a_still_video_has_no_motion(feature, frames):
    still = np.repeat(noise(1, 37, 51), frames, axis=0)
    assert not feature(still).any()


@pytest.mark.parametrize("feature", [motion_pixels, motion_energy])
def test_motion_does_not_see_the_background(feature):
    dark, light = moving_square(background=20), moving_square(background=120)
    assert cosine(feature(dark), feature(light)) > 0.99
