import json
import sys

import numpy as np
import pytest

from benchmarks import search
from benchmarks.search import Figures, effort, nearest, recall_of, table, timed
from benchmarks.vectors_bootstrap import Source, draw, draw_queries, from_library, invented, neighbour_similarities
from benchmarks.vectors_rivals import installed
from encoder.clips import Span
from encoder.video import VideoInfo
from indexer import schema
from indexer.catalog import Catalog
from indexer.records import EncodedVideo, FileState


def test_what_is_drawn_is_of_unit_length_and_lies_as_the_source_does():
    source = invented(200, 24)
    drawn = draw(source, 2000, seed=1).astype(np.float32)
    assert drawn.shape == (2000, 24)
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(1, abs=2e-3)
    noise = np.random.default_rng(0).normal(size=(2000, 24)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    real, near, far = (np.median(neighbour_similarities(each)) for each in (source.embeddings, drawn, noise))
    assert abs(near - real) < abs(far - real) / 2
    assert (draw(source, 2000, seed=1) == drawn).all()
    assert (draw(source, 2000, seed=2) != drawn).any(1).mean() > 0.9


def test_some_videos_are_drawn_unchanged():
    source = invented(50, 24)
    stored = {row.tobytes() for row in source.embeddings.astype(np.float16)}
    drawn = draw(source, 20_000, seed=1)
    assert 0.005 < np.mean([row.tobytes() in stored for row in drawn]) < 0.05


def test_half_of_the_queries_are_near_what_is_there():
    source = invented(200, 24)
    vectors = draw(source, 2000, seed=1)
    queries = draw_queries(source, vectors, 100, seed=2)
    best = nearest(vectors, queries, 1)[:, 0]
    assert queries.shape == (100, 24)
    assert (best > np.median(best) - 1e-6).sum() >= 50
    assert best.std() > 0.005


def test_the_steps_of_a_source_stay_within_its_videos():
    source = Source(np.array([[0.0], [1.0], [3.0], [7.0], [15.0]], np.float32), np.array([0, 3]))
    assert source.steps.tolist() == [[1.0], [2.0], [8.0]]


def test_a_library_is_read_video_by_video(tmp_path):
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    schema.upgrade(catalog.engine)
    for number, clips in enumerate((3, 2)):
        embeddings = np.eye(4, dtype=np.float32)[number : number + clips]
        video = EncodedVideo(
            VideoInfo(5.0, 4, 4, 25.0, "h264"), 5.0, 0, [Span(float(i), i + 1.0) for i in range(clips)], embeddings
        )
        catalog.add_video(FileState(f"/{number}", 1, 1), f"{number:032x}", video)
    catalog.close()
    source = from_library(tmp_path)
    assert source.starts.tolist() == [0, 3]
    assert (source.embeddings == np.eye(4)[[0, 1, 2, 1, 2]]).all()


def test_nearest_is_what_comparing_with_everything_gives_block_by_block():
    rng = np.random.default_rng(0)
    vectors, queries = rng.normal(size=(103, 8)).astype(np.float16), rng.normal(size=(5, 8)).astype(np.float32)
    expected = -np.sort(-(queries @ vectors.astype(np.float32).T), 1)[:, :7]
    assert nearest(vectors, queries, 7, block=10) == pytest.approx(expected, abs=1e-5)


def test_recall_counts_what_ties_and_not_what_is_missing():
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.5, 0]], np.float16)
    query = np.array([[1, 0]], np.float32)
    best = nearest(vectors, query, 1)
    assert recall_of(vectors, query, np.array([[1]]), best) == 1
    assert recall_of(vectors, query, np.array([[3]]), best) == 0
    assert recall_of(vectors, query, np.array([[0, 1]]), nearest(vectors, query, 2)) == 1
    assert recall_of(vectors, query, np.array([[0, -1]]), nearest(vectors, query, 2)) == 0.5


class Lazy:
    """Finds its first row only with an effort of 64."""

    adjustable = True

    def search(self, queries, k, ef):
        return np.full((len(queries), k), 0 if ef >= 64 else 2)


def test_the_least_effort_that_reaches_a_recall_is_chosen():
    vectors, query = np.array([[1, 0], [0, 1], [0, 1]], np.float16), np.array([[1, 0]], np.float32)
    assert effort(Lazy(), vectors, query, 1, nearest(vectors, query, 1), 0.5) == (64, 1.0)
    assert effort(Lazy(), vectors, query, 1, nearest(vectors, query, 1), 0.0) == (search.EFFORTS[0], 0.0)
    assert effort(Lazy(), vectors, query, 1, nearest(vectors, query, 1), 1.5) == (search.EFFORTS[-1], 1.0)


def test_searches_take_turns_and_their_median_and_percentile_are_given(monkeypatch):
    asked = []
    clock = iter(np.cumsum([0.0, 0, 0, 0.002, 0, 0.001, 0, 0.003, 0, 0.004]).tolist())
    monkeypatch.setattr("benchmarks.search.time.process_time", lambda: next(clock))
    searches = {name: lambda queries, name=name: asked.append((name, queries[:, 0].tolist())) for name in "ab"}
    found = timed(searches, np.arange(6.0)[:, None], 2, 2)
    assert asked[2:] == [("a", [0, 1]), ("b", [0, 1]), ("b", [2, 3]), ("a", [2, 3])]
    assert found["a"][0] == pytest.approx(3.0)  # of 2 and 4 ms
    assert found["b"][0] == pytest.approx(2.0)  # of 1 and 3 ms
    assert found["b"][1] == pytest.approx(2.98)


def test_the_table_says_everything_once():
    figures = Figures("ours", 10_000, 0.99, 0.98, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7_000_000)
    assert table([figures]).splitlines()[2] == (
        "| 10,000 | ours | 0.9900 | 1.00 / 2.00 ms | 3.00 / 4.00 ms | 0.9800 | 5 ms | 6 s | 7 MB |"
    )


@pytest.mark.parametrize("name", ["hnswlib", "usearch"])
def test_a_rival_finds_what_is_nearest_and_comes_back_from_its_file(name, tmp_path):
    pytest.importorskip(name)
    vectors = draw(invented(50, 16), 300, seed=1)
    made, again = ({rival.name: rival for rival in installed(16)}[name] for _ in range(2))
    made.build(vectors, 1)
    made.save(tmp_path / "file")
    again.load(tmp_path / "file")
    queries = vectors[:20].astype(np.float32)
    for rival in (made, again):
        assert recall_of(vectors, queries, rival.search(queries, 5, 64), nearest(vectors, queries, 5)) > 0.98


def test_one_run_measures_every_index_and_writes_figures_and_a_plot(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(search, "QUERIES", 20)
    monkeypatch.setattr(search, "WINDOWS", 4)
    monkeypatch.setattr(search, "ROUNDS", 8)
    monkeypatch.setattr("indexer.vectors.EXACT_UP_TO", 250)
    arguments = ["--sizes", "200,300", "--dim", "16", "--out", str(tmp_path / "out"), "--keep", str(tmp_path / "kept")]
    for _ in range(2):  # then from the kept files
        monkeypatch.setattr(sys, "argv", ["search", *arguments])
        search.main()
    figures = json.loads((tmp_path / "out" / "search.json").read_text())
    assert [(each["name"], each["size"]) for each in figures if each["name"] in ("ours", "exact")] == [
        ("ours", 200), ("exact", 200), ("ours", 300), ("exact", 300)
    ]  # fmt: skip
    assert all(each["recall"] > 0.95 for each in figures)
    assert (tmp_path / "out" / "growth.png").read_bytes()[:4] == b"\x89PNG"
    assert capsys.readouterr().out.count("| ours |") == 4
