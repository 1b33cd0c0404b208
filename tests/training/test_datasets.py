import re
from pathlib import Path

import pytest

from encoder.errors import WorldError
from training.datasets import Item, SplitError, check_disjoint, read_kinetics, read_ucf101

MAKEUP = "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi"
YOYO = "YoYo/v_YoYo_g08_c02.avi"
HEADER = "label,youtube_id,time_start,time_end,split"
READERS = [read_ucf101, read_kinetics]


@pytest.fixture
def videos(tmp_path):
    (tmp_path / "videos").mkdir()
    return tmp_path / "videos"


@pytest.fixture
def split_file(tmp_path):
    return tmp_path / "split"


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def refused(read, videos, split_file, content: str | bytes | None = None) -> str:
    """The sentence with which a reader refuses a split file."""
    if content is not None:
        split_file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SplitError) as caught:
        read(videos, split_file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("numbers", [(" 1", " 101"), ("", "")], ids=["train", "test"])
def test_a_ucf101_list_gives_its_videos_in_order_grouped_by_class_and_source(videos, split_file, numbers, end):
    put(videos, MAKEUP, YOYO, "YoYo/v_YoYo_g01_c01.avi")
    split_file.write_bytes(f"{YOYO}{numbers[1]}{end}{MAKEUP}{numbers[0]}{end}{end}".encode())
    assert read_ucf101(videos, split_file) == [
        Item(videos / YOYO, "YoYo", "YoYo_g08"),
        Item(videos / MAKEUP, "ApplyEyeMakeup", "ApplyEyeMakeup_g08"),
    ]


def test_ucf101_may_lie_flat_in_one_folder(videos, split_file):
    put(videos, Path(MAKEUP).name)
    split_file.write_text(f"\ufeff{MAKEUP} 1", encoding="utf-8")
    assert read_ucf101(videos, split_file) == [Item(videos / Path(MAKEUP).name, "ApplyEyeMakeup", "ApplyEyeMakeup_g08")]


@pytest.mark.parametrize("listed", ["HandstandPushups", "HandStandPushups"])
def test_the_one_class_of_ucf101_that_is_spelt_in_two_ways_is_found(videos, split_file, listed):
    put(videos, "HandstandPushups/v_HandStandPushups_g08_c01.avi")
    split_file.write_text(f"{listed}/v_HandStandPushups_g08_c01.avi 37\n")
    (item,) = read_ucf101(videos, split_file)
    assert item == Item(videos / "HandstandPushups/v_HandStandPushups_g08_c01.avi", listed, "HandStandPushups_g08")


def test_missing_videos_of_ucf101_are_counted_and_the_first_named(videos, split_file):
    names = [f"YoYo/v_YoYo_g08_c0{number}.avi" for number in range(1, 6)]
    put(videos, names[1])
    said = refused(read_ucf101, videos, split_file, "\n".join(names))
    assert said == (
        f"4 of 5 videos of {split_file} are missing in {videos}: v_YoYo_g08_c01.avi, v_YoYo_g08_c03.avi, "
        "v_YoYo_g08_c04.avi, ...; give the folder of all of UCF101's videos"
    )
    put(videos, *names[2:])
    assert "1 of 5" in refused(read_ucf101, videos, split_file)
    assert "c01.avi; give" in refused(read_ucf101, videos, split_file)


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
def test_a_wrong_line_of_a_ucf101_list_is_named_with_what_it_must_be(videos, split_file, line):
    put(videos, MAKEUP)
    assert refused(read_ucf101, videos, split_file, f"{MAKEUP} 1\r\n\r\n{line}\r\n") == (
        f"{split_file} line 3: must be CLASS/v_CLASS_gNN_cNN.avi, alone or with a class number, not {line!r}"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_kinetics_file_gives_its_videos_in_order_grouped_by_upload(videos, split_file, end):
    put(videos, "air drumming/-_a_0-XYZ_9_000001_000011.mp4", "air drumming/-_a_0-XYZ_9_001200_001210.mp4")
    rows = ["air drumming,-_a_0-XYZ_9,1200,1210,train", "air drumming,-_a_0-XYZ_9,1,11,train", ""]
    split_file.write_bytes(end.join([HEADER, *rows]).encode())
    assert read_kinetics(videos, split_file) == [
        Item(videos / "air drumming" / "-_a_0-XYZ_9_001200_001210.mp4", "air drumming", "-_a_0-XYZ_9"),
        Item(videos / "air drumming" / "-_a_0-XYZ_9_000001_000011.mp4", "air drumming", "-_a_0-XYZ_9"),
    ]


def test_columns_of_kinetics_may_be_more_in_any_order_and_quoted(videos, split_file):
    put(videos, "--abcdefghi_000010_000020.mp4")
    rows = 'is_cc,"split",time_end,time_start,youtube_id,label\n0,val, 20,10 ,--abcdefghi,"jeté, grand"\n'
    split_file.write_text(rows, encoding="utf-8")
    assert read_kinetics(videos, split_file) == [
        Item(videos / "--abcdefghi_000010_000020.mp4", "jeté, grand", "--abcdefghi")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "petting animal (not cat)/-éñabcdefgh_000010_000020.mp4",
        "petting_animal_(not_cat)/-éñabcdefgh_000010_000020.webm",
        "petting_animal_not_cat/-éñabcdefgh_000010_000020.mkv",
        "-éñabcdefgh_000010_000020.MP4",
    ],
)
def test_a_kinetics_video_is_found_however_a_copy_spells_its_folder_and_suffix(videos, split_file, name):
    put(videos, name, "-éñabcdefgh_000010_000020.json", "other/-éñabcdefgh_000010_000021.mp4")
    split_file.write_text(f"{HEADER}\npetting animal (not cat),-éñabcdefgh,10,20,train\n", encoding="utf-8")
    assert read_kinetics(videos, split_file) == [Item(videos / name, "petting animal (not cat)", "-éñabcdefgh")]


def test_a_video_deeper_than_one_folder_does_not_count(videos, split_file):
    (videos / "old" / "archery").mkdir(parents=True)
    put(videos / "old", "archery/abcdefghijk_000010_000020.mp4")
    refused(read_kinetics, videos, split_file, f"{HEADER}\narchery,abcdefghijk,10,20,train\n")
    assert len(read_kinetics(videos / "old", split_file)) == 1


def test_of_several_files_of_one_video_the_first_by_name_counts(videos, split_file):
    stem = "abcdefghijk_000010_000020"
    names = [f"archery/{stem}.mkv", f"archery/{stem}.mp4", f"archery_2/{stem}.mkv"]
    put(videos, *reversed(names))
    split_file.write_text(f"{HEADER}\narchery,abcdefghijk,10,20,train\n")
    assert [item.path for item in read_kinetics(videos, split_file)] == [videos / names[0]]


def test_linked_class_folders_are_entered(videos, split_file, tmp_path):
    put(tmp_path, "elsewhere/abcdefghijk_000010_000020.mp4")
    (videos / "archery").symlink_to(tmp_path / "elsewhere")
    split_file.write_text(f"{HEADER}\narchery,abcdefghijk,10,20,train\n")
    assert len(read_kinetics(videos, split_file)) == 1


def test_missing_videos_of_kinetics_are_left_out_and_reported(videos, split_file):
    put(videos, "archery/abcdefghijk_000010_000020.mp4")
    gone = "archery,abcdefghijk,11,21,train\narchery,Abcdefghijk,10,20,train\n"
    split_file.write_text(f"{HEADER}\n{gone}archery,abcdefghijk,10,20,train\n")
    told = []
    items = read_kinetics(videos, split_file, report_missing=lambda missing, listed: told.append((missing, listed)))
    assert [item.path.name for item in items] == ["abcdefghijk_000010_000020.mp4"]
    assert told == [(2, 3)]
    assert read_kinetics(videos, split_file) == items


def test_no_video_of_kinetics_at_all_is_refused(videos, split_file):
    text = f"{HEADER}\narchery,abcdefghijk,10,20,train\narchery,abcdefghijk,11,21,train\n"
    assert refused(read_kinetics, videos, split_file, text) == (
        f"none of the 2 videos of {split_file} is in {videos} or the folders right below it; "
        "they must be named like abcdefghijk_000010_000020.mp4"
    )


@pytest.mark.parametrize(
    "line",
    [
        ",abcdefghijk,10,20,train",
        "archery,abcdefghijk,10,20,",
        "archery,abcdefghijk,10,20",
        "archery,#NAME?,10,20,train",  # a spreadsheet's reading of an id that begins with -
        "archery,abcdefghijk,10.0,20.0,train",
        "archery,abcdefghijk,-1,9,train",
        "archery,abcdefghijk,10,,train",
        "tying knot, not on a tie,abcdefghijk,10,20,train",
        '"archery,abcdefghijk,10,20,train',
    ],
)
def test_a_wrong_line_of_a_kinetics_file_is_named_with_what_it_must_be(videos, split_file, line):
    assert refused(read_kinetics, videos, split_file, f"{HEADER}\narchery,abcdefghijk,10,20,train\n\n{line}") == (
        f"{split_file} line 4: must be {HEADER} with an id of 11 characters and whole seconds, not {line!r}"
    )


@pytest.mark.parametrize("first", ["youtube_id,time_start,time_end,split", "archery,abcdefghijk,10,20,train", ""])
def test_a_kinetics_file_without_its_header_is_refused(videos, split_file, first):
    said = refused(read_kinetics, videos, split_file, f"{first}\narchery,abcdefghijk,10,20,train\n")
    assert said == f"{split_file} line 1: must have the columns {HEADER}, not {first!r}"


def test_a_kinetics_file_of_several_splits_is_refused(videos, split_file):
    text = f"{HEADER}\narchery,abcdefghijk,10,20,validate\narchery,abcdefghijk,11,21,train\n"
    said = refused(read_kinetics, videos, split_file, text)
    assert said == f"{split_file} mixes the splits train, validate; give a file of one of them"


def test_a_split_file_of_the_other_set_is_told_apart(videos, split_file):
    said = refused(read_ucf101, videos, split_file, f"{HEADER}\narchery,abcdefghijk,10,20,train\n")
    assert said == f"{split_file} is of Kinetics-400; give a split file of UCF101, such as trainlist01.txt"
    for line in (f"{MAKEUP} 1\r\n", MAKEUP):
        said = refused(read_kinetics, videos, split_file, line)
        assert said == f"{split_file} is of UCF101; give a split file of Kinetics-400, such as train.csv"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", ["", "\r\n \r\n", "\ufeff"])
def test_an_empty_split_file_is_said(videos, split_file, read, content):
    assert f"{split_file} is empty; give train" in refused(read, videos, split_file, content)


def test_a_kinetics_file_of_a_header_alone_lists_nothing(videos, split_file):
    said = refused(read_kinetics, videos, split_file, f"{HEADER}\n")
    assert said == f"{split_file} lists no videos; give train.csv of Kinetics-400"


@pytest.mark.parametrize("read", READERS)
def test_a_split_file_that_cannot_be_read_is_said(videos, split_file, read):
    assert f"{split_file}: no such file or directory; give train" in refused(read, videos, split_file)
    assert f"{videos}: is a directory; give train" in refused(read, videos, videos)
    assert "is no text in UTF-8" in refused(read, videos, split_file, b"\xff\xfe\x00")


def test_a_file_that_is_no_csv_is_said(videos, split_file):
    assert "is no CSV (field larger than" in refused(read_kinetics, videos, split_file, "a" * 200_000)


@pytest.mark.parametrize(
    ("read", "text"), [(read_ucf101, MAKEUP), (read_kinetics, f"{HEADER}\narchery,abcdefghijk,10,20,train\n")]
)
def test_a_folder_of_videos_that_cannot_be_read_is_said(videos, split_file, read, text):
    assert f"{videos / 'no'}: No such file or directory" in refused(read, videos / "no", split_file, text)
    assert f"{split_file} is a file or lies in one; give a folder" in refused(read, split_file, split_file)


def test_a_group_on_both_sides_is_refused_with_a_video_of_each():
    train = [Item(Path("a.avi"), "YoYo", "YoYo_g08"), Item(Path("b.avi"), "YoYo", "YoYo_g09")]
    leak = Item(Path("c.avi"), "YoYo", "YoYo_g09")
    said = "group YoYo_g09 is both trained and tested on (b.avi, c.avi); split by group, never by clip"
    with pytest.raises(SplitError, match=re.escape(said)):
        check_disjoint(train, [Item(Path("d.avi"), "YoYo", "YoYo_g01"), leak])
    assert issubclass(SplitError, WorldError)


def test_the_same_number_in_another_class_and_unknown_groups_are_no_leak():
    train = [Item(Path("a.avi"), "YoYo", "YoYo_g08"), Item(Path("b.avi"), "YoYo", None)]
    check_disjoint(train, [Item(Path("c.avi"), "Archery", "Archery_g08"), Item(Path("d.avi"), "YoYo", None)])
    check_disjoint(train, [])
