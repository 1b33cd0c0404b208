import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.manifest import ManifestRow
from app.report.evaluation import Evaluation, EvaluationRow, Lead, Lookups
from app.report.page import to_html
from app.report.pictures import examples, thumbnails
from app.report.published import HMDB51, UCF101
from encoder.clips import ClipSpec
from encoder.decoding import DecodePool
from indexer.answers import first_answers
from indexer.evaluation import centred, evaluate_retrieval, paired_test
from indexer.measure import IndexQuality
from indexer.update import Failure

VOID = {"meta", "img", "link", "br", "hr", "input"}
LOADS = {"src", "href", "xlink:href", "data", "srcset", "poster", "action"}
NASTY = """<script>alert(1)</script>"><img src=x onerror='alert(2)'> {{ 7 * 7 }} & more"""


class Page(HTMLParser):
    """The elements of a page with their text, and a check that all are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data):
        for place in self.open:
            self.elements[place][2] += data

    def all(self, tag, **attributes):
        return [
            (found, " ".join(text.split()))
            for name, found, text in self.elements
            if name == tag and all(found.get(key.strip("_")) == value for key, value in attributes.items())
        ]


def made(labels=None, count=24, classes=4, **changes):
    """An evaluation of random features, some of them right."""
    rng = np.random.default_rng(0)
    labels = labels or [f"class {i % classes}" for i in range(count)]
    codes = np.unique(labels, return_inverse=True)[1]
    vectors, trivial = rng.normal(size=(len(labels), 6)) + 2 * np.eye(6)[codes % 6], rng.normal(size=(len(labels), 6))
    groups = [f"g{i % 8}" for i in range(len(labels))]

    def measure(features):
        return evaluate_retrieval(features, labels, groups, rng=np.random.default_rng(0))

    def compared(name, features):
        ours, theirs = measure(vectors).scores, measure(features).scores
        at_1 = paired_test(ours.hits[:, 0], theirs.hits[:, 0], ours.owners, np.random.default_rng(0))
        precision = paired_test(ours.precision, theirs.precision, ours.owners, np.random.default_rng(0))
        return EvaluationRow(name, measure(features), Lead(at_1, precision), "77b0e2")

    return replace(
        Evaluation(
            manifest="signs.csv",
            protocol="Each video searches all others but those of its own group (leave one group out).",
            encoder="small",
            fingerprint="3fa9c1",
            spec=ClipSpec(),
            judged=EvaluationRow("encoder", measure(vectors)),
            baselines=[compared("motion energy", trivial)],
            centred=compared("encoder, centred", centred(vectors)),
            others=[compared("old.safetensors", trivial[:, ::-1])],
            samples=[ManifestRow(Path(f"/films/{i}.mp4"), label, groups[i]) for i, label in enumerate(labels)],
            answers=first_answers(vectors, labels, groups),
            lookups=[
                Lookups(name, used, [IndexQuality(240, 24, k, recall, 0.12, 3.45) for k in (1, 10)])
                for name, used, recall in (("every clip", True, 1.0), ("a graph's clips", False, 0.985))
            ],
            failed=[],
            published=None,
            seconds=12.3,
            date=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
            seed=7,
            command="reelseek evaluate signs.csv --encoder small",
            versions={"torch": "2.9.1", "Python": "3.12.1"},
        ),
        **changes,
    )


@pytest.fixture(scope="module")
def shown():
    return made()


@pytest.fixture(scope="module")
def html(shown):
    return to_html(shown, {"/films/3.mp4": b"a jpeg"})


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def loaded(page):
    """What a browser would fetch to show the page."""
    attributes = [value for _, found, _ in page.elements for name, value in found.items() if name in LOADS]
    styled = [text for tag, _, text in page.elements if tag == "style"]
    styled += [value for _, found, _ in page.elements for value in found.values() if value]
    return attributes + [url for text in styled for url in re.findall(r"url\(\s*['\"]?([^'\")]*)|@import", text)]


def test_the_page_loads_nothing_from_elsewhere(page):
    assert loaded(page)
    assert [url for url in loaded(page) if not url.startswith(("data:image/jpeg;base64,", "#"))] == []
    assert {tag for tag, _, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object", "embed", "base"})


def test_the_page_says_all_that_it_takes_to_run_it_again(page):
    (_, text), *_ = page.all("main")
    for said in [
        "reelseek evaluate signs.csv --encoder small --report DIR",
        "small, fingerprint 3fa9c1",
        "old.safetensors, fingerprint 77b0e2",
        "torch 2.9.1, Python 3.12.1",
        "Seed7, of the bootstrap",
        "2026-03-04 05:06 UTC",
        "leave one group out",
        "8 groups",
        "ten clips",
        "24 queries",
    ]:
        assert said in text


def test_every_row_stands_in_the_table_with_its_intervals(page, shown):
    rows = [text for _, text in page.all("tr")]
    for row in shown.shown:
        low, high = (100 * end for end in row.report.map_interval)
        found = next(text for text in rows if text.startswith(row.name))
        assert found.endswith(f"{100 * row.report.map:.1f} %[{low:.1f}, {high:.1f}]")
    assert any(text.startswith("chance") for text in rows)


def test_wrong_examples_come_first_and_carry_their_marks(page, shown):
    wrong, right = examples(shown)
    assert wrong
    assert right
    cards = page.all("figure")
    cards = [(found["class"], text) for found, text in cards if found["class"] in ("query", "yes", "no")]
    firsts = [kind for (before, _), (kind, _) in pairwise(cards) if before == "query"]
    assert firsts == ["no"] * len(wrong) + ["yes"] * len(right)
    assert all(
        text.startswith({"yes": "✓", "no": "✗"}[kind]) for kind, text in cards if kind != "query" and ".mp4" not in text
    )


def test_a_video_without_a_picture_is_shown_by_its_name(page):
    names = {found["alt"] for found, _ in page.all("img")}
    missing = {text for _, text in page.all("span", _class="missing")}
    assert names == {"3.mp4"}
    assert missing
    assert "3.mp4" not in missing


def test_the_matrix_counts_what_came_first(page, shown):
    counted = [int(text) for found, text in page.all("text") if found.get("class", "").startswith("count")]
    assert sum(counted) == shown.judged.report.queries
    assert sum(found["class"] == "diagonal" for found, _ in page.all("rect") if "class" in found) == 4


def test_names_can_do_no_harm(tmp_path):
    labels = [NASTY, "plain"] * 6
    odd = ManifestRow(Path(f"/films/{NASTY}\udcff.mp4"), NASTY, NASTY)
    bad = made(labels, encoder=NASTY, manifest=NASTY, command=NASTY, failed=[Failure(NASTY + "\udcff", NASTY)])
    named = [replace(bad.baselines[0], name=NASTY)]
    html = to_html(replace(bad, samples=[odd, *bad.samples[1:]], baselines=named, others=named), {})
    html.encode()
    page = Page(html)
    tags = {tag for tag, _, _ in page.elements}
    assert "script" not in tags
    assert not [found for _, found, _ in page.elements if any(name.startswith("on") for name in found)]
    assert not page.all("img")
    (_, text), *_ = page.all("h1")
    assert "".join(NASTY.split()) in "".join(text.split())
    assert "49" not in text


def test_with_many_classes_the_matrix_has_no_names():
    page = Page(to_html(made(count=150, classes=50), {}))
    assert not [found for found, _ in page.all("text") if found.get("class") == "name"]
    assert any("queries found class" in text for _, text in page.all("title"))


def test_look_ups_stand_in_a_table_and_the_way_a_library_uses_is_told(page):
    rows = [text for _, text in page.all("tr")]
    assert "every clipas a library of so many does 100.0 %0.12, 3.45 ms 100.0 %0.12, 3.45 ms" in rows
    assert "a graph's clips 98.5 %0.12, 3.45 ms 98.5 %0.12, 3.45 ms" in rows
    assert any("k, clips asked for" in text for _, text in page.all("text"))


def test_published_numbers_are_shown_with_their_source_or_not_at_all(html):
    assert "Xu et al." not in html
    assert "None are shown" in html
    text = to_html(made(published=UCF101), {})
    assert "Xu et al., CVPR 2019" in text
    assert "None are shown" not in text
    assert "of the first" not in text
    assert "look that this manifest is of the first" in to_html(made(published=HMDB51), {})


def test_the_same_evaluation_gives_the_same_page(shown, html):
    assert to_html(shown, {"/films/3.mp4": b"a jpeg"}) == html


def test_a_dozen_of_each_kind_are_chosen_from_all_classes_alike():
    for chosen in (made(count=160, classes=20), made(count=120, classes=7), made(count=30, classes=3)):
        for is_right, kind in zip((False, True), examples(chosen), strict=True):
            of_kind = [chosen.labels[one.row] for one in chosen.answers if one.right is is_right]
            shares = {label: sum(chosen.labels[one.row] == label for one in kind) for label in set(of_kind)}
            assert sum(shares.values()) == len({one.row for one in kind}) == min(12, len(of_kind))
            assert sum(share > 0 for share in shares.values()) == min(12, len(shares))
            most = max(shares.values())
            assert all(share in (most - 1, most, of_kind.count(label)) for label, share in shares.items())
            assert all(one.right is is_right for one in kind)


def test_a_thumbnail_is_the_middle_of_the_video_in_its_shape(make_video, tmp_path):
    shades = [np.full((48, 96, 3), 20 if i < 8 or i > 11 else 200, np.uint8) for i in range(20)]
    path = make_video(tmp_path / "v.mkv", [i / 10 for i in range(20)], shades, pixels="bgr0")
    plain = made()
    samples = [replace(sample, path=path if i else tmp_path / "gone.mkv") for i, sample in enumerate(plain.samples)]
    with DecodePool(1) as pool:
        found = thumbnails(replace(plain, samples=samples), pool)
    assert list(found) == [str(path)]
    picture = cv2.imdecode(np.frombuffer(found[str(path)], np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (64, 128, 3)
    assert picture.mean() == pytest.approx(200, abs=4)
    assert len(base64.b64encode(found[str(path)])) < 10_000
