import json

import pytest

from training.datasets import Item, read_something

LABELS = {"Holding something next to something": "44", "Pouring something into something": "90"}


@pytest.fixture
def read(tmp_path):
    """A reader with the labels as published."""
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(LABELS))
    return lambda videos, split_file: read_something(videos, split_file, labels)


def entry(number, template, label, *placeholders):
    return {"id": number, "label": label, "template": template, "placeholders": list(placeholders)}


HOLDING = entry("78687", "Holding [something] next to [something]", "holding potato next to a box", "potato", "a box")
POURING = entry("42326", "Pouring [something] into [something]", "pouring tea into cup", "tea", "cup")


def test_what_a_video_shows_is_its_template_without_brackets(videos, split_file, put, read):
    put(videos, "42326.webm", "78687.webm", "2.webm")
    split_file.write_text(json.dumps([HOLDING, POURING, {**POURING, "id": "7"}]))
    listed = read(videos, split_file)
    assert listed.items == [
        Item(videos / "78687.webm", "Holding something next to something", None),
        Item(videos / "42326.webm", "Pouring something into something", None),
    ]
    assert listed.missing == ["7"]


def test_a_template_that_is_no_label_is_refused(videos, split_file, tmp_path, read, refused):
    said = refused(read, videos, split_file, json.dumps([HOLDING, {**POURING, "template": "Pouring [milk]"}]))
    assert said == f"{split_file} entry 2: 'Pouring milk' is not in {tmp_path / 'labels.json'}"


def test_the_test_list_which_has_no_templates_is_refused(videos, split_file, read, refused):
    said = refused(read, videos, split_file, '[{"id": "1420"}]')
    assert said == f'{split_file} entry 1: must have id (str), template (str), not {{"id": "1420"}}'


def test_labels_of_another_form_are_refused(videos, split_file, tmp_path, read, refused):
    (tmp_path / "labels.json").write_text("[]")
    said = refused(read, videos, split_file, json.dumps([HOLDING]))
    assert said == f"{tmp_path / 'labels.json'} must map each label to its number; give labels.json"
