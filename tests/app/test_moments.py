import csv
from types import SimpleNamespace

import pytest

from app.edl import Cut, edl, timecode
from app.moments import MOST, Known, Moment, MomentError, as_csv, read, written
from encoder.clips import Span


def known(path, start, end):
    return Known(Moment(1, Span(start, end)), SimpleNamespace(), path)


def test_a_list_of_moments_is_read_as_it_was_written():
    moments = [Moment(12, Span(1, 2.5)), Moment(7, Span(0, 3.25))]
    assert written(moments) == "12:1.00-2.50,7:0.00-3.25"
    assert read(written(moments)) == moments


@pytest.mark.parametrize(
    "text", ["1", "x:1-2", "1:2-1", "1:1", "1:nan-2", "1:1-inf", "-1:1-2", "0:1-2", f"{10**30}:1-2", "1:1-2,", "1:-1-2"]
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(MomentError, match="is no moment: write ID:START-END, in seconds"):
        read(text)


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_a_list_is_neither_empty_nor_endless(count):
    with pytest.raises(MomentError, match=f"holds 1 to {MOST} moments, not {count}"):
        read(",".join(["1:1-2"] * count))


def test_a_table_of_moments_names_the_file_and_its_seconds():
    rows = list(csv.reader(as_csv([known("/films/a, b.mp4", 1, 2.5)]).splitlines()))
    assert rows == [["path", "start", "end", "seconds"], ["/films/a, b.mp4", "1.000", "2.500", "1.500"]]


def test_a_file_name_is_never_a_formula():
    assert as_csv([known("=HYPERLINK(1)", 0, 1)]).splitlines()[1].startswith("'=HYPERLINK(1),")


def test_an_edit_list_puts_the_cuts_one_after_the_other():
    text = edl("films", [Cut("a.mp4", Span(1, 2.52)), Cut("ü\nb.mp4", Span(3700, 3702))])
    assert text.split("\r\n") == [
        "TITLE: films",
        "FCM: NON-DROP FRAME",
        "",
        "001  AX       V     C        00:00:01:00 00:00:02:13 00:00:00:00 00:00:01:13",
        "* FROM CLIP NAME: a.mp4",
        "",
        "002  AX       V     C        01:01:40:00 01:01:42:00 00:00:01:13 00:00:03:13",
        "* FROM CLIP NAME: __b.mp4",
        "",
    ]


def test_an_edit_list_has_no_more_events_than_it_can_number():
    with pytest.raises(ValueError, match="holds 999 events at most, got 1000"):
        edl("films", [Cut("a", Span(0, 1))] * 1000)


def test_a_timecode_counts_frames_to_the_rate():
    assert timecode(25 * 3600 + 25 * 61 + 24, 25) == "01:01:01:24"
