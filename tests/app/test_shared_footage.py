import numpy as np
import pytest

from app import shared_footage
from app.timeline import draw_timeline, write_timeline
from encoder.checkpoint import load_encoder
from encoder.clips import Span
from encoder.video import VideoInfo
from indexer.coverage import Coverage, Source
from indexer.duplicates import Shared
from indexer.library import Library
from indexer.records import EncodedVideo, FileState
from indexer.tracing import Stretch

STRETCH = Stretch(Span(1.00049, 5), Span(10, 18), 2.0, True, 0.98765)
COVERAGE = Coverage(
    "/films/a.mp4",
    20.0,
    [
        Source("/films/b.mp4", 2, 30.0, [STRETCH]),
        Source("/films/c.mp4", None, 9.0, [Stretch(Span(4, 8), Span(0, 4), 1.0, False, 0.9)]),
    ],
)


@pytest.fixture
def library(tmp_path, small_encoder):
    """Videos 1 and 2, the first in two files."""
    with Library.create(tmp_path / "library", load_encoder(small_encoder)) as made:
        for name in ("/a.mp4", "/b.mp4"):
            vectors = np.eye(1, made.checkpoint.config.dim, dtype=np.float32)
            video = EncodedVideo(VideoInfo(2.0, 64, 48, 25.0, "h264"), 2.0, 0, [Span(0.0, 2.0)], vectors)
            made.catalog.add_video(FileState(name, 1, 1), name, video)
        made.catalog.set_file(FileState("/copy.mp4", 1, 1), "/a.mp4", video_id=1)
        yield made


def test_duplicates_are_groups_of_files_with_what_they_share(library, monkeypatch):
    monkeypatch.setattr(shared_footage, "find_shared", lambda *_: [Shared(1, 2, STRETCH, whole=True)])
    (row,) = shared_footage.duplicates(library)
    assert (row["kind"], row["files"]) == ("whole", ["/a.mp4", "/copy.mp4", "/b.mp4"])
    assert row["segments"] == [
        {
            "a": "/a.mp4", "b": "/b.mp4", "a_video": 1, "b_video": 2, "whole": True, "a_start": 1.0, "a_end": 5,
            "b_start": 10, "b_end": 18, "tempo": 2.0, "mirrored": True, "score": 0.9877,
        }
    ]  # fmt: skip


def test_identical_files_are_told_without_comparing(library, monkeypatch):
    monkeypatch.setattr(shared_footage, "find_shared", None)
    assert shared_footage.identical_files(library) == [
        {"kind": "identical", "files": ["/a.mp4", "/copy.mp4"], "segments": []}
    ]


def test_a_library_whose_videos_share_nothing_has_only_identical_files(library):
    assert shared_footage.duplicates(library) == shared_footage.identical_files(library)


def test_coverage_names_the_parts_and_where_each_is_found():
    result = shared_footage.coverage_result(COVERAGE)
    assert (result["path"], result["duration"], result["covered"]) == ("/films/a.mp4", 20, 7)
    assert result["parts"] == [
        {"start": 1.0, "end": 4, "in": ["/films/b.mp4"]},
        {"start": 4, "end": 5, "in": ["/films/b.mp4", "/films/c.mp4"]},
        {"start": 5, "end": 8, "in": ["/films/c.mp4"]},
    ]
    assert result["sources"][0] == {
        "path": "/films/b.mp4", "video": 2, "duration": 30,
        "segments": [
            {
                "start": 1.0, "end": 5, "source_start": 10, "source_end": 18,
                "tempo": 2.0, "mirrored": True, "score": 0.9877,
            }
        ],
    }  # fmt: skip


def test_a_timeline_has_a_row_for_the_video_and_one_for_each_source(tmp_path):
    result = shared_footage.coverage_result(COVERAGE)
    (axes,) = draw_timeline(result).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["films/a.mp4", "films/b.mp4", "films/c.mp4"]
    assert axes.get_title(loc="left") == "35% of a.mp4 is found in 2 other videos."
    write_timeline(result, tmp_path / "a.png")
    write_timeline(result, tmp_path / "a.SVG")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert "</svg>" in (tmp_path / "a.SVG").read_text()
    with pytest.raises(ValueError, match=r"a picture is written as \.png or \.svg"):
        write_timeline(result, tmp_path / "a.gif")


def test_segments_are_labelled_inside_where_they_are_wide_and_beside_where_they_are_narrow():
    stretches = [Stretch(Span(0, 9), Span(1, 10), -1.0, False, 0.9), Stretch(Span(19, 20), Span(0, 2), 2.0, False, 0.9)]
    result = shared_footage.coverage_result(Coverage("/a.mp4", 20.0, [Source("/b.mp4", 2, 30.0, stretches)]))
    (axes,) = draw_timeline(result).axes
    told = [(text.get_text(), text.get_position()[0] < 19) for text in axes.texts]
    assert told == [("0:01.0 – 0:10.0  reversed", True), ("0:00.0 – 0:02.0  ×2.00", True)]
    assert axes.get_title(loc="left") == "50% of a.mp4 is found in 1 other video."


@pytest.mark.parametrize(
    ("tempo", "mirrored", "words"),
    [(1.0, False, ""), (0.5, True, ", at 0.50 times the length, mirrored"), (-1.0, False, ", reversed")],
)
def test_edits_are_told_in_words(tempo, mirrored, words):
    assert shared_footage.edits({"tempo": tempo, "mirrored": mirrored}) == words


def test_a_video_that_is_found_nowhere_can_be_drawn():
    result = shared_footage.coverage_result(Coverage("/a.mp4", 3.0, []))
    assert (result["covered"], result["parts"], result["sources"]) == (0, [], [])
    assert draw_timeline(result).axes[0].get_title(loc="left") == "Nothing of a.mp4 is found in other videos."
