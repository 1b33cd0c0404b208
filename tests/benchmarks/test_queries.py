import re
import sys

import pytest

from benchmarks import queries
from encoder.checkpoint import load_encoder
from indexer.library import Library


@pytest.fixture
def small(moving_video, tmp_path, small_encoder):
    """A library of two videos, 12 clips."""
    (tmp_path / "videos").mkdir()
    for i in range(2):
        moving_video(tmp_path / "videos" / f"{i}.mp4", 7, i, fps=12)
    with Library.create(tmp_path / "library", load_encoder(small_encoder)) as made:
        made.add([tmp_path / "videos"], workers=1)
    return tmp_path


def test_a_library_is_grown_with_whole_clips_and_sketches_and_searched(small, monkeypatch, capfd):
    clips = [str(small / "videos" / f"{i}.mp4") for i in range(2)]
    command = [
        "queries",
        str(small / "library"),
        *clips,
        "--clips",
        "40",
        "--rounds",
        "1",
        "--keep",
        str(small / "big"),
    ]
    monkeypatch.setattr(sys, "argv", command)
    queries.main()
    lines = capfd.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| 0.mp4", "| 1.mp4", "| median"]
    assert len(re.findall(r"\d+ ms", lines[2])) == len(queries.STAGES)
    with Library.open(small / "big") as big:
        assert big.catalog.totals()[1] == 40
        assert big.search(clips[0])[0].score > 0.9
    with Library.open(small / "library") as untouched:
        assert untouched.catalog.totals()[1] == 12
