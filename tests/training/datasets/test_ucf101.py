from pathlib import Path

import pytest

from training.datasets import Item, read_ucf101

MAKEUP = "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi"
YOYO = "YoYo/v_YoYo_g08_c02.avi"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("numbers", [(" 1", " 101"), ("", "")], ids=["train", "test"])
def test_a_ucf101_list_gives_its_videos_in_order_grouped_by_class_and_source(videos, split_file, put, numbers, end):
    put(videos, MAKEUP, YOYO, "YoYo/v_YoYo_g01_c01.avi")
    split_file.write_bytes(f"{YOYO}{numbers[1]}{end}{MAKEUP}{numbers[0]}{end}{end}".encode())
    assert read_ucf101(videos, split_file).items == [
        Item(videos / YOYO, "YoYo", "YoYo_g08"),
        Item(videos / MAKEUP, "ApplyEyeMakeup", "ApplyEyeMakeup_g08"),
    ]


def test_ucf101_may_lie_flat_in_one_folder(videos, split_file, put):
    put(videos, Path(MAKEUP).name)
    split_file.write_text(f"\ufeff{MAKEUP} 1", encoding="utf-8")
    assert read_ucf101(videos, split_file).items == [
        Item(videos / Path(MAKEUP).name, "ApplyEyeMakeup", "ApplyEyeMakeup_g08")
    ]


@pytest.mark.parametrize("listed", ["HandstandPushups", "HandStandPushups"])
def test_the_one_class_of_ucf101_that_is_spelt_in_two_ways_is_found(videos, split_file, put, listed):
    put(videos, "HandstandPushups/v_HandStandPushups_g08_c01.avi")
    split_file.write_text(f"{listed}/v_HandStandPushups_g08_c01.avi 37\n")
    (item,) = read_ucf101(videos, split_file).items
    assert item == Item(videos / "HandstandPushups/v_HandStandPushups_g08_c01.avi", listed, "HandStandPushups_g08")


@pytest.mark.parametrize(
    "line",
    [
        "1 ApplyEyeMakeup",  # of classInd.txt
        "v_YoYo_g08_c02.avi 101",
        "YoYo/v_Archery_g08_c02.avi 101",
        "YoYo/v_YoYo_g08_c02.mp4 101",
        "YoYo/v_YoYo_c02.avi 101",
        "YoYo/v_YoYo_g08_c02.avi 101 7",
        "YoYo/v_YoYo_g08_c02.avi YoYo",
        "../YoYo/v_YoYo_g08_c02.avi 101",
    ],
)
def test_a_wrong_line_of_a_ucf101_list_is_named_with_what_it_must_be(videos, split_file, put, refused, line):
    put(videos, MAKEUP)
    assert refused(read_ucf101, videos, split_file, f"{MAKEUP} 1\r\n\r\n{line}\r\n") == (
        f"{split_file} line 3: must be CLASS/v_CLASS_gNN_cNN.avi, alone or with a class number, not {line!r}"
    )


def test_a_list_of_kinetics_is_told_apart(videos, split_file, refused):
    said = refused(read_ucf101, videos, split_file, "label,youtube_id,time_start,time_end,split\n")
    assert said == f"{split_file} is of Kinetics; give a split file of UCF101, such as trainlist01.txt"


def test_videos_that_were_converted_are_found(videos, split_file, put):
    put(videos, "YoYo/v_YoYo_g08_c02.mp4")
    split_file.write_text(f"{YOYO} 101\n")
    assert read_ucf101(videos, split_file).items[0].path == videos / "YoYo/v_YoYo_g08_c02.mp4"
