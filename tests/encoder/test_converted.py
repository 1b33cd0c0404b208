from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from encoder.checkpoint import Checkpoint, load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from encoder.runtime import embed_clips

pytest.importorskip("openvino")
import encoder.converted
from encoder.converted import openvino_runtime


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache") / "encoders"


def saved(path: Path, config: EncoderConfig, spec: ClipSpec) -> Checkpoint:
    torch.manual_seed(0)
    save_encoder(Encoder(config).eval(), spec, path)
    return load_encoder(path)


@pytest.fixture
def tiny(tmp_path) -> Checkpoint:
    return saved(tmp_path / "tiny.safetensors", EncoderConfig(width=8, blocks=1), ClipSpec(frames=4, size=32))


def films(checkpoint: Checkpoint, count: int) -> NDArray[np.uint8]:
    """Smooth textures, each moving at its own pace."""
    spec, rng = checkpoint.spec, np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, spec.size // 8, spec.size // 8, 3), dtype=np.uint8)
    pictures = coarse.repeat(8, 1).repeat(8, 2)
    return np.stack([[np.roll(each, i * t, 1) for t in range(spec.frames)] for i, each in enumerate(pictures)])


def cosines(checkpoint: Checkpoint, embeddings: NDArray[np.float32], clips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How alike embeddings are to those of plain torch."""
    assert embeddings.dtype == np.float32
    return (embeddings * embed_clips(checkpoint.encoder, clips)).sum(1)


@pytest.mark.parametrize(
    "config",
    [
        EncoderConfig(width=8),
        EncoderConfig(width=8, look_network="efficientnet_lite0", still=0.1, region_cells=(2, 3, 3)),
        EncoderConfig(network="s3d", look_dim=0, motion_weight=1, cells=(1, 1, 1)),
    ],
)
def test_openvino_gives_the_vectors_of_plain_torch(tmp_path, cache, config):
    checkpoint = saved(tmp_path / "one.safetensors", config, ClipSpec(frames=16, size=64))
    embed = openvino_runtime(checkpoint, cache)
    for count in (5, 1):
        clips = films(checkpoint, count)
        assert cosines(checkpoint, embed(clips), clips).min() > 0.999


def test_openvino_gives_the_vectors_of_the_shipped_encoder(cache):
    shipped = load_encoder()
    clips = films(shipped, 9)
    assert cosines(shipped, openvino_runtime(shipped, cache)(clips), clips).min() > 0.999


def test_a_checkpoint_embeds_by_openvino_and_keeps_the_converted_network_in_the_users_cache(
    tmp_path, tiny, monkeypatch
):
    monkeypatch.setattr("encoder.checkpoint.user_cache_path", lambda name: tmp_path / name)
    assert cosines(tiny, tiny.embed(films(tiny, 2)), films(tiny, 2)).min() > 0.999
    (kept,) = (tmp_path / "reelseek").iterdir()
    assert kept.name.startswith(tiny.fingerprint)
    assert tiny.embed is tiny.embed


def test_a_kept_network_is_not_converted_again(tiny, cache, monkeypatch):
    first = openvino_runtime(tiny, cache)(films(tiny, 3))
    monkeypatch.setattr(encoder.converted, "_convert", Mock(side_effect=AssertionError))
    np.testing.assert_allclose(openvino_runtime(tiny, cache)(films(tiny, 3)), first, atol=1e-6)


def test_a_kept_network_serves_only_its_own_encoder_code_and_openvino(tmp_path, tiny, cache, monkeypatch):
    names = {encoder.converted._key(tiny)}
    other = saved(tmp_path / "other.safetensors", EncoderConfig(width=8, blocks=2), tiny.spec)
    names.add(encoder.converted._key(other))
    monkeypatch.setattr("openvino.__version__", "1")
    names.add(encoder.converted._key(tiny))
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"")
    names.add(encoder.converted._key(tiny))
    assert len(names) == 4


@pytest.mark.parametrize("name", ["encoder.xml", "encoder.bin"])
def test_a_damaged_network_is_converted_again_and_kept(tiny, tmp_path, name):
    openvino_runtime(tiny, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    sound = (kept / name).read_bytes()
    (kept / name).write_bytes(sound[: len(sound) // 2])
    clips = films(tiny, 2)
    assert cosines(tiny, openvino_runtime(tiny, tmp_path / "cache")(clips), clips).min() > 0.999
    assert len((kept / name).read_bytes()) == len(sound)
    assert list((tmp_path / "cache").iterdir()) == [kept]


def test_a_cache_that_cannot_be_written_is_done_without(tiny, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    clips = films(tiny, 2)
    assert cosines(tiny, openvino_runtime(tiny, tmp_path / "file" / "cache")(clips), clips).min() > 0.999


def test_float32_is_nearer_to_torch_than_the_processors_fastest(tiny, cache):
    clips = films(tiny, 4)
    exact = cosines(tiny, openvino_runtime(tiny, cache, "f32")(clips), clips).min()
    assert exact > 0.999999
    assert exact >= cosines(tiny, openvino_runtime(tiny, cache)(clips), clips).min() - 1e-6


def test_threads_may_embed_side_by_side(tiny, cache):
    embed, clips = openvino_runtime(tiny, cache), films(tiny, 24)
    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(embed, np.split(clips, 12)))
    np.testing.assert_allclose(np.concatenate(parts), embed(clips), atol=1e-3)
