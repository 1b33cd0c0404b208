import errno
import json
import os

import numpy as np
import pytest

from indexer.vectors import CacheError, VectorIndex

DIM = 16


def vectors(count, seed=0):
    made = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def index():
    made = VectorIndex(DIM, generation=123)
    made.add(np.arange(10, 310, 3), vectors(100))
    return made


def test_search_finds_what_comparing_with_everything_finds(index):
    queries = vectors(7, seed=1)
    similarities, ids = index.search(queries, 5)
    all_similarities = queries @ vectors(100).T
    order = np.argsort(-all_similarities, 1)[:, :5]
    assert (ids == np.arange(10, 310, 3)[order]).all()
    assert similarities == pytest.approx(np.take_along_axis(all_similarities, order, 1), abs=1e-6)


def test_search_fills_up_with_minus_one_where_there_is_no_more(index):
    assert (index.search(vectors(1), 101)[1][0] == -1).sum() == 1


def test_what_is_removed_is_not_found_and_the_rest_keeps_its_ids(index):
    index.remove(np.array([13, 16, 999]))
    assert len(index) == 98
    assert index.search(vectors(100)[[1]], 1)[1][0, 0] != 13
    assert index.search(vectors(100)[[99]], 1)[1][0, 0] == 307
    assert (index.vectors(np.array([307])) == vectors(100)[99]).all()


def test_a_sample_is_spread_over_the_index_and_no_larger_than_it(index):
    assert (index.sample(1000) == vectors(100)).all()
    assert (index.sample(2) == vectors(100)[[0, 99]]).all()
    assert index.sample(1000).shape == (100, DIM)


def test_it_comes_back_from_its_file(index, tmp_path):
    index.remove(np.array([13]))
    index.save(tmp_path / "cache")
    loaded = VectorIndex.load(tmp_path / "cache", DIM)
    assert loaded.generation == 123
    assert (loaded.ids() == index.ids()).all()
    assert (loaded.vectors(loaded.ids()) == index.vectors(index.ids())).all()
    loaded.add(np.array([13]), vectors(1, seed=3))  # goes on working
    loaded.remove(np.array([10]))
    assert len(loaded) == 99
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_an_empty_index_comes_back_from_its_file(tmp_path):
    VectorIndex(DIM).save(tmp_path / "cache")
    assert len(VectorIndex.load(tmp_path / "cache", DIM)) == 0


def test_any_damaged_byte_is_noticed(index, tmp_path):
    path = tmp_path / "cache"
    index.save(path)
    sound = path.read_bytes()
    header = sound.index(b"\n") + 1
    for at in [*range(header), *range(header, len(sound), 97), len(sound) - 1]:
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(CacheError):
            VectorIndex.load(path, DIM)


@pytest.mark.parametrize("length", [0, 1, 40, 2000, -1])
def test_a_file_cut_off_is_noticed(index, tmp_path, length):
    index.save(tmp_path / "cache")
    (tmp_path / "cache").write_bytes((tmp_path / "cache").read_bytes()[:length])
    with pytest.raises(CacheError):
        VectorIndex.load(tmp_path / "cache", DIM)


def test_a_missing_file_a_folder_and_other_vectors_are_told_apart(index, tmp_path):
    with pytest.raises(CacheError, match="missing"):
        VectorIndex.load(tmp_path / "cache", DIM)
    with pytest.raises(CacheError, match="can't be read"):
        VectorIndex.load(tmp_path, DIM)
    index.save(tmp_path / "cache")
    with pytest.raises(CacheError, match="holds vectors of 16 numbers, not 17"):
        VectorIndex.load(tmp_path / "cache", 17)


@pytest.mark.parametrize("header", [{"format": 2}, {}, [], 7, {"format": 1, "generation": None, "checksum": ""}])
def test_another_format_is_refused(index, tmp_path, header):
    index.save(tmp_path / "cache")
    payload = (tmp_path / "cache").read_bytes().partition(b"\n")[2]
    (tmp_path / "cache").write_bytes(json.dumps(header).encode() + b"\n" + payload)
    with pytest.raises(CacheError):
        VectorIndex.load(tmp_path / "cache", DIM)


def test_a_write_that_fails_leaves_the_file_that_was_there(index, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    index.save(tmp_path / "cache")
    index.remove(np.array([13]))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            index.save(tmp_path / "cache")
    assert len(VectorIndex.load(tmp_path / "cache", DIM)) == 100
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
