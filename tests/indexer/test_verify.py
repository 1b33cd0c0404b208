import shutil

import numpy as np
import pytest
from sqlalchemy import text

from encoder.errors import WorldError
from indexer.library import Library
from indexer.verify import verify

NAN = np.full(256, np.nan, "<f2").tobytes()


@pytest.fixture(scope="module")
def three(checkpoint, clip, use_pool, tmp_path_factory):
    """A folder with a library of three videos, one of them in two files."""
    folder = tmp_path_factory.mktemp("three")
    for i in range(3):
        clip(folder / "videos" / f"{i}.mp4", i)
    clip(folder / "videos" / "copy of 2.mp4", 2)
    with pytest.MonkeyPatch.context() as patch:
        use_pool(patch)
        with Library.create(folder / "library", checkpoint) as made:
            for name in ("0.mp4", "1.mp4", "2.mp4", ""):  # 1.mp4 is video 2 with clips 3 and 4
                made.add([folder / "videos" / name])
    return folder


@pytest.fixture
def library(three, tmp_path, use_pool, monkeypatch):
    use_pool(monkeypatch)
    shutil.copytree(three / "library", tmp_path / "library")
    with Library.open(tmp_path / "library") as opened:
        yield opened


def plant(library, statement, **values):
    with library.catalog.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        connection.execute(text(statement), values)


def test_a_sound_library_has_no_problems(library):
    result = verify(library)
    assert (result.ok, result.problems, result.repaired) == (True, [], [])


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM file WHERE path LIKE '%/1.mp4'", "video 2 belongs to no file"),
        ("DELETE FROM clip WHERE video_id = 2", "1.mp4 has no clips"),
        ("DELETE FROM clip WHERE id = 4", "1.mp4: its clips do not cover it"),
        ("UPDATE clip SET embedding = x'0102' WHERE id = 3", "1.mp4: a clip can't be read (an embedding is damaged"),
        ("UPDATE clip SET embedding = x'010203' WHERE id = 3", "1.mp4: a clip can't be read (an embedding is damaged"),
        ("UPDATE clip SET embedding = x'0102' WHERE video_id = 2", "1.mp4: its embeddings have 1 numbers, not 256"),
        ("UPDATE clip SET embedding = :nan WHERE id = 3", "1.mp4: an embedding is not a unit vector"),
        ("UPDATE clip SET embedding = zeroblob(512) WHERE id = 3", "1.mp4: an embedding is not a unit vector"),
        ("UPDATE clip SET start = 5 WHERE id = 3", "1.mp4: a clip can't be read (a span needs"),
        ("UPDATE clip SET start = 0.5 WHERE id = 3", "1.mp4: its clips do not cover it"),
        (
            "INSERT INTO clip (video_id, start, 'end', embedding) "
            'SELECT video_id, start, "end", embedding FROM clip WHERE id = 3',
            "1.mp4: a clip is there twice",
        ),
        ("DELETE FROM sketch WHERE video_id = 2 AND start = 0", "1.mp4: its sketches are not those of its clips"),
        ("UPDATE sketch SET pictures = x'0102' WHERE video_id = 2 AND start = 0", "1.mp4: a sketch is damaged"),
        ("UPDATE file SET video_id = NULL WHERE path LIKE '%/1.mp4'", "1.mp4 has neither a video nor a reason"),
    ],
)
def test_each_fault_is_named_and_repaired_by_indexing_again(library, three, statement, problem):
    plant(library, statement, **({"nan": NAN} if ":nan" in statement else {}))
    found = verify(library)
    assert not found.ok
    assert found.repaired == []
    assert problem.removeprefix("1.mp4") in " ".join(found.problems)
    assert not problem.startswith("1.mp4") or "1.mp4" in " ".join(found.problems)
    assert verify(library).problems == found.problems  # looking changes nothing
    mended = verify(library, repair=True)
    assert mended.ok
    assert verify(library).problems == []
    report = library.add([three / "videos"])
    assert (report.unchanged, report.indexed, report.failed) == (3, 1, [])
    assert verify(library).problems == []
    assert library.catalog.totals()[:2] == (3, 6)
    best = library.search(three / "videos" / "1.mp4")[0]
    assert library.catalog.paths()[best.video_id] == [str(three / "videos" / "1.mp4")]


def test_a_video_of_several_files_is_indexed_again_with_all_of_them(library, three):
    plant(library, "DELETE FROM clip WHERE video_id = 3")
    assert verify(library, repair=True).ok
    report = library.add([three / "videos"])
    assert (report.unchanged, report.indexed, report.copies) == (2, 1, 1)


def test_a_clip_that_is_missing_in_the_middle_is_named(library, clip, tmp_path):
    library.add([clip(tmp_path / "long.mp4", 5, seconds=5)])
    assert verify(library).ok
    plant(library, "DELETE FROM sketch WHERE start = 2")
    plant(library, "DELETE FROM clip WHERE start = 2")
    assert verify(library).problems[0].endswith("long.mp4: its clips do not cover it")


def test_a_library_without_sketches_is_sound_and_searched(library, three):
    plant(library, "DELETE FROM sketch")
    assert verify(library).ok
    assert library.search(three / "videos" / "1.mp4")[0].score > 0.9


def test_a_damaged_sketch_ends_a_search_in_a_sentence(library, three):
    plant(library, "UPDATE sketch SET pictures = x'0102'")
    with pytest.raises(WorldError, match=r"a sketch is damaged .*; mend it with: reelseek verify --repair"):
        library.search(three / "videos" / "1.mp4")


@pytest.mark.parametrize("damage", ["cut off", "other clips", "other vectors"])
def test_a_wrong_cache_is_named_and_repaired(library, damage):
    library.index.refresh()
    index = library.index._index
    if damage == "cut off":
        library.index.path.write_bytes(library.index.path.read_bytes()[:-1])
    else:
        ids = index.ids()[:1]
        vector = index.vectors(ids)
        index.remove(ids)
        index.add(ids + (100 if damage == "other clips" else 0), -vector)
        index.save(library.index.path)
    said = {
        "cut off": "vectors.faiss can't be used: its checksum is wrong",
        "other clips": "vectors.faiss does not hold the catalog's clips",
        "other vectors": "vectors.faiss holds other vectors than the catalog",
    }[damage]
    assert verify(library).problems == [said]
    assert verify(library, repair=True).repaired == [said]
    assert verify(library).problems == []


def test_a_missing_cache_and_one_that_is_behind_are_no_problems(library, clip, tmp_path):
    old = library.index.path.read_bytes()
    library.add([clip(tmp_path / "new.mp4", 9)])
    library.index.path.write_bytes(old)
    assert verify(library).problems == []
    library.index.path.unlink()
    assert verify(library).problems == []


def test_a_catalog_whose_file_is_damaged_is_said_in_a_sentence(library):
    library.close()
    path = library.folder / "catalog.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\x55" * len(content[4096 * 3 :])
    path.write_bytes(content)
    try:
        with Library.open(library.folder) as again:
            said = verify(again).problems
    except WorldError as error:
        said = [str(error)]
    assert any("malformed" in line or "damaged" in line for line in said)
