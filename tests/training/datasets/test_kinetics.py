import pytest

from training.datasets import Item, read_kinetics

HEADER = "label,youtube_id,time_start,time_end,split"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_kinetics_file_gives_its_videos_in_order_grouped_by_upload(videos, split_file, put, end):
    put(videos, "air drumming/-_a_0-XYZ_9_000001_000011.mp4", "air drumming/-_a_0-XYZ_9_001200_001210.mp4")
    rows = ["air drumming,-_a_0-XYZ_9,1200,1210,train", "air drumming,-_a_0-XYZ_9,1,11,train", ""]
    split_file.write_bytes(end.join([HEADER, *rows]).encode())
    assert read_kinetics(videos, split_file).items == [
        Item(videos / "air drumming" / "-_a_0-XYZ_9_001200_001210.mp4", "air drumming", "-_a_0-XYZ_9"),
        Item(videos / "air drumming" / "-_a_0-XYZ_9_000001_000011.mp4", "air drumming", "-_a_0-XYZ_9"),
    ]


def test_columns_of_kinetics_may_be_more_in_any_order_and_quoted(videos, split_file, put):
    put(videos, "--abcdefghi_000010_000020.mp4")
    rows = 'is_cc,"split",time_end,time_start,youtube_id,label\n0,val, 20,10 ,--abcdefghi,"jeté, grand"\n'
    split_file.write_text(rows, encoding="utf-8")
    assert read_kinetics(videos, split_file).items == [
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
def test_a_kinetics_video_is_found_however_a_copy_spells_its_folder_and_suffix(videos, split_file, put, name):
    put(videos, name, "-éñabcdefgh_000010_000020.json", "other/-éñabcdefgh_000010_000021.mp4")
    split_file.write_text(f"{HEADER}\npetting animal (not cat),-éñabcdefgh,10,20,train\n", encoding="utf-8")
    assert read_kinetics(videos, split_file).items == [Item(videos / name, "petting animal (not cat)", "-éñabcdefgh")]


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
def test_a_wrong_line_of_a_kinetics_file_is_named_with_what_it_must_be(videos, split_file, refused, line):
    assert refused(read_kinetics, videos, split_file, f"{HEADER}\narchery,abcdefghijk,10,20,train\n\n{line}") == (
        f"{split_file} line 4: must be {HEADER} with an id of 11 characters and whole seconds, not {line!r}"
    )


@pytest.mark.parametrize("first", ["youtube_id,time_start,time_end,split", "archery,abcdefghijk,10,20,train", ""])
def test_a_kinetics_file_without_its_header_is_refused(videos, split_file, refused, first):
    said = refused(read_kinetics, videos, split_file, f"{first}\narchery,abcdefghijk,10,20,train\n")
    assert said == f"{split_file} line 1: must have the columns {HEADER}, not {first!r}"


def test_a_kinetics_file_of_several_splits_is_refused(videos, split_file, refused):
    text = f"{HEADER}\narchery,abcdefghijk,10,20,validate\narchery,abcdefghijk,11,21,train\n"
    said = refused(read_kinetics, videos, split_file, text)
    assert said == f"{split_file} mixes the splits train, validate; give a file of one of them"


def test_a_kinetics_file_of_a_header_alone_lists_nothing(videos, split_file, refused):
    said = refused(read_kinetics, videos, split_file, f"{HEADER}\n")
    assert said == f"{split_file} lists no videos; give train.csv of Kinetics"


def test_a_file_that_is_no_csv_is_said(videos, split_file, refused):
    assert "is no CSV (field larger than" in refused(read_kinetics, videos, split_file, "a" * 200_000)


def test_a_list_of_ucf101_is_told_apart(videos, split_file, refused):
    for line in ("YoYo/v_YoYo_g08_c02.avi 1\r\n", "YoYo/v_YoYo_g08_c02.avi"):
        said = refused(read_kinetics, videos, split_file, line)
        assert said == f"{split_file} is of UCF101; give a split file of Kinetics, such as train.csv"
