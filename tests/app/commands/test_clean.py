import json
import sys

import pytest

from encoder.checkpoint import load_encoder


class Terminal:
    """A user who types one answer."""

    def __init__(self, answer):
        self._answer = answer

    def isatty(self):
        return True

    def readline(self):
        return f"{self._answer}\n"


@pytest.fixture
def gone_over(run, filled, encoders):
    """The library uses the second encoder; what it was with the first is left over."""
    assert run("adopt", encoders[1]).code == 0
    return load_encoder(encoders[0]).fingerprint


def test_nothing_may_be_left_over(run, filled):
    assert run("clean") == (0, "nothing is left over\n", "")


def test_without_a_terminal_nothing_is_deleted_unless_it_is_said(run, gone_over, filled):
    code, out, err = run("clean")
    assert (code, out) == (1, "")
    assert f"0.safetensors ({gone_over}): 3 videos" in err
    assert err.endswith("nothing was deleted; to delete this, add --yes\n")
    assert (filled / "catalog.sqlite").exists()
    code, out, err = run("clean", "--yes", "--json")
    result = json.loads(out)
    assert (code, err, [one["fingerprint"] for one in result["deleted"]]) == (0, "", [gone_over])
    assert not (filled / "catalog.sqlite").exists()
    assert run("verify") == (0, "the library is sound\n", "")


@pytest.mark.parametrize(("answer", "deleted"), [("y", True), ("n", False), ("", False)])
def test_a_user_is_asked(run, gone_over, filled, monkeypatch, answer, deleted):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    code, out, err = run("clean")
    assert (code, "Delete this for good?" in err) == (0 if deleted else 1, True)
    assert ("1 deleted" in out) == deleted == (not (filled / "catalog.sqlite").exists())


def test_one_is_chosen_by_its_encoder(run, gone_over):
    assert run("clean", "abc", "--yes").sentence == f"no library of an encoder abc is left over; what is: {gone_over}"
    assert run("clean", gone_over, gone_over, "--yes").out.startswith("1 deleted, ")
    assert run("clean").out == "nothing is left over\n"
