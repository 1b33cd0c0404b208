import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.manifest import Manifest, ManifestRow
from app.report import plots
from app.report.document import to_csv, to_document, to_json
from app.report.evaluation import Evaluation, EvaluationRow, Lead, Lookups
from app.report.markdown import to_markdown
from app.report.plots import draw_recall
from app.report.published import HMDB51, UCF101, published_for
from app.report.text import points, probability
from app.report.verdict import verdict
from app.report.write import write_report
from encoder.clips import ClipSpec
from indexer.answers import Answers
from indexer.evaluation import Difference, QueryScores, RetrievalReport
from indexer.measure import IndexQuality
from indexer.update import Failure

SCORES = QueryScores(np.arange(4), np.arange(4) + 10, np.ones((4, 3)), np.ones(4))


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
        recall_intervals={1: (low, high), 5: (0.5, 0.9), 50: (1.0, 1.0)},
        map_interval=(at_1 / 4, at_1),
        per_class={"walk": at_1, "run|jog": at_1 / 2},
        map_per_class={"walk": at_1 / 3, "run|jog": at_1 / 4},
        queries_per_class={"walk": 150, "run|jog": 50},
        scores=replace(SCORES, owners=np.arange(10)),
    )


def encoder(at_1=0.5, low=0.45, high=0.55):
    return EvaluationRow("encoder", measured(at_1, low, high))


def other(name, lead, p=0.0005, fingerprint=None):
    """A row that the encoder leads by so much, or that leads it."""
    by = Difference(lead, (lead - 0.02, lead + 0.03), p)
    at_1 = 0.5 - lead
    return EvaluationRow(name, measured(at_1, at_1 - 0.05, at_1 + 0.05), Lead(by, by), fingerprint)


WALK, STILL, RUN = (
    ManifestRow(Path(f"/films/{name}.mp4"), label, group)
    for name, label, group in [("a", "walk", "g1"), ("b,c", "walk", "g2"), ("d", "run|jog", "g2")]
)
ANSWERS = (Answers(0, (1, 2), (0.75, 0.5), 1), Answers(1, (2, 0), (0.25, -0.5), 2), Answers(2, (0,), (0.1,), None))

LOOKUPS = [
    Lookups("every clip", True, [IndexQuality(240, 24, 1, 1.0, 0.12, 0.34), IndexQuality(240, 24, 10, 1.0, 0.2, 0.5)]),
    Lookups(
        "a graph's clips",
        False,
        [IndexQuality(240, 24, 1, 0.99, 0.06, 0.1), IndexQuality(240, 24, 10, 0.975, 0.1, 0.2)],
    ),
]


def evaluation(judged, *baselines, others=()):
    return Evaluation(
        manifest="signs.csv",
        protocol="every clip searches all others, its own group left out",
        encoder="small",
        fingerprint="3fa9c1",
        spec=ClipSpec(),
        judged=judged,
        baselines=baselines,
        centred=other("encoder, centred", 0.01, p=0.4),
        others=others,
        samples=[WALK, STILL, RUN],
        answers=ANSWERS,
        lookups=LOOKUPS,
        failed=[Failure("films/a|b.mp4", "no video\nstream")],
        published=None,
        seconds=12.34,
        date=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
        seed=7,
        command="reelseek evaluate signs.csv",
        versions={"torch": "2.9.1", "numpy": "2.4.0"},
    )


WEAK = other("mean frame", 0.3)
CLOSE = other("motion pixels", 0.02, p=0.3)
STRONG = other("motion energy", -0.2)


def test_the_verdict_says_that_every_baseline_is_beaten():
    assert verdict(evaluation(encoder(), WEAK, other("colour histogram", 0.2))) == (
        "The encoder finds the right class first for 50.0 % of queries (95 % interval 45.0 % to 55.0 %), which is "
        "better than chance (10.0 %). It beats every trivial baseline: colour histogram by 20.0 points and mean frame "
        "by 30.0 points."
    )


def test_the_verdict_puts_a_lost_comparison_before_a_won_one():
    said = verdict(evaluation(encoder(), WEAK, CLOSE, STRONG))
    assert said.endswith(
        " (10.0 %). It is beaten by motion energy by 20.0 points. It is not told apart from motion pixels "
        "(+2.0 points, p = 0.300). It beats mean frame by 30.0 points."
    )
    assert "every" not in said


def test_the_verdict_does_not_call_a_difference_within_the_noise_a_loss():
    said = verdict(evaluation(encoder(), other("mean frame", 0.01, p=0.5), other("motion pixels", -0.03, p=0.06)))
    level = "motion pixels (−3.0 points, p = 0.060) and mean frame (+1.0 points, p = 0.500)"
    assert said.endswith(f"not told apart from {level}.")
    assert "beat" not in said


def test_the_verdict_ends_with_further_encoders():
    said = verdict(evaluation(encoder(), WEAK, others=[other("old", 0.04), other("new", -0.1)]))
    assert said.endswith(
        "mean frame by 30.0 points. The encoder is beaten by new by 10.0 points. The encoder beats old by 4.0 points."
    )


def test_the_verdict_warns_of_few_groups():
    few = encoder()
    few = replace(few, report=replace(few.report, scores=replace(SCORES, owners=np.array([3, 3, 4, 4]))))
    assert verdict(evaluation(few, WEAK)).endswith(" 2 groups are too few to tell differences from luck: it takes 6.")


def test_the_verdict_says_when_the_encoder_is_not_told_apart_from_chance():
    assert "not told apart from chance (10.0 %)" in verdict(evaluation(encoder(0.12, 0.08, 0.16), WEAK))


def test_the_verdict_says_when_the_encoder_is_worse_than_chance():
    assert "which is worse than chance (10.0 %)" in verdict(evaluation(encoder(0.02, 0.0, 0.05), WEAK))


def test_the_verdict_without_baselines_says_so():
    assert verdict(evaluation(encoder())).endswith("chance (10.0 %). No trivial baseline was measured.")


def test_the_json_keeps_the_contract_of_the_command_line():
    document = json.loads(json.dumps(to_json(evaluation(encoder(), WEAK)), allow_nan=False))
    contract = {
        "clips": 3,
        "classes": 2,
        "recall": {"1": 0.5, "5": 0.75, "50": 1.0},
        "map": 0.25,
        "failed": [{"path": "films/a|b.mp4", "reason": "no video\nstream"}],
        "encoder": "small",
        "seconds": 12.34,
    }
    assert {key: document[key] for key in contract} == contract
    assert (document["chance"], document["unanswerable"], document["interval"]) == (0.1, 3, [0.45, 0.55])
    assert document["protocol"].startswith("every clip searches")
    assert document["verdict"] == verdict(evaluation(encoder(), WEAK))


def test_the_json_compares_the_encoder_with_all_beside_it():
    document = to_document(evaluation(encoder(), WEAK, others=[other("old", 0.04, fingerprint="77b0")]))
    (weak,), (old,) = document["baselines"], document["encoders"]
    assert (weak["name"], weak["recall"]["1"], weak["map"]) == ("mean frame", 0.2, 0.1)
    assert (old["name"], old["fingerprint"], old["interval"]) == ("old", "77b0", pytest.approx([0.41, 0.51]))
    assert old["lead"]["recall_at_1"] == {"value": 0.04, "interval": (0.02, 0.07), "p": 0.0005}
    assert document["centred"]["recall"]["1"] == 0.49
    assert document["lookups"][1] == {
        "compared": "a graph's clips", "clips": 240, "queries": 24, "recall": {"1": 0.99, "10": 0.975}
    }  # fmt: skip
    assert document["confusion"] == {"classes": ["run|jog", "walk"], "counts": [[0, 0], [1, 1]]}


def test_the_file_leaves_out_what_changes_from_run_to_run():
    slow = [replace(one, measured=[replace(each, p50_ms=9.0, p99_ms=99.0) for each in one.measured]) for one in LOOKUPS]
    later = replace(evaluation(encoder(), WEAK), seconds=99.0, lookups=slow, date=datetime(2027, 1, 1, tzinfo=UTC))
    assert to_document(later) == to_document(evaluation(encoder(), WEAK))
    assert to_json(later).keys() - to_document(later).keys() == {"seconds", "lookup_ms"}


def test_the_csv_tells_every_query():
    rows = list(csv.DictReader(io.StringIO(to_csv(evaluation(encoder(), WEAK)))))
    told = {"path": "/films/b,c.mp4", "label": "walk", "group": "g2", "rank": "2"}
    assert rows[1] == {**told, "first_answer": "/films/d.mp4", "first_label": "run|jog", "first_cosine": "0.2500"}
    assert [row["rank"] for row in rows] == ["1", "2", ""]


def test_the_folder_holds_the_report_in_every_form(tmp_path):
    shown = evaluation(encoder(), WEAK)
    page = write_report(shown, {}, tmp_path / "new" / "report")
    assert page == tmp_path / "new" / "report" / "report.html"
    assert {path.name for path in page.parent.iterdir()} == {
        "report.html", "report.md", "recall.png", "report.json", "queries.csv",
    }  # fmt: skip
    assert json.loads((page.parent / "report.json").read_text()) == json.loads(json.dumps(to_document(shown)))
    assert (page.parent / "recall.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_page_of_markdown_shows_every_row_class_and_failure():
    shown = evaluation(encoder(), WEAK, STRONG, others=[other("old", 0.04, fingerprint="77b0")])
    text = to_markdown(shown)
    assert text.splitlines()[2] == f"**{verdict(shown)}**"
    for line in [
        "|  | R@1 | R@5 | R@50 | mAP |",
        "| encoder | 50.0 % [45.0, 55.0] | 75.0 % | 100.0 % | 25.0 % |",
        "| encoder, centred | 49.0 % [44.0, 54.0] | 74.5 % | 100.0 % | 24.5 % |",
        "| mean frame | 20.0 % [15.0, 25.0] | 60.0 % | 100.0 % | 10.0 % |",
        "| chance | 10.0 % | 40.0 % | 95.0 % | 12.0 % |",
        "| motion energy | −20.0 [−22.0, −17.0] | ≤ 0.001 | −20.0 [−22.0, −17.0] | ≤ 0.001 | worse |",
        "| class | queries | encoder | motion energy |",
        "| run\\|jog | 50 | 25.0 % | 35.0 % |",
        "| a graph's clips | 10 | 97.5 % | 0.10 ms | 0.20 ms |",
        "- films/a\\|b.mp4: no video stream",
        "- Protocol: every clip searches all others, its own group left out",
        "- Encoder: small, fingerprint 3fa9c1",
        "- Further encoders: old, fingerprint 77b0",
        "- Versions: torch 2.9.1, numpy 2.4.0; seed 7",
        "- Made 2026-03-04 05:06 UTC, the last run took 12.3 s.",
        "reelseek evaluate signs.csv",
    ]:
        assert line in text.splitlines()
    assert text.index("run\\|jog") < text.index("| walk")  # worst first
    assert "![R@k of the encoder, the trivial baselines and chance](recall.png)" in text


def test_a_number_is_shown_with_its_sign():
    assert points(Difference(-0.0001, (-0.021, 0.0349), 0.5)) == "+0.0 [−2.1, +3.5]"
    assert [probability(p) for p in (0.0005, 0.0624, 1)] == ["≤ 0.001", "0.062", "1.000"]


def manifest_of(classes, queries, gallery):
    splits = ["query"] * queries + ["gallery"] * gallery
    return Manifest(
        Path("m.csv"), [ManifestRow(Path(f"{i}"), f"c{i % classes}", None, part) for i, part in enumerate(splits)]
    )


def test_published_numbers_stand_beside_the_same_split_only():
    assert published_for(manifest_of(101, 3783, 9537)) is UCF101
    assert published_for(manifest_of(51, 1530, 3570)) is HMDB51
    assert published_for(manifest_of(101, 3782, 9537)) is None
    assert published_for(Manifest(Path("m.csv"), [WALK, RUN])) is None


def test_a_second_report_replaces_the_first(tmp_path):
    write_report(evaluation(encoder(), WEAK), {}, tmp_path)
    write_report(evaluation(encoder(0.9, 0.85, 0.95)), {}, tmp_path)
    assert "90.0 %" in (tmp_path / "report.md").read_text()
    assert "mean frame" not in (tmp_path / "report.md").read_text()


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    write_report(evaluation(encoder()), {}, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_report(evaluation(encoder(0.9, 0.85, 0.95)), {}, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_plot_draws_the_recall_of_every_row_and_chance():
    axes = draw_recall(evaluation(encoder(), WEAK, STRONG)).axes[0]
    drawn = [tuple(line.get_ydata()) for line in axes.lines]
    assert drawn == [(0.1, 0.4, 0.95), (0.2, 0.6, 1.0), (0.7, 0.85, 1.0), (0.5, 0.75, 1.0)]
    assert {text.get_text() for text in axes.texts} == {"chance", "mean frame", "motion energy", "encoder"}
    assert list(axes.get_xticks()) == [1, 5, 50]


def test_the_names_in_the_plot_do_not_overlap():
    axes = draw_recall(evaluation(encoder(), WEAK, CLOSE, STRONG)).axes[0]
    heights = sorted(text.get_position()[1] for text in axes.texts)
    assert np.diff(heights).min() >= plots._LABEL_GAP - 1e-9
    assert heights[-1] <= 1


def test_a_name_with_dollars_is_drawn_as_it_is(tmp_path):
    odd = replace(encoder(), name="pay $\\wrong{$ now")  # no mathematics
    assert write_report(evaluation(odd, WEAK), {}, tmp_path).exists()


def test_a_long_name_is_drawn_by_its_end():
    odd = replace(encoder(), name="runs/" + "very-long-name-" * 9 + "best.safetensors")
    names = [text.get_text() for text in draw_recall(evaluation(odd)).axes[0].texts]
    assert any(name.startswith("…") and name.endswith("best.safetensors") for name in names)


def test_plots_can_be_drawn_in_several_threads():
    shown = evaluation(encoder(), WEAK, STRONG)
    with ThreadPoolExecutor(4) as pool:
        figures = list(pool.map(lambda _: draw_recall(shown), range(8)))
    assert all(len(figure.axes[0].lines) == 4 for figure in figures)


def test_a_row_that_is_not_compared_is_refused():
    with pytest.raises(ValueError, match=r"compared with it, but not \['mean frame'\]"):
        evaluation(encoder(), replace(WEAK, lead=None))


def test_rows_measured_on_other_queries_are_refused():
    with pytest.raises(ValueError, match="same queries, gallery and depths"):
        evaluation(encoder(), replace(WEAK, report=replace(WEAK.report, queries=199)))


def test_a_row_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"a row needs a name, got self.name=' '"):
        replace(WEAK, name=" ")
