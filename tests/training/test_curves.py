import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from training.curves import draw_curves, read_metrics

ROWS = [
    {"step": 0, "loss": 9.0, "instance": 3.0, "region": 5.0, "spread": 0.2, "recall": 0.1, "seconds": 1, "waited": 0},
    {"step": 1, "loss": 8.0, "instance": 2.0, "region": 6.0, "spread": 0.4, "seconds": 1, "waited": 0},
    {"step": 2, "loss": 7.0, "instance": 1.0, "region": 7.0, "spread": 0.6, "recall": 0.5, "seconds": 1, "waited": 0},
]


@pytest.fixture
def metrics(tmp_path) -> Path:
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path / "metrics.jsonl"


def test_curves_become_a_picture_and_nothing_else(metrics, tmp_path):
    for _ in range(2):  # again, as a run goes on
        draw_curves(metrics, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.jsonl", "curves.png"}
    assert plt.get_fignums() == []


def test_terms_are_smoothed_and_the_probe_is_drawn_as_it_is(metrics, tmp_path, monkeypatch):
    drawn = []

    def keep(figure: Figure, path: Path, **_: object) -> None:
        drawn.append([[(line.get_label(), *map(list, line.get_data())) for line in axes.lines] for axes in figure.axes])
        path.touch()

    monkeypatch.setattr(Figure, "savefig", keep)
    draw_curves(metrics, tmp_path / "curves.png")
    terms, spread, recall = drawn[0]
    assert [name for name, *_ in terms] == ["instance", "region"]
    smooth = [3.0, 0.95 * 3 + 0.05 * 2]
    smooth.append(0.95 * smooth[1] + 0.05 * 1)
    assert terms[0][1:] == ([0, 1, 2], pytest.approx(smooth))
    assert [(name, steps) for name, steps, _ in spread] == [("spread", [0, 1, 2])]
    assert recall == [("recall", [0, 2], [0.1, 0.5])]


def test_a_disk_that_is_full_leaves_the_former_picture(metrics, tmp_path, monkeypatch):
    (tmp_path / "curves.png").write_bytes(b"former")

    def full(figure: Figure, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(OSError, match="No space left"):
        draw_curves(metrics, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() == b"former"
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.jsonl", "curves.png"}
    assert plt.get_fignums() == []


def test_a_line_that_was_cut_off_is_passed_over(metrics):
    with metrics.open("a") as file:
        file.write('{"step": 3, "lo')
    assert read_metrics(metrics) == ROWS


def test_a_run_without_metrics_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / "metrics.jsonl") == []
