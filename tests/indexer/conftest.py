"""A small untrained encoder, libraries made with it, and decoders that all tests share."""

import pytest
import torch

import indexer.library
from encoder.checkpoint import load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.decoding import DecodePool
from encoder.model import Encoder
from indexer.library import Library

SPEC = ClipSpec(frames=8, fps=4.0, size=32, hop=4)


class SharedPool(DecodePool):
    """Decoders that outlive the `with` of one run: starting them is what takes the time of a small test."""

    def close(self):
        pass


@pytest.fixture(scope="session")
def encoder_file(tmp_path_factory):
    """A checkpoint of a small encoder with random weights."""
    return _saved(tmp_path_factory.mktemp("encoder") / "small.safetensors", 0)


@pytest.fixture(scope="session")
def other_encoder_file(tmp_path_factory):
    return _saved(tmp_path_factory.mktemp("encoder") / "other.safetensors", 1)


def _saved(path, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        save_encoder(Encoder(EncoderConfig(width=8)), SPEC, path)
    return path


@pytest.fixture(scope="session")
def checkpoint(encoder_file):
    return load_encoder(encoder_file)


@pytest.fixture(scope="session")
def pool():
    """Decoders for all tests that don't harm them; two, so that a file can wait for its copy."""
    shared = SharedPool(2)
    yield shared
    DecodePool.close(shared)


@pytest.fixture
def library(tmp_path, checkpoint, pool, monkeypatch):
    """An empty library whose runs use the shared decoder."""
    monkeypatch.setattr(indexer.library, "DecodePool", lambda *_: pool)
    with Library.create(tmp_path / "library", checkpoint) as made:
        yield made
