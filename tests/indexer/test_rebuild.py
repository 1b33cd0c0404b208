"""A library whose index has outgrown its structure: searches go on, and a killed rebuild costs nothing."""

import os
import signal
import subprocess
import sys
from threading import Event

import numpy as np
import pytest

from encoder.clips import Span
from encoder.video import VideoInfo
from indexer.library import Library
from indexer.records import EncodedVideo, FileState
from indexer.vectors import VectorIndex
from indexer.verify import verify

DIM, CLIPS = 256, 40
REBUILD = """
import os, sys, time
from pathlib import Path
from indexer import vectors
from indexer.library import Library

vectors.EXACT_UP_TO, vectors._BLOCK = 100, 10
if sys.argv[2] == "writing":
    os.fsync = lambda _: (print("now", flush=True), time.sleep(60))
with Library.open(Path(sys.argv[1])) as library:
    library.index.current()
    if sys.argv[2] == "building":
        print("now", flush=True)
    library.index._rebuilding.join()
    print("now", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("indexer.vectors.EXACT_UP_TO", 100)


def add_video(library, number):
    made = np.random.default_rng(number).normal(size=(CLIPS, DIM))
    embeddings = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    info = VideoInfo(320, 240, 25.0, float(CLIPS + 1), "h264")
    spans = [Span(float(i), i + 2.0) for i in range(CLIPS)]
    library.catalog.add_video(
        FileState(f"/{number}.mp4", 1, 1), f"{number:032x}", EncodedVideo(info, CLIPS + 1.0, 0, spans, embeddings)
    )


def fill(library, videos):
    for number in videos:
        add_video(library, number)


def finds_all(library, index):
    ids, embeddings = (np.concatenate(each) for each in zip(*library.catalog.embeddings(), strict=True))
    return (index.search(embeddings, 1)[1][:, 0] == ids).mean() > 0.99 and (index.ids() == ids).all()


def cached(library):
    return VectorIndex.load(library.index.path, DIM)


def test_searches_have_the_old_index_until_the_new_one_is_there(library, monkeypatch):
    fill(library, range(5))
    going, restructured = Event(), VectorIndex.restructured

    def slow(index, stopped):
        made = restructured(index, stopped)
        going.wait(20)
        return made

    monkeypatch.setattr(VectorIndex, "restructured", slow)
    old = library.index.current()
    rebuilding = library.index._rebuilding
    assert old.describe().startswith("exact search over 200 clips")
    fill(library, [5])  # while it is being rebuilt
    library.catalog.remove_files(["/0.mp4"])
    assert library.index.current() is old
    assert library.index._rebuilding is rebuilding
    assert finds_all(library, old)
    going.set()
    rebuilding.join()
    assert library.index._index.generation == library.catalog.generation()  # what changed meanwhile was taken over
    new = library.index.current()
    assert new.describe() == library.index.facts
    assert new.describe().startswith("approximate search over 200 clips (0.1 MB), the 40 newest")
    assert finds_all(library, new)
    assert verify(library).problems == []


def test_closing_stops_a_rebuild_and_the_next_opening_does_it(library, monkeypatch):
    monkeypatch.setattr("indexer.vectors._BLOCK", 1)
    fill(library, range(5))
    library.index.current()
    library.close()
    with Library.open(library.folder) as again:
        assert not again.index.current()._graphed
        again.index._rebuilding.join()
        assert again.index.current()._graphed == 200
        assert not again.index._index.due


def test_indexing_and_repairing_leave_the_index_in_its_structure(library, videos):
    videos.mkdir(exist_ok=True)
    fill(library, range(5))
    library.add([videos])
    assert cached(library)._graphed == 200
    library.index.path.write_bytes(b"")
    assert verify(library, repair=True).ok
    assert cached(library)._graphed == 200


def test_a_cache_that_another_process_has_brought_up_to_date_is_read_not_made_again(library):
    fill(library, range(5))
    library.index.rebuild()
    with Library.open(library.folder) as other:
        fill(other, [5])
        other.index.refresh_and_save()
    assert library.index.current()._graph.referenced_objects  # mapped
    assert finds_all(library, library.index.current())


@pytest.mark.parametrize(("moment", "graphed"), [("building", 0), ("writing", 0), ("done", 400)])
@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_a_rebuild_killed_at_any_point_leaves_an_index_that_serves(library, moment, graphed):
    fill(library, range(10))
    library.index.refresh()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", REBUILD, library.folder, moment]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGKILL)
    assert library.index.path.with_name("vectors.faiss.part").exists() == (moment == "writing")
    with Library.open(library.folder) as again:
        assert verify(again).problems == []
        again.index.refresh()
        assert again.index._index._graphed == graphed
        assert finds_all(again, again.index._index)
        again.index._restructure()
        assert [path.name for path in library.folder.glob("vectors.*")] == ["vectors.faiss"]
        assert cached(again)._graphed == 400
