import re
from pathlib import Path

import pytest

from encoder.errors import WorldError
from training.datasets import Item, SplitError, check_disjoint, read_kinetics, read_ucf101, require_all

HEADER = "label,youtube_id,time_start,time_end,split"
READERS = [read_ucf101, read_kinetics]


def test_a_video_deeper_than_one_folder_does_not_count(videos, split_file, put, refused):
    (videos / "old" / "archery").mkdir(parents=True)
    put(videos / "old", "archery/abcdefghijk_000010_000020.mp4")
    refused(read_kinetics, videos, split_file, f"{HEADER}\narchery,abcdefghijk,10,20,train\n")
    assert len(read_kinetics(videos / "old", split_file).items) == 1


def test_of_several_files_of_one_video_the_first_by_name_counts(videos, split_file, put):
    stem = "abcdefghijk_000010_000020"
    names = [f"archery/{stem}.mkv", f"archery/{stem}.mp4", f"archery_2/{stem}.mkv"]
    put(videos, *reversed(names))
    split_file.write_text(f"{HEADER}\narchery,abcdefghijk,10,20,train\n")
    assert [item.path for item in read_kinetics(videos, split_file).items] == [videos / names[0]]


def test_linked_class_folders_are_entered(videos, split_file, put, tmp_path):
    put(tmp_path, "elsewhere/abcdefghijk_000010_000020.mp4")
    (videos / "archery").symlink_to(tmp_path / "elsewhere")
    split_file.write_text(f"{HEADER}\narchery,abcdefghijk,10,20,train\n")
    assert len(read_kinetics(videos, split_file).items) == 1


def test_missing_videos_are_left_out_and_named(videos, split_file, put):
    put(videos, "archery/abcdefghijk_000010_000020.mp4")
    gone = "archery,abcdefghijk,11,21,train\narchery,Abcdefghijk,10,20,train\n"
    split_file.write_text(f"{HEADER}\n{gone}archery,abcdefghijk,10,20,train\n")
    listed = read_kinetics(videos, split_file)
    assert [item.path.name for item in listed.items] == ["abcdefghijk_000010_000020.mp4"]
    assert listed.missing == ["abcdefghijk_000011_000021", "Abcdefghijk_000010_000020"]


def test_where_all_are_required_missing_videos_are_counted_and_the_first_named(videos, split_file, put):
    names = [f"YoYo/v_YoYo_g08_c0{number}.avi" for number in range(1, 6)]
    put(videos, names[1])
    split_file.write_text("\n".join(names))
    said = (
        f"4 of 5 videos of {split_file} are missing in {videos}: v_YoYo_g08_c01, v_YoYo_g08_c03, v_YoYo_g08_c04, ...; "
        "give the folder of all the videos of the set"
    )
    with pytest.raises(SplitError, match=re.escape(said)):
        require_all(read_ucf101(videos, split_file), videos, split_file)
    put(videos, *names)
    assert len(require_all(read_ucf101(videos, split_file), videos, split_file)) == 5


def test_no_video_of_kinetics_at_all_is_refused(videos, split_file, refused):
    text = f"{HEADER}\narchery,abcdefghijk,10,20,train\narchery,abcdefghijk,11,21,train\n"
    assert refused(read_kinetics, videos, split_file, text) == (
        f"none of the 2 videos of {split_file} is in {videos} or the folders right below it; "
        "they must be named like abcdefghijk_000010_000020.mp4"
    )


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", ["", "\r\n \r\n", "\ufeff"])
def test_an_empty_split_file_is_said(videos, split_file, refused, read, content):
    assert f"{split_file} is empty; give train" in refused(read, videos, split_file, content)


@pytest.mark.parametrize("read", READERS)
def test_a_split_file_that_cannot_be_read_is_said(videos, split_file, refused, read):
    assert f"{split_file}: no such file or directory; give train" in refused(read, videos, split_file)
    assert f"{videos}: is a directory; give train" in refused(read, videos, videos)
    assert "is no text in UTF-8" in refused(read, videos, split_file, b"\xff\xfe\x00")


@pytest.mark.parametrize(
    ("read", "text"),
    [(read_ucf101, "YoYo/v_YoYo_g08_c02.avi"), (read_kinetics, f"{HEADER}\narchery,abcdefghijk,10,20,train\n")],
)
def test_a_folder_of_videos_that_cannot_be_read_is_said(videos, split_file, refused, read, text):
    assert f"{videos / 'no'}: No such file or directory" in refused(read, videos / "no", split_file, text)
    assert f"{split_file} is a file or lies in one; give a folder" in refused(read, split_file, split_file)


def test_groups_on_both_sides_are_counted_and_the_first_named_with_a_video_of_each():
    train = [Item(Path(f"{group}.avi"), "YoYo", f"YoYo_g{group}") for group in range(10, 16)]
    leaks = [Item(Path(f"{group}b.avi"), "YoYo", f"YoYo_g{group}") for group in (9, 14, 11, 13, 12)]
    said = (
        "4 groups are both trained and tested on: YoYo_g14 (14.avi, 14b.avi), YoYo_g11 (11.avi, 11b.avi), "
        "YoYo_g13 (13.avi, 13b.avi), ...; split by group, never by clip"
    )
    with pytest.raises(SplitError, match=re.escape(said)):
        check_disjoint(train, leaks)
    assert issubclass(SplitError, WorldError)


def test_the_same_number_in_another_class_and_unknown_groups_are_no_leak():
    train = [Item(Path("a.avi"), "YoYo", "YoYo_g08"), Item(Path("b.avi"), "YoYo", None)]
    check_disjoint(train, [Item(Path("c.avi"), "Archery", "Archery_g08"), Item(Path("d.avi"), "YoYo", None)])
    check_disjoint(train, [])
