import json

import pytest

from training.datasets import Item, read_diving48

DIVES = [["Back", "15som", "05Twis", "FREE"], ["Forward", "25som", "NoTwis", "PIKE"]]


@pytest.fixture
def read(tmp_path):
    """A reader with the vocabulary as published."""
    words = tmp_path / "Diving48_vocab.json"
    words.write_text(json.dumps(DIVES))
    return lambda videos, split_file: read_diving48(videos, split_file, words)


def entry(name, label, **more):
    return {"vid_name": name, "label": label, "start_frame": 0, "end_frame": 105, **more}


def test_a_list_gives_its_dives_by_name_grouped_by_competition(videos, split_file, put, read):
    put(videos, "-mmq0PT-u8k_00155.mp4", "rRw7peH60Yw_00001.mp4", "rRw7peH60Yw_00000.mp4")
    split_file.write_text(
        json.dumps([entry("rRw7peH60Yw_00001", 1), entry("-mmq0PT-u8k_00155", 0), entry("gone_1", 0)])
    )
    listed = read(videos, split_file)
    assert listed.items == [
        Item(videos / "rRw7peH60Yw_00001.mp4", "Forward 25som NoTwis PIKE", "rRw7peH60Yw"),
        Item(videos / "-mmq0PT-u8k_00155.mp4", "Back 15som 05Twis FREE", "-mmq0PT-u8k"),
    ]
    assert listed.missing == ["gone_1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "is no JSON (Expecting value: line 1 column 2 (char 1)); give Diving48_V2_train.json"),
        ("{}", "must be a list of videos; give Diving48_V2_train.json"),
        ("[]", "must be a list of videos; give Diving48_V2_train.json"),
        ('[{"label": 1}]', 'entry 1: must have vid_name (str), label (int), not {"label": 1}'),
        ('[{"vid_name": "a_1", "label": "1"}]', "must have vid_name (str), label (int), not"),
        ('[{"vid_name": "a_1", "label": true}]', "must have vid_name (str), label (int), not"),
        ('["a_1"]', 'entry 1: must have vid_name (str), label (int), not "a_1"'),
    ],
)
def test_a_list_that_is_not_as_published_is_refused(videos, split_file, read, refused, content, said):
    assert said in refused(read, videos, split_file, content)


@pytest.mark.parametrize("label", [2, -1])
def test_a_label_outside_the_vocabulary_is_refused(videos, split_file, tmp_path, read, refused, label):
    said = refused(read, videos, split_file, json.dumps([entry("a_1", 0), entry("a_2", label)]))
    assert said == f"{split_file} entry 2: label {label} is not in {tmp_path / 'Diving48_vocab.json'}"


@pytest.mark.parametrize("words", ['{"0": "Back"}', '["Back"]', "[[]]"])
def test_a_vocabulary_of_another_form_is_refused(videos, split_file, tmp_path, read, refused, words):
    (tmp_path / "Diving48_vocab.json").write_text(words)
    said = refused(read, videos, split_file, json.dumps([entry("a_1", 0)]))
    assert said.endswith("must be a list of dives, each a list of words; give Diving48_vocab.json")
