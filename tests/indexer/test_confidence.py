import json

import pytest

from indexer import confidence
from indexer.confidence import Fit, fit_for, why_none, write_fits

FIT = Fit(
    "the same action", (0.2, 0.6, 0.9), (0.05, 0.4, 0.95), 1200, 120, 0.3, 0.021, "videos of signs.csv", "2026-11-26"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(confidence, "FOLDER", tmp_path / "fits")
    return tmp_path


def test_a_chance_lies_on_the_lines_between_and_stays_at_the_ends():
    assert [FIT.chance(score) for score in (0.0, 0.2, 0.4, 0.9, 1.0)] == pytest.approx([0.05, 0.05, 0.225, 0.95, 0.95])


def test_a_written_fit_comes_back_for_its_encoder_and_mode_alone():
    write_fits("abc", {"similar": FIT})
    assert fit_for("abc", "similar") == FIT
    assert fit_for("abc", "copy") is None
    assert fit_for("other", "similar") is None


def test_a_file_of_another_format_is_no_fit(folder):
    path = write_fits("abc", {"similar": FIT})
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    assert fit_for("abc", "similar") is None


def test_a_fit_says_how_it_was_made():
    assert FIT.in_words() == (
        "chance that it is the same action, fitted on 1,200 answers to 120 queries (videos of signs.csv; 30% right) "
        "on 2026-11-26; expected calibration error 0.021"
    )


def test_without_a_fit_there_is_a_reason():
    assert "for encoder abc and mode copy nobody has measured" in why_none("abc", "copy")


@pytest.mark.parametrize(
    ("scores", "chances", "message"),
    [((0.5, 0.4), (0.1, 0.2), "scores must ascend"), ((0.4, 0.5), (0.3, 0.2), "chances must ascend"),
     ((), (), "scores must ascend"), ((0.4,), (1.2,), "needs a chance in"), ((0.4,), (0.1, 0.2), "needs a chance")],
)  # fmt: skip
def test_a_table_that_does_not_rise_is_refused(scores, chances, message):
    with pytest.raises(ValueError, match=message):
        Fit("", scores, chances, 1, 1, 0.5, 0.0, "", "")
