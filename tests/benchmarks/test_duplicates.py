from types import SimpleNamespace

from benchmarks.duplicates import Judge, table
from benchmarks.duplicates_set import AS_IT_IS, EDITS, PART, WHOLE, Copy, read_copies, write_copies
from encoder.clips import Span
from indexer.duplicates import Shared
from indexer.tracing import Stretch

COPIES = [
    Copy(AS_IT_IS, WHOLE, "whole.mp4", Span(0, 6), "a.mp4", Span(10, 16), None),
    Copy("mirror", PART, "film.mp4", Span(5, 9), "a.mp4", Span(11, 15), None),
]
NAMES = ["a.mp4", "again.mp4", "b.mp4", "whole.mp4", "film.mp4"]  # of videos 1 to 5; the first two of one recording


def right(video):
    return {1, 2} if video in (1, 2) else {video}


def said(a, b, in_a, in_b):
    return Shared(a, b, Stretch(Span(*in_a), Span(*in_b), 1.0, False, 0.9), False)


def answers(*shared):
    gallery = SimpleNamespace(paths={number: [name] for number, name in enumerate(NAMES, 1)}, right=right)
    return Judge(gallery, COPIES).answers(COPIES, shared)


def test_a_copy_is_found_where_it_was_made_of_whichever_video_comes_first():
    whole, part = answers(said(1, 4, (10.25, 16), (0, 5.5)), said(5, 1, (5, 9), (11, 15)))
    assert (whole.begins_off, whole.ends_off) == (0.25, 0.5)
    assert (part.begins_off, part.ends_off) == (0, 0)


def test_other_seconds_of_the_source_are_not_what_a_copy_was_made_of():
    whole, _ = answers(said(1, 4, (2, 8), (0, 6)))
    assert (whole.begins_off, whole.false) == (None, [])


def test_the_footage_of_another_recording_is_false_and_that_around_a_part_is_left_out():
    shared = [
        said(3, 4, (0, 6), (0, 6)),
        said(2, 4, (0, 6), (0, 6)),
        said(3, 5, (0, 4), (0, 4)),
        said(4, 5, (0, 6), (5, 9)),
    ]
    assert [one.false for one in answers(*shared)] == [["b.mp4"], []]
    assert [one.false for one in answers(said(3, 5, (0, 4), (5, 9)))] == [[], ["b.mp4"]]


def test_the_table_has_a_row_for_each_edit_and_one_for_all():
    lines = table(answers(said(1, 4, (10.25, 16), (0, 5.5)))).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {name}" for name in [*EDITS, "all"]]
    assert lines[2] == f"| {AS_IT_IS} | 1 of 1 | 0 of 0 | 0.25 / 0.25 s | 0.50 / 0.50 s | 0 |"
    assert lines[-1].startswith("| all | 1 of 1 | 0 of 1 |")


def test_what_is_known_of_copies_is_read_as_it_was_written(tmp_path):
    write_copies(tmp_path / "copies.json", COPIES)
    assert read_copies(tmp_path / "copies.json") == COPIES
