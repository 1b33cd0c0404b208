import pytest

from training.datasets import Item, check_disjoint, read_hmdb51

APRIL = "April_09_brush_hair_u_nm_np1_ba_goo_{}"
LONG = "Aussie_Brunette_Brushing_Long_Hair_brush_hair_u_nm_np1_fr_{}"
RAD = "(Rad)Schlag_die_Bank!_cartwheel_f_cm_np1_le_med_{}"


@pytest.fixture
def splits(tmp_path):
    """As published: a line ends in a space, and every split has its own files."""
    folder = tmp_path / "testTrainMulti_7030_splits"
    folder.mkdir()
    brush = [f"{APRIL.format(0)}.avi 1 ", f"{APRIL.format(1)}.avi 0 ", f"{LONG.format('goo_1')}.avi 2 "]
    (folder / "brush_hair_test_split1.txt").write_text("\n".join(brush) + "\n")
    (folder / "brush_hair_test_split2.txt").write_text(f"{APRIL.format(0)}.avi 2 \n")
    wheel = [f"{RAD.format(0)}.avi 2 ", f"{RAD.format(1)}.avi 0 ", "Acrobacias_cartwheel_f_cm_np1_ba_bad_8.avi 1 "]
    (folder / "cartwheel_test_split1.txt").write_text("\r\n".join(wheel))
    return folder


@pytest.fixture
def filled(videos, put):
    put(videos, *(f"brush_hair/{APRIL.format(i)}.avi" for i in range(2)), f"brush_hair/{LONG.format('goo_1')}.avi")
    put(videos, *(f"cartwheel/{RAD.format(i)}.avi" for i in range(2)))
    put(videos, "cartwheel/Acrobacias_cartwheel_f_cm_np1_ba_bad_8.avi")
    return videos


def test_flags_say_what_is_trained_on_what_is_tested_on_and_what_is_neither(filled, splits):
    train, test = read_hmdb51(filled, splits, 1)
    assert train.items == [
        Item(filled / f"brush_hair/{APRIL.format(0)}.avi", "brush_hair", "brush_hair April_09"),
        Item(filled / "cartwheel/Acrobacias_cartwheel_f_cm_np1_ba_bad_8.avi", "cartwheel", "cartwheel Acrobacias"),
    ]
    assert [(item.path.stem, item.group) for item in test.items] == [
        (LONG.format("goo_1"), "brush_hair Aussie_Brunette_Brushing_Long_Hair"),
        (RAD.format(0), "cartwheel (Rad)Schlag_die_Bank!"),
    ]
    check_disjoint(train.items, test.items)


def test_a_film_may_be_trained_on_in_one_class_and_tested_on_in_another(videos, splits, put):
    put(videos, "Crash_run_f_cm_np1_fr_med_17.avi", "Crash_walk_f_cm_np1_fr_med_3.avi")
    (splits / "run_test_split3.txt").write_text("Crash_run_f_cm_np1_fr_med_17.avi 1 \n")
    (splits / "walk_test_split3.txt").write_text("Crash_walk_f_cm_np1_fr_med_3.avi 2 \n")
    train, test = read_hmdb51(videos, splits, 3)
    check_disjoint(train.items, test.items)
    assert [train.items[0].group, test.items[0].group] == ["run Crash", "walk Crash"]


def test_a_name_without_its_class_is_a_source_of_its_own(filled, splits, put):
    put(filled, "odd_name.avi")
    (splits / "wave_test_split1.txt").write_text("odd_name.avi 1 \n")
    assert read_hmdb51(filled, splits, 1)[0].items[-1].group == "wave odd_name"


def test_a_split_without_a_side_is_refused(filled, splits, refused):
    said = refused(lambda videos, folder: read_hmdb51(videos, folder, 2), filled, splits)
    assert said == f"the files of {splits} list 0 videos to train on and 1 to test on"


def test_a_folder_without_split_files_is_refused(filled, tmp_path, refused):
    said = refused(lambda videos, folder: read_hmdb51(videos, folder, 1), filled, tmp_path)
    assert said == f"{tmp_path} holds no file named like brush_hair_test_split1.txt; give testTrainMulti_7030_splits"


@pytest.mark.parametrize("line", ["a_brush_hair_0.avi", "a_brush_hair_0.avi 3", "a_brush_hair_0.mp4 1", "a.avi1"])
def test_a_wrong_line_is_named_with_what_it_must_be(filled, splits, refused, line):
    file = splits / "brush_hair_test_split1.txt"
    file.write_text(f"{APRIL.format(0)}.avi 1 \n\n{line}\n")
    said = refused(lambda videos, folder: read_hmdb51(videos, folder, 1), filled, splits)
    assert said == f"{file} line 3: must be VIDEO.avi and 0, 1 or 2, not {line!r}"
