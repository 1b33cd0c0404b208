import re
from datetime import UTC, datetime, timedelta

import pytest

from encoder.clips import Span
from indexer.requests import Example, Filters, VideoRef, examples

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_path_an_example_or_several_are_a_list_of_examples():
    part = Example(VideoRef(3), Span(1, 2))
    assert examples("a.mp4") == [Example("a.mp4")]
    assert examples(part) == [part]
    assert examples([part, "a.mp4"]) == [part, Example("a.mp4")]
    assert examples(()) == []


def test_filters_are_given_when_any_is():
    assert not Filters().given
    assert Filters(min_height=0).given


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"since": datetime(2026, 5, 1)}, "dates need a time zone"),
        ({"since": NOW, "until": NOW}, "since must be before until"),
        ({"min_duration": float("nan")}, "bounds of the duration are 0 or more, got nan"),
        ({"max_height": -1}, "bounds of the height are 0 or more"),
        ({"min_duration": 5, "max_duration": 3}, "the least duration must not be above the greatest, got 5 and 3"),
    ],
)
def test_filters_that_make_no_sense_are_refused_with_their_values(wrong, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        Filters(**wrong)


def test_filters_that_let_one_value_pass_make_sense():
    assert Filters(min_duration=3, max_duration=3, since=NOW, until=NOW + timedelta(seconds=1)).given
