from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.asked import example, moment
from encoder.clips import Span
from indexer.requests import Example, VideoRef


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b.mp4", Example(Path("a b.mp4"))),
        ("a.mp4@3-6.5", Example(Path("a.mp4"), Span(3, 6.5))),
        ("a.mp4@3-", Example(Path("a.mp4"), Span(3, float("inf")))),
        ("me@home/a.mp4", Example(Path("me@home/a.mp4"))),
        ("a@b@0-1", Example(Path("a@b"), Span(0, 1))),
        ("library:12", Example(VideoRef(12))),
        ("library:12@1.5-4", Example(VideoRef(12), Span(1.5, 4))),
        ("library:twelve", Example(Path("library:twelve"))),
    ],
)
def test_an_example_is_a_file_or_a_video_of_the_library_or_a_part_of_either(text, expected):
    assert example(text) == expected


def test_a_file_that_is_called_like_a_part_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4@3-6", "library:1"):
        Path(name).touch()
        assert example(name) == Example(Path(name))
    assert example("library:1@2-3") == Example(Path("library:1"), Span(2, 3))


def test_a_part_may_be_given_apart_and_is_not_given_twice():
    assert example("a.mp4", 2.0) == Example(Path("a.mp4"), Span(2, float("inf")))
    assert example("library:3", None, 2.0) == Example(VideoRef(3), Span(0, 2))
    with pytest.raises(ValueError, match=r"a\.mp4@1-2 names its part already, so it goes without --start and --end"):
        example("a.mp4@1-2", 0.0)


@pytest.mark.parametrize(("text", "start", "words"), [("a@6-3", None, "6 must be before .* 3"), ("a", 1e999, "inf")])
def test_an_empty_part_is_refused(text, start, words):
    with pytest.raises(ValueError, match=words):
        example(text, start)


def test_a_date_is_the_start_of_its_day_here_or_the_end_of_it():
    assert moment("2026-05-01") == datetime(2026, 5, 1).astimezone()
    assert moment("2026-05-01", after=True) == datetime(2026, 5, 2).astimezone()
    assert moment("2026-05-01T08:30", after=True) == datetime(2026, 5, 1, 8, 30).astimezone()
    assert moment("2026-05-01T08:30+00:00") == datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
    assert moment("2026-05-01").utcoffset() is not None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "01.05.2026"])
def test_what_is_no_date_is_refused_with_how_to_write_one(text):
    with pytest.raises(ValueError, match=r"is no date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM"):
        moment(text)


def test_the_last_day_there_is_has_no_end():
    with pytest.raises(ValueError, match="is no date"):
        moment("9999-12-31", after=True)
