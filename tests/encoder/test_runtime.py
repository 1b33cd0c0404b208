from copy import deepcopy
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from encoder.checkpoint import _gpu, load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from encoder.parts import distinct, look_frames, side_by_side
from encoder.runtime import embed_clips, fold_norms, torch_runtime
from encoder.transforms import clips_to_tensor

NORMS = nn.BatchNorm2d | nn.BatchNorm3d


def made(config: EncoderConfig) -> Encoder:
    """An encoder whose batch norms do something, as after training."""
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    for norm in encoder.modules():
        if isinstance(norm, NORMS):
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
                tensor.add_(torch.rand_like(tensor) / 2)
    return encoder


def films(count: int, frames: int = 8, size: int = 64) -> NDArray[np.uint8]:
    """Smooth textures, each moving at its own pace."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, size // 8, size // 8, 3), dtype=np.uint8)
    pictures = coarse.repeat(8, 1).repeat(8, 2)
    return np.stack([[np.roll(each, i * t, 1) for t in range(frames)] for i, each in enumerate(pictures)])


@pytest.fixture
def in_float32(monkeypatch):
    """As on a processor that doesn't compute in bfloat16."""
    monkeypatch.setattr("encoder.runtime.computes_bfloat16", lambda: False)


def test_embeddings_are_float32_unit_vectors_equal_to_the_encoders_own():
    encoder = made(EncoderConfig(width=8, blocks=1))
    frames = films(3)
    embeddings = embed_clips(encoder, frames)
    assert embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    with torch.inference_mode():
        np.testing.assert_array_equal(embeddings, encoder(clips_to_tensor(torch.from_numpy(frames))).numpy())


@pytest.mark.parametrize(
    ("config", "frames", "size"),
    [
        (EncoderConfig(width=8, blocks=2), 8, 64),
        (EncoderConfig(width=8, look_network="efficientnet_lite0"), 8, 64),
        (EncoderConfig(network="efficientnet_lite0", look_dim=0, motion_weight=1), 4, 64),
        (EncoderConfig(network="r3d_18", look_dim=0, motion_weight=1, cells=(1, 1, 1)), 8, 32),
        (EncoderConfig(network="r2plus1d_18", look_dim=0, motion_weight=1, cells=(1, 1, 1)), 8, 32),
        (EncoderConfig(network="s3d", look_dim=0, motion_weight=1, cells=(1, 1, 1)), 16, 48),
    ],
)
def test_a_folded_encoder_has_no_batch_norm_left_and_gives_the_same_vectors(config, frames, size):
    encoder, clips = made(config), films(2, frames, size)
    folded = fold_norms(encoder)
    left = sum(isinstance(module, NORMS) for module in folded.modules())
    assert left == 0 or config.network == "r2plus1d_18"  # half of its convolutions are pairs with one norm in common
    np.testing.assert_allclose(embed_clips(folded, clips), embed_clips(encoder, clips), atol=2e-5)


def test_folding_leaves_the_encoder_as_it_was():
    encoder = made(EncoderConfig(width=8, blocks=1))
    before = deepcopy(encoder.state_dict())
    torch_runtime(encoder)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


@pytest.mark.parametrize("look_dim", [128, 0])
@pytest.mark.parametrize("count", [1, 8, 9, 20])
def test_the_torch_runtime_gives_the_vectors_of_the_plain_way_in_the_same_order(count, look_dim, in_float32):
    config = EncoderConfig(width=8, blocks=1, look_dim=look_dim, motion_weight=0.5 if look_dim else 1)
    encoder, clips = made(config), films(count)
    embeddings = torch_runtime(encoder)(clips)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, embed_clips(encoder, clips), atol=2e-5)


def test_pictures_that_overlapping_clips_share_are_looked_at_once_and_give_the_same_vectors(monkeypatch, in_float32):
    encoder = made(EncoderConfig(width=8, blocks=1))
    film = films(1, frames=40)[0]
    clips = np.stack([film[start : start + 8] for start in range(0, 29, 4)])
    seen = []
    pooled_look = Encoder.pooled_look
    monkeypatch.setattr(
        Encoder, "pooled_look", lambda self, frames: seen.append(len(frames)) or pooled_look(self, frames)
    )
    embeddings = torch_runtime(encoder)(clips)
    assert sum(seen) < 2 * len(clips)
    np.testing.assert_allclose(embeddings, embed_clips(encoder, clips), atol=2e-5)


def test_what_is_distinct_puts_back_together_what_was_given():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 4, 4, 3), np.uint8)[rng.integers(0, 3, (5, 2))]
    once, which = distinct(pictures)
    assert len(once) == 3
    np.testing.assert_array_equal(once[which], pictures)


def test_look_frames_are_those_of_the_look_part():
    encoder, clips = made(EncoderConfig(width=8, blocks=1)), clips_to_tensor(torch.from_numpy(films(2)))
    with torch.inference_mode():
        alone = torch.stack([encoder.pooled_look(clips[:, :, [frame]]) for frame in look_frames(8)])
        np.testing.assert_allclose(alone.mean(0), encoder.look_feature(clips), atol=1e-6)


@pytest.mark.parametrize(("count", "parts"), [(1, [1]), (2, [1, 1]), (16, [8, 8]), (17, [5, 4, 4, 4])])
def test_a_batch_is_divided_evenly_into_parts_that_all_threads_share(count, parts):
    sizes = []
    embed = side_by_side(lambda clips: sizes.append(len(clips)) or clips.astype(np.float32), 2)
    np.testing.assert_array_equal(embed(np.arange(count, dtype=np.uint8)), np.arange(count))
    assert sorted(sizes, reverse=True) == parts


def test_a_checkpoint_embeds_on_the_gpu_where_there_is_one(tmp_path, monkeypatch):
    save_encoder(made(EncoderConfig(width=8, blocks=1)), ClipSpec(), tmp_path / "tiny.safetensors")
    checkpoint = load_encoder(tmp_path / "tiny.safetensors")
    monkeypatch.setattr("encoder.checkpoint._gpu", lambda: torch.device("meta"))
    with pytest.raises(NotImplementedError, match="meta"):  # where there are no numbers to bring back
        checkpoint.embed(films(3))
    assert next(checkpoint.encoder.parameters()).device.type == "cpu"


def test_torch_is_asked_for_a_gpu_only_where_a_driver_is(tmp_path, monkeypatch):
    asked = Mock(return_value=True)
    monkeypatch.setattr("torch.cuda.is_available", asked)
    monkeypatch.setattr("encoder.checkpoint._GPU_DRIVERS", (str(tmp_path / "none"),))
    assert _gpu() is None
    assert not asked.called
    monkeypatch.setattr("encoder.checkpoint._GPU_DRIVERS", (str(tmp_path),))
    assert _gpu() == torch.device("cuda", 0)


@pytest.mark.parametrize("network", ["tsm", "efficientnet_lite0"])
def test_branches_in_bfloat16_give_nearly_the_same_vectors(monkeypatch, network):
    monkeypatch.setattr("encoder.runtime.computes_bfloat16", lambda: True)
    encoder, clips = made(EncoderConfig(width=8, look_network=network)), films(9)
    embeddings, plain = torch_runtime(encoder)(clips), embed_clips(encoder, clips)
    assert embeddings.dtype == np.float32
    assert (embeddings * plain).sum(1).min() > 0.9999
    assert np.abs(embeddings - plain).max() > 2e-5


def test_a_checkpoint_embeds_by_torch_where_openvino_is_not_installed(tmp_path, monkeypatch, in_float32):
    monkeypatch.setattr("encoder.checkpoint.find_spec", Mock(return_value=None))
    save_encoder(made(EncoderConfig(width=8, blocks=1)), ClipSpec(), tmp_path / "tiny.safetensors")
    checkpoint = load_encoder(tmp_path / "tiny.safetensors")
    np.testing.assert_allclose(checkpoint.embed(films(3)), embed_clips(checkpoint.encoder, films(3)), atol=2e-5)
    assert checkpoint.embed is checkpoint.embed  # folded once
