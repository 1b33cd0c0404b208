import pytest

from app.manifest import ManifestError, read_manifest
from app.official import make_manifest
from training.datasets import SplitError

NAMES = [
    f"{label}/v_{label}_g0{group}_c0{clip}" for label in ("YoYo", "Archery") for group in (1, 8) for clip in (1, 2)
]


@pytest.fixture
def ucf101(videos, tmp_path):
    """The folder of the split files of a small UCF101: g01 is tested on, g08 trained on."""
    for name in NAMES:
        (videos / name).parent.mkdir(exist_ok=True)
        (videos / f"{name}.avi").touch()
    splits = tmp_path / "ucfTrainTestlist"
    splits.mkdir()
    (splits / "trainlist01.txt").write_text("".join(f"{name}.avi 1\n" for name in NAMES if "g08" in name))
    (splits / "testlist01.txt").write_text("".join(f"{name}.avi\n" for name in NAMES if "g01" in name))
    return splits


@pytest.fixture
def out(tmp_path):
    return tmp_path / "made" / "manifest.csv"


def test_training_videos_are_the_gallery_and_test_videos_the_queries(ucf101, videos, out):
    made = make_manifest("ucf101", videos, ucf101, out)
    assert (made.train, made.test, made.classes, made.grouped, made.missing) == (4, 4, 2, True, [])
    rows = read_manifest(out).rows
    assert {(row.label, row.group, row.split) for row in rows} == {
        (label, f"{label}_g0{number}", side)
        for label in ("YoYo", "Archery")
        for number, side in [(1, "query"), (8, "gallery")]
    }
    assert {row.path for row in rows} == {videos / f"{name}.avi" for name in NAMES}


def test_missing_videos_are_listed_and_refused_unless_allowed(ucf101, videos, out):
    (videos / f"{NAMES[0]}.avi").unlink()
    with pytest.raises(
        ManifestError, match=r"1 of the 8 videos that .* lists are missing in .*missing.txt names them; get"
    ):
        make_manifest("ucf101", videos, ucf101, out)
    assert not out.exists()
    made = make_manifest("ucf101", videos, ucf101, out, allow_missing=True)
    assert made.missing_list.read_text() == "v_YoYo_g01_c01\n"
    assert len(read_manifest(out).rows) == 7


def test_videos_that_are_gone_from_kinetics_may_always_be_missing(videos, tmp_path, out):
    head, row = "label,youtube_id,time_start,time_end,split\n", "archery,{},10,20,{}\n"
    lists = tmp_path / "kinetics"
    lists.mkdir()
    (lists / "train.csv").write_text(head + row.format("abcdefghijk", "train") + row.format("gone_______", "train"))
    (lists / "val.csv").write_text(head + row.format("lmnopqrstuv", "val"))
    for name in ("abcdefghijk", "lmnopqrstuv"):
        (videos / f"{name}_000010_000020.mp4").touch()
    made = make_manifest("kinetics", videos, lists, out)
    assert (made.train, made.test, made.missing) == (1, 1, ["gone________000010_000020"])


def test_a_source_on_both_sides_is_refused(ucf101, videos, out):
    with (ucf101 / "testlist01.txt").open("a") as file:
        file.write(f"{NAMES[2]}.avi\n")
    with pytest.raises(SplitError, match="1 groups are both trained and tested on: YoYo_g08 "):
        make_manifest("ucf101", videos, ucf101, out)


def test_a_set_that_does_not_say_who_filmed_has_no_groups(videos, tmp_path, out):
    for name in ("1", "2"):
        (videos / f"{name}.webm").touch()
    (tmp_path / "labels.json").write_text('{"Opening something": "1"}')
    (tmp_path / "train.json").write_text('[{"id": "1", "template": "Opening [something]"}]')
    (tmp_path / "validation.json").write_text('[{"id": "2", "template": "Opening [something]"}]')
    assert not make_manifest("something", videos, tmp_path, out).grouped
    assert out.read_text().splitlines()[0] == "path,label,split"
