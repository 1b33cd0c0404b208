import sys

import pytest

from benchmarks import catalog as benchmark
from benchmarks.catalog import Task, build, follow, look_up, measure, opened, rescan, tasks
from encoder.checkpoint import DEFAULT, load_encoder


@pytest.fixture(scope="module")
def checkpoint():
    return load_encoder(DEFAULT)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "FOLDER", 3)
    build(tmp_path / "library", 4, 12, 8)
    return tmp_path / "library"


def test_the_library_is_as_if_its_files_had_been_indexed(folder, checkpoint):
    catalog = opened(folder)
    assert catalog.totals() == (4, 48, pytest.approx(4 * 13.0))
    assert rescan(folder, catalog, checkpoint) == 4
    assert catalog.videos_of_clips(catalog.clip_ids()) == {i + 1: i // 12 + 1 for i in range(48)}
    assert [len(spans) for _, (spans, _) in catalog.clips_of_videos([1, 4])] == [12, 12]
    catalog.close()


def test_a_library_is_made_once_and_not_mixed_with_another(folder):
    build(folder, 4, 12, 8)
    with pytest.raises(SystemExit, match="holds another library"):
        build(folder, 5, 12, 8)


def test_clips_are_looked_up_and_followed(folder):
    assert look_up(folder, [1, 48, 49]) == 2
    catalog = opened(folder)
    assert follow(catalog) == 48
    catalog.close()


def test_medians_leave_out_what_prepares(monkeypatch):
    now = iter([0.0, 1.0, 10.0, 14.0, 20.0, 22.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    monkeypatch.setattr("time.process_time", lambda: 0.0)
    done = []
    assert measure(Task("", lambda: done.append("run"), lambda: done.append("prepare")), 3) == (2.0, 0.0)
    assert done == ["prepare", "run"] * 3


def test_what_the_benchmark_adds_it_removes(folder, checkpoint, monkeypatch):
    monkeypatch.setattr(benchmark, "LONG", 20)
    for task in tasks(folder, checkpoint):
        measure(task, 1)
    catalog = opened(folder)
    assert catalog.totals()[:2] == (4, 48)
    catalog.close()


def test_the_table_has_a_row_for_every_task(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "LONG", 20)
    arguments = ["--videos", "3", "--clips", "60", "--rounds", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["catalog", *arguments])
    benchmark.main()
    head, _, *rows, _, memory = capsys.readouterr().out.splitlines()
    assert head == "| 3 videos, 60 clips | seconds | of the processor |"
    assert len(rows) == 12
    assert all(row.count("|") == 4 for row in rows)
    assert memory.endswith("MB of memory.")
