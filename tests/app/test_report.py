import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app import report as report_module
from app.report import Evaluation, EvaluationRow, Failure, draw_recall, to_json, verdict, write_report
from indexer.evaluation import RetrievalReport


def measured(at_1, low, high):
    return RetrievalReport(
        recall={1: at_1, 5: (1 + at_1) / 2, 50: 1.0},
        map=at_1 / 2,
        queries=200,
        gallery=180.0,
        classes=2,
        unanswerable=3,
        chance_recall={1: 0.1, 5: 0.4, 50: 0.95},
        chance_map=0.12,
        recall_at_1_interval=(low, high),
        per_class={"walk": at_1, "run|jog": at_1 / 2},
        queries_per_class={"walk": 150, "run|jog": 50},
        hit_at_1={0: 1.0},
    )


def encoder(at_1=0.5, low=0.45, high=0.55):
    return EvaluationRow("small", measured(at_1, low, high), is_encoder=True)


def baseline(name, at_1, low, high):
    return EvaluationRow(name, measured(at_1, low, high), is_encoder=False)


def evaluation(*rows):
    return Evaluation(
        manifest="signs.csv",
        protocol="every clip searches all others, its own group left out",
        encoder="small",
        fingerprint="3fa9c1",
        rows=rows,
        failed=[Failure("films/a|b.mp4", "no video\nstream")],
        clips=203,
        classes=2,
        seconds=12.34,
        command="reelseek evaluate signs.csv --report out",
        versions={"torch": "2.9.1", "numpy": "2.4.0"},
    )


WEAK = baseline("mean frame", 0.2, 0.15, 0.25)
CLOSE = baseline("motion pixels", 0.48, 0.43, 0.53)
STRONG = baseline("motion energy", 0.7, 0.65, 0.75)


def test_the_verdict_says_that_every_baseline_is_beaten():
    other = baseline("colour histogram", 0.3, 0.25, 0.35)
    assert verdict(evaluation(encoder(), WEAK, other)) == (
        "The encoder beats every trivial baseline on R@1: colour histogram by 20.0 points and mean frame "
        "by 30.0 points. The encoder finds the right class first for 50.0 % of queries (95 % interval 45.0 % "
        "to 55.0 %), which is better than chance (10.0 %)."
    )


def test_the_verdict_puts_a_lost_comparison_first():
    said = verdict(evaluation(encoder(), WEAK, CLOSE, STRONG))
    assert said.startswith(
        "Motion energy beats the encoder on R@1 by 20.0 points. "
        "On R@1 the encoder is 2.0 points above motion pixels, within the noise: "
        "their 95 % intervals overlap. "
        "On R@1 the encoder beats mean frame by 30.0 points. "
    )
    assert "every" not in said


def test_the_verdict_does_not_call_a_difference_within_the_noise_a_loss():
    ahead = baseline("motion pixels", 0.53, 0.48, 0.58)
    said = verdict(evaluation(encoder(), ahead))
    assert "3.0 points below motion pixels, within the noise" in said
    assert "beats" not in said


def test_the_verdict_calls_the_same_number_level():
    said = verdict(evaluation(encoder(), baseline("motion pixels", 0.5, 0.45, 0.55)))
    assert "the encoder is level with motion pixels, within the noise" in said


def test_the_verdict_says_when_the_encoder_is_not_told_apart_from_chance():
    assert "not told apart from chance (10.0 %)" in verdict(evaluation(encoder(0.12, 0.08, 0.16), WEAK))


def test_the_verdict_says_when_the_encoder_is_worse_than_chance():
    assert "which is worse than chance (10.0 %)" in verdict(evaluation(encoder(0.02, 0.0, 0.05), WEAK))


def test_the_verdict_without_baselines_says_so():
    assert verdict(evaluation(encoder())).startswith("No trivial baseline was measured. The encoder finds")


def test_only_the_first_encoder_row_is_judged():
    centred = replace(STRONG, name="small, centred", is_encoder=True)
    shown = evaluation(encoder(), centred, WEAK)
    assert verdict(shown) == verdict(evaluation(encoder(), WEAK))
    assert [row["name"] for row in to_json(shown)["baselines"]] == ["mean frame"]


def test_the_json_keeps_the_contract_of_the_command_line():
    document = json.loads(json.dumps(to_json(evaluation(encoder(), WEAK)), allow_nan=False))
    contract = {
        "clips": 203,
        "classes": 2,
        "recall": {"1": 0.5, "5": 0.75, "50": 1.0},
        "map": 0.25,
        "failed": [{"path": "films/a|b.mp4", "reason": "no video\nstream"}],
        "encoder": "small",
        "seconds": 12.34,
    }
    assert {key: document[key] for key in contract} == contract
    assert (document["chance"], document["unanswerable"], document["interval"]) == (0.1, 3, [0.45, 0.55])
    weak = document["baselines"][0]
    assert (weak["name"], weak["recall"]["1"], weak["map"], weak["interval"]) == (
        "mean frame",
        0.2,
        0.1,
        [0.15, 0.25],
    )
    assert document["protocol"].startswith("every clip searches")
    assert document["verdict"] == verdict(evaluation(encoder(), WEAK))


def test_the_folder_holds_the_page_the_numbers_and_the_picture(tmp_path):
    shown = evaluation(encoder(), WEAK)
    page = write_report(shown, tmp_path / "new" / "report")
    assert page == tmp_path / "new" / "report" / "report.md"
    assert sorted(path.name for path in page.parent.iterdir()) == ["recall.png", "report.json", "report.md"]
    assert json.loads((page.parent / "report.json").read_text()) == to_json(shown)
    assert (page.parent / "recall.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_page_shows_every_row_class_and_failure(tmp_path):
    text = write_report(evaluation(encoder(), WEAK, STRONG), tmp_path).read_text()
    assert text.splitlines()[2] == f"**{verdict(evaluation(encoder(), WEAK, STRONG))}**"
    for line in [
        "|  | R@1 | R@5 | R@50 | mAP |",
        "| small | 50.0 % [45.0, 55.0] | 75.0 % | 100.0 % | 25.0 % |",
        "| mean frame | 20.0 % [15.0, 25.0] | 60.0 % | 100.0 % | 10.0 % |",
        "| chance | 10.0 % | 40.0 % | 95.0 % | 12.0 % |",
        "| class | queries | small | motion energy |",
        "| run\\|jog | 50 | 25.0 % | 35.0 % |",
        "- films/a\\|b.mp4: no video stream",
        "- Protocol: every clip searches all others, its own group left out",
        "- Encoder: small, fingerprint 3fa9c1",
        "- Versions: torch 2.9.1, numpy 2.4.0",
        "reelseek evaluate signs.csv --report out",
    ]:
        assert line in text.splitlines()
    assert text.index("run\\|jog") < text.index("| walk")  # worst first
    assert "![R@k of the encoder, the trivial baselines and chance](recall.png)" in text


def test_a_second_report_replaces_the_first(tmp_path):
    write_report(evaluation(encoder(), WEAK), tmp_path)
    write_report(evaluation(encoder(0.9, 0.85, 0.95)), tmp_path)
    assert "90.0 %" in (tmp_path / "report.md").read_text()
    assert "mean frame" not in (tmp_path / "report.md").read_text()


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    write_report(evaluation(encoder()), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_report(evaluation(encoder(0.9, 0.85, 0.95)), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_plot_draws_the_recall_of_every_row_and_chance():
    axes = draw_recall(evaluation(WEAK, encoder(), STRONG)).axes[0]
    drawn = [tuple(line.get_ydata()) for line in axes.lines]
    assert drawn == [(0.1, 0.4, 0.95), (0.2, 0.6, 1.0), (0.7, 0.85, 1.0), (0.5, 0.75, 1.0)]
    assert {text.get_text() for text in axes.texts} == {"chance", "mean frame", "motion energy", "small"}
    assert list(axes.get_xticks()) == [1, 5, 50]


def test_the_names_in_the_plot_do_not_overlap():
    axes = draw_recall(evaluation(encoder(), WEAK, CLOSE, STRONG)).axes[0]
    heights = sorted(text.get_position()[1] for text in axes.texts)
    assert np.diff(heights).min() >= report_module._LABEL_GAP - 1e-9
    assert heights[-1] <= 1


def test_a_name_with_dollars_is_drawn_as_it_is(tmp_path):
    odd = replace(encoder(), name="pay $\\wrong{$ now")  # no mathematics
    assert write_report(evaluation(odd, WEAK), tmp_path).exists()


def test_a_long_name_is_drawn_by_its_end():
    odd = replace(encoder(), name="runs/" + "very-long-name-" * 9 + "best.safetensors")
    names = [text.get_text() for text in draw_recall(evaluation(odd)).axes[0].texts]
    assert any(name.startswith("…") and name.endswith("best.safetensors") for name in names)


def test_plots_can_be_drawn_in_several_threads():
    shown = evaluation(encoder(), WEAK, STRONG)
    with ThreadPoolExecutor(4) as pool:
        figures = list(pool.map(lambda _: draw_recall(shown), range(8)))
    assert all(len(figure.axes[0].lines) == 4 for figure in figures)


def test_an_evaluation_without_the_encoder_is_refused():
    with pytest.raises(ValueError, match=r"needs a row of the encoder, got \['mean frame'\]"):
        evaluation(WEAK)


def test_rows_measured_on_other_queries_are_refused():
    with pytest.raises(ValueError, match="same queries, gallery and depths"):
        evaluation(encoder(), replace(WEAK, report=replace(WEAK.report, queries=199)))


def test_a_row_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"a row needs a name, got self.name=' '"):
        replace(WEAK, name=" ")
