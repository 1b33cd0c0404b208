import errno
import json
import os

import numpy as np
import pytest

from indexer.vector_file import CacheError, check
from indexer.vectors import VectorIndex, cached_facts, cached_generation

DIM = 16


def vectors(count, seed=0):
    made = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made.astype(np.float16).astype(np.float32)  # as the catalog has them


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
    """By the check at least; by loading, too, unless it lies in a vector."""
    path = tmp_path / "cache"
    index.save(path)
    sound = path.read_bytes()
    vectors_at = len(sound) - 100 * 2 * DIM
    for at in [*range(0, vectors_at, 7), *range(vectors_at - 9, len(sound), 97), len(sound) - 1]:
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(CacheError):
            check(path)
        if at < vectors_at:
            with pytest.raises(CacheError):
                VectorIndex.load(path, DIM)


@pytest.mark.parametrize("length", [0, 1, 40, 999, 1000, 2000, -1])
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


@pytest.mark.parametrize(
    "header", [{"format": 1}, {"format": 2}, {}, [], 7, {"generation": None}, {"rows": -1}, {"graphed": 101}]
)
def test_another_format_is_refused(index, tmp_path, header):
    index.save(tmp_path / "cache")
    content = (tmp_path / "cache").read_bytes()
    if isinstance(header, dict) and "format" not in header:
        header = {**json.loads(content[:1000]), **header} if header else {}
    (tmp_path / "cache").write_bytes(json.dumps(header).encode().ljust(999) + b"\n" + content[1000:])
    assert cached_generation(tmp_path / "cache") is None
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


# Above the size of exact search

MANY = 600


@pytest.fixture
def large(monkeypatch):
    """An index of 600 vectors in a graph, with ids 1000, 1001, ..."""
    monkeypatch.setattr("indexer.vectors.EXACT_UP_TO", 200)
    monkeypatch.setattr("indexer.vectors._FEWEST_HIDDEN", 20)
    made = VectorIndex(DIM, generation=5)
    made.add(np.arange(1000, 1000 + MANY), vectors(MANY))
    return made.restructured()


def test_an_index_is_due_for_a_graph_when_it_has_outgrown_comparing_one_by_one(monkeypatch):
    monkeypatch.setattr("indexer.vectors.EXACT_UP_TO", 200)
    growing = VectorIndex(DIM)
    growing.add(np.arange(200), vectors(200))
    assert not growing.due
    assert growing.describe() == "exact search over 200 clips (0.0 MB); approximate above 200"
    growing.add(np.array([200]), vectors(1))
    assert growing.due
    made = growing.restructured()
    assert not made.due
    assert made.describe() == "approximate search over 201 clips (0.0 MB), the 0 newest of them exactly"


def test_a_graph_finds_nearly_all_that_comparing_finds_and_the_similarities_are_exact(large):
    queries = vectors(100, seed=1)
    similarities, ids = large.search(queries, 10)
    expected = np.sort(queries @ vectors(MANY).T, 1)[:, ::-1][:, :10]
    assert (similarities >= expected[:, -1:] - 1e-6).mean() > 0.99
    assert (np.diff(similarities, axis=1) <= 0).all()
    assert similarities == pytest.approx(
        (queries[:, None] * large.vectors(ids.ravel()).reshape(100, 10, DIM)).sum(2), abs=1e-6
    )
    assert large.generation == 5
    assert (large.vectors(large.ids()) == vectors(MANY)).all()


def test_what_comes_after_the_graph_is_found_and_so_is_what_was_there(large):
    new = vectors(50, seed=2)
    large.add(np.arange(5000, 5050), new)
    assert (large.search(new, 3)[1][:, 0] == np.arange(5000, 5050)).all()
    assert (large.search(vectors(MANY), 3)[1][:, 0] == np.arange(1000, 1000 + MANY)).mean() > 0.99
    assert len(large) == MANY + 50
    assert (large.vectors(np.array([5001, 1003])) == [new[1], vectors(MANY)[3]]).all()
    assert large.describe() == "approximate search over 650 clips (0.1 MB), the 50 newest of them exactly"


def test_what_is_removed_from_graph_and_list_is_hidden(large):
    large.add(np.arange(5000, 5050), vectors(50, seed=2))
    gone = np.array([1000, 1007, 5000, 5049, 77])
    large.remove(gone)
    found = large.search(np.concatenate([vectors(MANY), vectors(50, seed=2)]), MANY)[1]
    assert not np.isin(found, gone).any()
    assert (found[:, :10] >= 0).all()  # what is hidden takes nobody's place
    assert len(large) == MANY + 50 - 4
    assert not np.isin(large.ids(), gone).any()
    assert not large.due


def test_an_index_is_built_anew_when_much_is_hidden_and_is_exact_again_when_little_is_left(large):
    large.remove(np.arange(1000, 1140))
    assert not large.due
    large.remove(np.arange(1140, 1200))
    assert large.due
    fewer = large.restructured()
    assert not fewer.due
    assert (fewer.vectors(fewer.ids()) == vectors(MANY)[200:]).all()
    assert fewer._graphed == MANY - 200
    large.remove(np.arange(1200, 1550))
    least = large.restructured()
    assert (least._graphed, len(least), least.due) == (0, 50, False)


def test_few_vectors_can_be_put_into_a_graph_as_well():
    few = VectorIndex(DIM)
    few.add(np.arange(7, 57), vectors(50))
    few.remove(np.array([9]))
    graph = few.as_graph()
    assert (graph._graphed, few._graphed) == (49, 0)
    assert (graph.ids() == few.ids()).all()
    assert (graph.search(vectors(50), 1)[1] == few.search(vectors(50), 1)[1]).mean() > 0.95
    assert few.as_graph(stopped=lambda: True) is None


def test_a_graph_is_extended_by_a_copy_while_the_old_one_serves(large):
    large.add(np.arange(5000, 5201), vectors(201, seed=2))
    large.remove(np.array([1000, 5000]))
    assert large.due
    before = large.search(vectors(20, seed=3), 10)
    extended = large.restructured()
    assert extended._graphed == MANY + 201
    assert all((one == other).all() for one, other in zip(before, large.search(vectors(20, seed=3), 10), strict=True))
    assert (extended.ids() == large.ids()).all()
    assert (extended.vectors(extended.ids()) == large.vectors(large.ids())).all()
    assert (extended.search(vectors(201, seed=2)[1:], 1)[1][:, 0] == np.arange(5001, 5201)).mean() > 0.99


def test_the_same_vectors_make_the_same_graph(large, tmp_path):
    again = VectorIndex(DIM, generation=5)
    again.add(np.arange(1000, 1000 + MANY), vectors(MANY))
    large.save(tmp_path / "one")
    again.restructured().save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_what_changes_during_a_rebuild_is_taken_over(large):
    made = large.restructured()
    large.add(np.array([5000]), vectors(1, seed=2))
    large.remove(np.array([1001]))
    large.generation = 7
    made.follow(large)
    assert made.generation == 7
    assert (made.ids() == large.ids()).all()
    assert made.search(vectors(1, seed=2), 1)[1][0, 0] == 5000


def test_a_rebuild_can_be_stopped(large, monkeypatch):
    monkeypatch.setattr("indexer.vectors._BLOCK", 100)
    large.add(np.arange(5000, 5300), vectors(300, seed=2))
    asked = iter([False, True])
    assert large.restructured(lambda: next(asked)) is None


def test_a_graph_comes_back_from_its_file_and_goes_on(large, tmp_path):
    large.add(np.arange(5000, 5201), vectors(201, seed=2))
    large.remove(np.array([1003, 5003]))
    large.save(tmp_path / "cache")
    check(tmp_path / "cache")
    loaded = VectorIndex.load(tmp_path / "cache", DIM)
    assert cached_facts(tmp_path / "cache") == loaded.describe() == large.describe()
    queries = vectors(20, seed=3)
    assert all(
        (one == other).all() for one, other in zip(large.search(queries, 9), loaded.search(queries, 9), strict=True)
    )
    assert (loaded.vectors(loaded.ids()) == large.vectors(large.ids())).all()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "cache").read_bytes()
    (tmp_path / "cache").unlink()  # what is mapped stays
    loaded.add(np.array([9000]), vectors(1, seed=4))
    extended = loaded.restructured()
    assert extended._graphed == len(extended) + 2 == MANY + 202
    assert extended.search(vectors(1, seed=4), 1)[1][0, 0] == 9000


# Some of the vectors only


@pytest.mark.parametrize("count", [3, 190, 400])  # the last is more than are compared one by one
def test_among_some_ids_the_nearest_of_these_are_found(large, count):
    large.add(np.arange(9000, 9050), vectors(50, seed=2))
    have = large.ids()
    some = np.sort(np.random.default_rng(3).choice(have, count, replace=False))
    queries = vectors(20, seed=4)
    similarities, ids = large.search(queries, 5, some)
    alike = queries @ large.vectors(some).T
    best = np.sort(alike, 1)[:, ::-1][:, :5]
    assert np.isin(ids[ids >= 0], some).all()
    assert (ids >= 0).sum(1).tolist() == [min(5, count)] * 20
    assert (similarities[:, : best.shape[1]] >= best[:, -1:] - 1e-6).mean() > 0.98


def test_among_ids_that_are_gone_there_is_nothing(index):
    assert (index.search(vectors(2), 3, np.array([11, 12]))[1] == -1).all()
