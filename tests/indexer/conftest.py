"""A small untrained encoder, libraries made with it, and decoders that all tests share."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from encoder.checkpoint import load_encoder, save_encoder
from encoder.clips import ClipSpec, Span
from encoder.config import EncoderConfig
from encoder.decoding import DecodePool
from encoder.model import Encoder
from indexer.library import Library
from indexer.requests import Example
from indexer.vectors import VectorIndex

SPEC = ClipSpec(frames=8, fps=4.0, size=32, hop=4)
CLIP_S = 2.0


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


class _Films:
    """A catalog of V videos of so many clips each, a second apart; clip ids ascend with the videos from 0."""

    def __init__(self, embeddings):
        self.embeddings, self.clips = embeddings, embeddings.shape[1]
        self.index = VectorIndex(embeddings.shape[2], 0)
        self.index.add(np.arange(len(embeddings) * self.clips), embeddings.reshape(-1, embeddings.shape[2]))

    def videos_of_clips(self, ids):
        return {i: i // self.clips for i in ids}

    def clips_of_videos(self, videos):
        spans = [Span(i, i + CLIP_S) for i in range(self.clips)]
        return ((video, (spans, self.embeddings[video])) for video in videos)


@pytest.fixture(scope="session")
def films_of():
    """films_of(embeddings): a catalog and index of videos with (V, clips, D) embeddings."""
    return _Films


@pytest.fixture(scope="session")
def use_pool(pool):
    """use_pool(patch): libraries get the shared decoders."""

    def use(patch):
        for place in ("library", "embedder"):
            patch.setattr(f"indexer.{place}.DecodePool", lambda *_: pool)

    return use


@pytest.fixture
def library(tmp_path, checkpoint, use_pool, monkeypatch):
    """An empty library whose runs use the shared decoder."""
    use_pool(monkeypatch)
    with Library.create(tmp_path / "library", checkpoint) as made:
        yield made


@pytest.fixture(scope="session")
def films(moving_video, tmp_path_factory):
    """Six moving videos of 20 s and one of 60 s."""
    folder = tmp_path_factory.mktemp("films")
    for seed in range(6):
        moving_video(folder / f"{seed}.mp4", 20, seed, fps=12)
    moving_video(folder / "long.mp4", 60, 9, fps=12)
    return folder


@pytest.fixture(scope="session")
def filled_folder(films, checkpoint, tmp_path_factory, use_pool):
    folder = tmp_path_factory.mktemp("filled") / "library"
    with pytest.MonkeyPatch.context() as patch:
        use_pool(patch)
        with Library.create(folder, checkpoint) as made:
            assert made.add([films]).indexed == 7
    return folder


@pytest.fixture
def filled(filled_folder, tmp_path, use_pool, monkeypatch):
    """A library of those films, free to be changed."""
    use_pool(monkeypatch)
    shutil.copytree(filled_folder, tmp_path / "filled")
    with Library.open(tmp_path / "filled") as opened:
        yield opened


@pytest.fixture(scope="session")
def found():
    """found(library, clip, span): the names of the files that a search finds, best first."""

    def names(library, clip, span=None):
        matches = library.search(Example(clip, span))
        return [Path(library.catalog.paths([match.video_id])[match.video_id][0]).name for match in matches]

    return names
