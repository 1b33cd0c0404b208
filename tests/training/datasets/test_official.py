import json

import pytest

from training.datasets import SplitError, read_official

KINETICS = "label,youtube_id,time_start,time_end,split\narchery,{},10,20,{}\n"


@pytest.fixture
def splits(tmp_path):
    folder = tmp_path / "splits"
    folder.mkdir()
    return folder


def names(sides):
    return [[item.path.stem for item in side.items] for side in sides]


@pytest.mark.parametrize("number", [1, 2])
def test_ucf101_has_lists_by_number(videos, splits, put, number):
    put(videos, *(f"v_YoYo_g0{n}_c0{m}.avi" for n in (1, 2) for m in (1, 2)))
    for n in (1, 2):
        (splits / f"trainlist0{n}.txt").write_text(f"YoYo/v_YoYo_g0{n}_c01.avi 101\n")
        (splits / f"testlist0{n}.txt").write_text(f"YoYo/v_YoYo_g0{n}_c02.avi\n")
    (splits / "classInd.txt").write_text("101 YoYo\n")
    sides = read_official("ucf101", videos, splits, number)
    assert names(sides) == [[f"v_YoYo_g0{number}_c01"], [f"v_YoYo_g0{number}_c02"]]


def test_hmdb51_has_a_file_a_class(videos, splits, put):
    put(videos, "a_run_0.avi", "b_run_0.avi")
    (splits / "run_test_split1.txt").write_text("a_run_0.avi 1 \nb_run_0.avi 2 \n")
    assert names(read_official("hmdb51", videos, splits)) == [["a_run_0"], ["b_run_0"]]


def test_diving48_is_read_in_its_second_version(videos, splits, put):
    put(videos, "a_0.mp4", "b_0.mp4")
    (splits / "Diving48_vocab.json").write_text('[["Back"]]')
    (splits / "Diving48_V2_train.json").write_text('[{"vid_name": "a_0", "label": 0}]')
    (splits / "Diving48_V2_test.json").write_text('[{"vid_name": "b_0", "label": 0}]')
    assert names(read_official("diving48", videos, splits)) == [["a_0"], ["b_0"]]


@pytest.mark.parametrize("prefix", ["", "something-something-v2-"])
def test_something_is_tested_on_its_validation_list_under_old_names_and_new(videos, splits, put, prefix):
    put(videos, "1.webm", "2.webm")
    (splits / f"{prefix}labels.json").write_text('{"Opening something": "1"}')
    for name, number in (("train", "1"), ("validation", "2")):
        (splits / f"{prefix}{name}.json").write_text(json.dumps([{"id": number, "template": "Opening [something]"}]))
    assert names(read_official("something", videos, splits)) == [["1"], ["2"]]


@pytest.mark.parametrize("name", ["val", "validate", "validation"])
def test_kinetics_is_tested_on_its_validation_list_however_a_release_names_it(videos, splits, put, name):
    put(videos, "abcdefghijk_000010_000020.mp4", "lmnopqrstuv_000010_000020.mp4")
    (splits / "train.csv").write_text(KINETICS.format("abcdefghijk", "train"))
    (splits / f"{name}.csv").write_text(KINETICS.format("lmnopqrstuv", "validate"))
    sides = read_official("kinetics", videos, splits)
    assert names(sides) == [["abcdefghijk_000010_000020"], ["lmnopqrstuv_000010_000020"]]


def test_a_missing_split_file_is_said_by_name(videos, splits):
    (splits / "trainlist01.txt").touch()
    with pytest.raises(SplitError, match=r"splits holds no testlist01.txt; give the folder of the set's own split"):
        read_official("ucf101", videos, splits)
    (splits / "train.csv").touch()
    with pytest.raises(SplitError, match=r"holds no val.csv or validate.csv or validation.csv; give the folder"):
        read_official("kinetics", videos, splits)


@pytest.mark.parametrize(("dataset", "number"), [("ucf101", 4), ("hmdb51", 0), ("diving48", 2), ("kinetics", 3)])
def test_a_split_that_the_set_does_not_have_is_refused(videos, splits, dataset, number):
    with pytest.raises(SplitError, match=f"{dataset} has no split {number}"):
        read_official(dataset, videos, splits, number)
