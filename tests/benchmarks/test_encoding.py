import sys

import numpy as np
import pytest

from benchmarks import encoding
from benchmarks.encoding import clips_for, measure, untrained
from encoder.clips import ClipSpec


def test_an_untrained_encoder_is_what_its_name_says(tmp_path):
    plain, lite = untrained("8x4x32", tmp_path), untrained("16x8x64+lite0", tmp_path)
    assert (plain.config.width, plain.config.look_network) == (8, "tsm")
    assert (plain.spec.frames, plain.spec.size) == (4, 32)
    assert (lite.config.width, lite.config.look_network) == (16, "efficientnet_lite0")
    assert (lite.spec.frames, lite.spec.size) == (8, 64)
    with pytest.raises(SystemExit, match=r"--untrained takes WIDTHxFRAMESxSIZE or .*, got 8x4"):
        untrained("8x4", tmp_path)


def test_rates_and_gains_are_medians_and_the_cosine_is_the_least(monkeypatch):
    seconds = iter([1.0, 0.5, 4.0, 1.0, 2.0, 0.5 + 1 / 6])  # of the two runtimes in turns
    monkeypatch.setattr(encoding, "_time", lambda *_: next(seconds))
    near = np.array([[1.0, 0.0], [0.8, 0.6]])
    runtimes = {"plain": lambda clips: np.tile([1.0, 0.0], (len(clips), 1)), "other": lambda _: near}
    rows = list(measure(runtimes, np.zeros((2, 1, 8, 8, 3), np.uint8), rounds=3))
    assert rows == [("plain", 1.0, 1.0, 1.0), ("other", pytest.approx(3.0), pytest.approx(3.0), pytest.approx(0.8))]


def test_clips_move_and_differ():
    clips = clips_for(ClipSpec(frames=3, size=30))
    assert clips.shape == (encoding.CLIPS, 3, 30, 30, 3)
    assert len(np.unique(clips[:, 0], axis=0)) == encoding.CLIPS
    assert (clips[:, 0] != clips[:, 1]).any((1, 2, 3)).all()


def test_the_table_has_a_row_for_every_encoder_and_runtime(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["encoding", "--untrained", "8x4x32", "16x4x32", "--rounds", "1"])
    monkeypatch.setattr("benchmarks.encoding.find_spec", lambda _: None)
    encoding.main()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:2] for row in rows] == [
        [encoder, runtime] for encoder in ("8x4x32", "16x4x32") for runtime in ("torch, plain", "torch, as used")
    ]
    assert all(row[4] == "1.00000" for row in rows)
