import pytest
import torch
from torch.nn.functional import normalize

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


# One part, other networks

# With frames, pixels
NETWORKS = [("tsm", 4, 32), ("r3d_18", 8, 32), ("r2plus1d_18", 8, 32), ("s3d", 16, 48), ("efficientnet_lite0", 4, 32)]


def one_part(network: str, centred: bool, **changed: object) -> Encoder:
    torch.manual_seed(0)
    wanted = {"look_dim": 0, "motion_dim": 12, "motion_weight": 1.0, "cells": (1, 1, 1), **changed}
    return Encoder(EncoderConfig(width=8, blocks=1, network=network, centred=centred, **wanted)).eval()


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize(("network", "frames", "size"), NETWORKS)
def test_without_a_look_part_an_embedding_is_the_head_of_the_pooled_map(network, frames, size, centred):
    encoder = one_part(network, centred)
    clips = torch.randn(2, 3, frames, size, size)
    with torch.inference_mode():
        embeddings, features, parts = encoder(clips), encoder.features(clips), encoder.parts(clips)
        pooled = encoder.motion(clips - clips.mean(2, keepdim=True) if centred else clips).mean((2, 3, 4))
        assert len(features) == len(parts) == len(encoder.heads()) == 1
        torch.testing.assert_close(features[0], pooled, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(parts[0], normalize(encoder.motion_head(pooled)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(embeddings, parts[0])
    assert embeddings.shape == (2, encoder.config.dim) == (2, 12)
    assert encoder.look is None
    assert not any(name.startswith("look") for name in encoder.state_dict())


def test_only_a_network_that_is_not_centred_sees_what_stands_still(clips):
    scene = torch.randn(1, 3, 1, 64, 64)
    with torch.inference_mode():
        for centred in (True, False):
            encoder = one_part("tsm", centred)
            plain, on_scene = encoder.features(clips)[0], encoder.features(clips + scene)[0]
            assert torch.allclose(plain, on_scene, atol=1e-4, rtol=1e-3) == centred


def test_cells_are_pooled_in_the_order_of_time_height_and_width(clips):
    encoder = one_part("tsm", True, cells=(4, 2, 1))
    with torch.inference_mode():
        feature, final = encoder.features(clips)[0], encoder.motion_maps(clips).final  # 8 x 4 x 4
        pooled = feature.reshape(3, encoder.motion.channels, 4, 2, 1)
        for t, y in ((0, 0), (0, 1), (3, 0), (3, 1)):
            expected = final[:, :, 2 * t : 2 * t + 2, 2 * y : 2 * y + 2].mean((2, 3, 4))
            torch.testing.assert_close(pooled[:, :, t, y, 0], expected)


def test_the_look_part_sees_two_frames_whatever_network_sees_the_motion():
    torch.manual_seed(0)
    config = EncoderConfig(width=8, blocks=1, look_dim=6, motion_dim=12, network="r3d_18", cells=(1, 1, 1))
    encoder = Encoder(config).eval()
    clips = torch.randn(2, 3, 8, 32, 32)
    changed = clips.clone()
    changed[:, :, [0, 1, 3, 4, 5, 7]] = 0  # all but the frames at a quarter and at three
    with torch.inference_mode():
        assert encoder(clips).shape == (2, 18)
        torch.testing.assert_close(encoder.look_feature(clips), encoder.look_feature(changed))
        assert torch.equal(encoder.features(clips)[0], encoder.look_feature(clips))
        assert not torch.allclose(encoder.features(clips)[1], encoder.features(changed)[1], atol=1e-3)


def test_the_look_part_sees_each_of_its_frames_alone_whatever_its_network(clips):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=8, blocks=1, look_network="efficientnet_lite0")).eval()
    with torch.inference_mode():
        quarter, three = (encoder.look_feature(clips[:, :, [t]]) for t in (2, 6))
        torch.testing.assert_close(encoder.look_feature(clips), (quarter + three) / 2, atol=1e-5, rtol=1e-4)
        assert quarter.shape == (3, 320 * 4)
        assert encoder(clips).shape == (3, 256)


@pytest.mark.parametrize("field", ["cells", "region_cells"])
def test_cells_become_a_tuple_whatever_they_were_read_from(field):
    read, written = EncoderConfig(**{field: [2, 1, 1]}), EncoderConfig(**{field: (2, 1, 1)})
    assert read == written
    assert hash(read) == hash(written)


def test_with_cells_of_regions_the_motion_part_sees_both_maps(clips):
    encoder = one_part("tsm", True, cells=(1, 1, 1), region_cells=(2, 4, 1))
    with torch.inference_mode():
        maps, feature, embeddings = encoder.motion_maps(clips), encoder.features(clips)[0], encoder(clips)
        final, regions = feature.split([32, 16 * 8], 1)
        torch.testing.assert_close(final, maps.final.mean((2, 3, 4)))
        regions = regions.reshape(3, 16, 2, 4, 1)
        for t, y in ((0, 0), (0, 3), (1, 0), (1, 2)):  # of a map of 8 x 8 x 8
            expected = maps.regions[:, :, 4 * t : 4 * t + 4, 2 * y : 2 * y + 2].mean((2, 3, 4))
            torch.testing.assert_close(regions[:, :, t, y, 0], expected)
        torch.testing.assert_close(embeddings, normalize(encoder.motion_head(feature)))


# Share of motion by how much moves


def test_the_less_moves_in_a_clip_the_more_its_look_decides(clips):
    torch.manual_seed(0)
    shares = EncoderConfig(width=8, blocks=1, look_dim=24, motion_dim=40, motion_weight=0.6, still=0.2)
    encoder = Encoder(shares).eval()
    mixed = torch.stack([clips[0], clips[1] * 0.1, clips[2], clips[0, :, :1].expand(-1, 8, -1, -1)])
    with torch.inference_mode():
        embeddings, (look, motion) = encoder(mixed), encoder.parts(mixed)
    for clip, embedding, seen, moved in zip(mixed, embeddings, look, motion, strict=True):
        differences = [(frame - sum(clip.unbind(1)) / 8).abs().mean().item() for frame in clip.unbind(1)]
        energy = sum(differences) / 8
        share = 0.6 * energy / (energy + 0.2)
        torch.testing.assert_close(embedding, torch.cat([(1 - share) ** 0.5 * seen, share**0.5 * moved]))
    assert embeddings.norm(dim=1).tolist() == pytest.approx([1] * 4)


def test_a_clip_in_which_nothing_moves_is_compared_by_its_look_alone(clips):
    encoder = Encoder(EncoderConfig(width=8, blocks=1, still=0.01)).eval()
    still = clips[:, :, :1].expand(-1, -1, 8, -1, -1)
    with torch.inference_mode():
        embeddings, look = encoder(still), encoder.parts(still)[0]
    torch.testing.assert_close(embeddings @ embeddings.T, look @ look.T, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 12}, "width divisible by 8"),
        ({"blocks": 0}, "sizes above zero"),
        ({"look_dim": -1}, "sizes above zero"),
        ({"look_dim": 0}, "without a look part motion_weight is 1, got 0.5"),
        ({"network": "vgg"}, "one of tsm, r3d_18, r2plus1d_18, s3d, efficientnet_lite0, got .vgg."),
        ({"look_network": "s3d"}, "one of tsm, efficientnet_lite0, got .s3d."),
        ({"cells": (0, 2, 2)}, "sizes above zero"),
        ({"region_cells": (4, 0, 2)}, "sizes above zero"),
        ({"still": -0.1}, "still is a difference of zero or more, got -0.1"),
        ({"still": float("nan")}, "still is a difference of zero or more, got nan"),
        ({"look_dim": 0, "motion_weight": 1.0, "still": 0.1}, "without a look part still is 0, got 0.1"),
        ({"motion_weight": 1.1}, r"share in \[0, 1\], got 1.1"),
    ],
)
def test_an_impossible_config_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**wrong)
