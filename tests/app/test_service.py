import os
from dataclasses import replace

import numpy as np
import pytest

from app import service
from app.settings import Settings
from app.text import file_name, shown
from encoder.checkpoint import CheckpointError, load_encoder
from encoder.clips import Span
from encoder.video import VideoInfo
from indexer.align import Segment
from indexer.errors import LibraryError
from indexer.library import Library
from indexer.records import EncodedVideo, FileState
from indexer.search import Match
from indexer.update import Failure, UpdateReport

DIM = 256


@pytest.fixture
def library(tmp_path, encoders):
    with Library.create(tmp_path / "library", load_encoder(encoders[0])) as made:
        yield made


def put(library, path, content, damaged=0):
    vectors = np.eye(2, DIM, dtype=np.float32)
    info = VideoInfo(3.0, 64, 48, 25.0, "h264")
    video = EncodedVideo(info, 3.0, damaged, [Span(0.0, 2.0), Span(1.0, 3.0)], vectors)
    return library.catalog.add_video(FileState(str(path), 1, 1), content, video)


def segment(score, start):
    return Segment(Span(start, start + 2.00049), Span(0.0, 2.0), score, 1.0)


def test_a_library_is_made_with_the_encoder_asked_for_and_opened_with_its_own(tmp_path, encoders):
    settings = Settings(library=tmp_path / "new")
    with service.open_or_create(settings, str(encoders[0])) as made:
        assert made.checkpoint.name == "0.safetensors"
    for encoder in (None, str(encoders[0])):
        with service.open_or_create(settings, encoder) as opened:
            assert opened.checkpoint.fingerprint == made.checkpoint.fingerprint
    with pytest.raises(LibraryError, match="was built by encoder"):
        service.open_or_create(settings, str(encoders[1]))
    with pytest.raises(CheckpointError, match="no encoder 'nothing'"):
        service.open_or_create(Settings(library=tmp_path / "other"), "nothing")
    assert not (tmp_path / "other").exists()


def test_a_row_shows_the_best_segment_and_all_of_them(library, tmp_path):
    video_id = put(library, tmp_path / "a.mp4", "c1")
    (row,) = service.search_rows(library, [Match(video_id, [segment(0.98765, 4.0), segment(0.5, 9.0)])])
    assert row["path"] == str(tmp_path / "a.mp4")
    assert (row["score"], row["start"], row["end"], row["query_start"], row["query_end"]) == (0.9877, 4, 6, 0, 2)
    assert [(part["score"], part["start"]) for part in row["segments"]] == [(0.9877, 4), (0.5, 9)]


def test_a_row_of_several_examples_has_their_score_and_says_which_one_each_segment_matches(library, tmp_path):
    video_id = put(library, tmp_path / "a.mp4", "c1")
    segments = [replace(segment(0.9, 4.0), example=1), segment(0.5, 9.0)]
    (row,) = service.search_rows(library, [Match(video_id, segments, together=0.7)])
    assert (row["score"], row["example"], row["start"]) == (0.7, 1, 4)
    assert [(part["score"], part["example"]) for part in row["segments"]] == [(0.9, 1), (0.5, 0)]


def test_a_row_names_a_path_that_is_there_and_the_others_as_copies(library, tmp_path):
    video_id = put(library, tmp_path / "gone.mp4", "c1")
    (tmp_path / "here.mp4").touch()
    library.catalog.set_file(FileState(str(tmp_path / "here.mp4"), 1, 1), "c1", video_id=video_id)
    (row,) = service.search_rows(library, [Match(video_id, [segment(1, 0.0)])])
    assert row["path"] == str(tmp_path / "here.mp4")
    assert row["copies"] == [str(tmp_path / "gone.mp4")]


def test_a_video_removed_meanwhile_has_no_row(library):
    assert service.search_rows(library, [Match(7, [segment(1, 0.0)])]) == []


def test_the_index_result_counts_as_the_contract_says():
    report = UpdateReport(1, 2, 3, 4, 5, [Failure("/a", "is empty")], 6, 7.00049)
    assert service.index_result(report, 8.00049) == {
        "indexed": 1, "unchanged": 2, "moved": 3, "copies": 4, "removed": 5,
        "failed": [{"path": "/a", "reason": "is empty"}], "clips": 6, "video_seconds": 7, "seconds": 8,
    }  # fmt: skip


def test_status_tells_what_is_there_what_failed_and_what_is_damaged(library):
    put(library, "/a.mp4", "c1", damaged=3)
    library.catalog.set_file(FileState("/bad.mp4", 1, 1), "c2", reason="is empty")
    status = service.status(library)
    assert (status["videos"], status["files"], status["clips"], status["video_seconds"]) == (1, 1, 2, 3)
    assert status["failed"] == [{"path": "/bad.mp4", "reason": "is empty"}]
    assert status["damaged"] == [{"path": "/a.mp4", "packets": 3}]
    assert status["bytes"] == sum(path.stat().st_size for path in library.folder.iterdir())
    assert status["encoder"]["fingerprint"] == library.checkpoint.fingerprint
    assert status["cache"] == "the search cache is missing or damaged, so the next search builds it"
    library.index.refresh()
    facts = "exact search over 2 clips (0.0 MB); approximate above 50,000"
    assert service.status(library)["cache"] == f"{facts}; up to date"
    put(library, "/b.mp4", "c3")
    assert service.status(library)["cache"] == f"{facts}; behind, so the next search catches up"


def test_any_name_can_be_shown(tmp_path):
    assert file_name(os.fsdecode(b"/films/\xff \xc3\xa9.mp4")) == r"\udcff é.mp4"
    assert shown(tmp_path) == str(tmp_path)


def test_settings_come_from_the_environment_and_fall_back_to_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("REELSEEK_LIBRARY", raising=False)
    assert Settings().library == tmp_path / "reelseek" / "library"
    monkeypatch.setenv("REELSEEK_LIBRARY", "/films/library")
    monkeypatch.setenv("REELSEEK_WORKERS", "3")
    assert (str(Settings().library), Settings().workers) == ("/films/library", 3)
