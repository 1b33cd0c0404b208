import pytest
import torch

from encoder.config import EncoderConfig
from encoder.model import Encoder


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderConfig(width=8, blocks=1)).eval()


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    """A square that moves to the right, another one that moves down, and noise; (3, 3, 8, 64, 64)."""
    clips = torch.randn(3, 3, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    clips[:2] = clips[:2, :, :1]
    for t in range(8):
        clips[0, :, t, 24:40, 6 * t : 6 * t + 16] = 3
        clips[1, :, t, 6 * t : 6 * t + 16, 24:40] = 3
    return clips


def test_an_embedding_is_a_unit_vector_of_256_numbers(encoder, clips):
    with torch.inference_mode():
        embeddings = encoder(clips)
    assert embeddings.shape == (3, 256)
    assert encoder.config.dim == 256
    assert embeddings.norm(dim=1).tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("shape", [(1, 3, 1, 16, 16), (2, 3, 5, 32, 48), (1, 3, 17, 96, 64)])
def test_any_number_of_frames_and_size_gives_the_same_length(encoder, shape):
    with torch.inference_mode():
        assert encoder(torch.randn(shape)).shape == (shape[0], 256)


def test_a_clip_does_not_depend_on_its_neighbours_in_the_batch(encoder, clips):
    with torch.inference_mode():
        together, alone = encoder(clips), torch.cat([encoder(clip[None]) for clip in clips])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_a_clip_and_its_reverse_get_different_motion_and_much_the_same_look(encoder, clips):
    with torch.inference_mode():
        look, motion = encoder.parts(clips)
        look_back, motion_back = encoder.parts(clips.flip(2))
        assert (torch.cosine_similarity(encoder(clips), encoder(clips.flip(2)))[:2] < 0.999).all()
    both = torch.cat([motion, motion_back])
    forward, backward = (both - both.mean(0)).chunk(2)  # untrained features share a large mean
    assert (torch.cosine_similarity(forward, backward)[:2] < 0.7).all()
    assert (torch.cosine_similarity(look, look_back)[:2] > 0.95).all()


def test_a_still_clip_and_its_reverse_get_the_same_vector(encoder, clips):
    still = clips[:, :, :1].expand(-1, -1, 8, -1, -1)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(still), encoder(still.flip(2)))


def test_motion_does_not_see_what_stands_still(encoder, clips):
    with torch.inference_mode():
        scene = torch.randn(1, 3, 1, 64, 64)
        torch.testing.assert_close(encoder.parts(clips)[1], encoder.parts(clips + scene)[1], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_a_cosine_is_the_weighed_sum_of_look_and_motion(clips, weight):
    torch.manual_seed(1)
    encoder = Encoder(EncoderConfig(width=8, blocks=1, look_dim=24, motion_dim=40, motion_weight=weight)).eval()
    with torch.inference_mode():
        embeddings, (look, motion) = encoder(clips), encoder.parts(clips)
    for i in range(3):
        for j in range(3):
            expected = (1 - weight) * float(look[i] @ look[j]) + weight * float(motion[i] @ motion[j])
            assert float(embeddings[i] @ embeddings[j]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 12}, "width divisible by 8"),
        ({"blocks": 0}, "sizes above zero"),
        ({"look_dim": -1}, "sizes above zero"),
        ({"look_dim": 0}, "without a look part motion_weight is 1, got 0.5"),
        ({"network": "vgg"}, "one of tsm, r3d_18, r2plus1d_18, s3d, got .vgg."),
        ({"cells": (0, 2, 2)}, "sizes above zero"),
        ({"motion_weight": 1.1}, r"share in \[0, 1\], got 1.1"),
    ],
)
def test_an_impossible_config_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**wrong)
