from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import event, text

from encoder.clips import Span
from encoder.errors import WorldError
from encoder.video import VideoInfo
from indexer import schema
from indexer.catalog import Catalog
from indexer.records import EncodedVideo, FileState

INFO = VideoInfo(duration=4.0, width=64, height=48, fps=25.0, codec="h264")


@pytest.fixture
def catalog(tmp_path):
    made = Catalog(f"sqlite:///{tmp_path}/catalog.sqlite")
    schema.upgrade(made.engine)
    yield made
    made.close()


@pytest.fixture
def statements(catalog):
    """What the catalog asks its database, one an execution."""
    said = []
    event.listen(catalog.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    return said


@pytest.fixture
def elsewhere(catalog):
    """The same catalog as another process has it."""
    made = Catalog(catalog.engine.url)
    yield made
    made.close()


def state(path, size=1, modified=2):
    return FileState(path, size, modified)


def video(clips=3, seed=0, dim=8):
    vectors = np.random.default_rng(seed).normal(size=(clips, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    spans = [Span(float(i), i + 2.0) for i in range(clips)]
    return EncodedVideo(INFO, clips + 1.0, 0, spans, vectors.astype(np.float32))


def test_embeddings_come_back_rounded_to_float16_and_nothing_else(catalog):
    added = video()
    video_id = catalog.add_video(state("/a"), "c1", added)
    spans, embeddings = catalog.clips_of(video_id)
    assert spans == added.spans
    assert embeddings.dtype == np.float32
    assert (embeddings == added.embeddings.astype(np.float16).astype(np.float32)).all()
    ((ids, same),) = catalog.embeddings()
    assert (ids == catalog.clip_ids()).all()
    assert (same == embeddings).all()
    with catalog.engine.connect() as connection:
        stored = connection.execute(text("SELECT embedding FROM clip ORDER BY id LIMIT 1")).scalar_one()
    assert stored == added.embeddings[0].astype("<f2").tobytes()  # whatever machine reads it


def test_embeddings_are_read_in_blocks_from_a_given_id_on(catalog, monkeypatch):
    monkeypatch.setattr("indexer.catalog_clips.BLOCK", 4)
    for i in range(5):
        catalog.add_video(state(f"/{i}"), f"c{i}", video(3, seed=i))
    ids = catalog.clip_ids()
    read = list(catalog.embeddings(after=int(ids[5])))
    assert [len(block) for block, _ in read] == [4, 4, 1]
    assert (np.concatenate([block for block, _ in read]) == ids[6:]).all()


def test_what_is_asked_for_many_ids_is_asked_in_blocks(catalog, monkeypatch):
    for place in ("statements", "catalog_clips"):
        monkeypatch.setattr(f"indexer.{place}.BLOCK", 2)
    ids = [catalog.add_video(state(f"/{i}"), f"c{i}", video(3, seed=i)) for i in range(5)]
    assert list(catalog.videos(ids)) == list(catalog.paths(ids)) == ids
    assert [video_id for video_id, _ in catalog.clips_of_videos(ids)] == ids
    assert catalog.remove_files(f"/{i}" for i in range(5)) == 5
    assert catalog.totals() == (0, 0, 0.0)


def test_clips_of_many_videos_are_those_of_each_and_take_one_statement(catalog, statements):
    ids = [catalog.add_video(state(f"/{i}"), f"c{i}", video(i + 1, seed=i)) for i in range(4)]
    statements.clear()
    found = dict(catalog.clips_of_videos([ids[3], 99, ids[0], ids[2]]))
    assert len([each for each in statements if each.startswith("SELECT")]) == 1
    assert list(found) == [ids[0], ids[2], ids[3]]
    for video_id, (spans, embeddings) in found.items():
        alone, same = catalog.clips_of(video_id)
        assert (spans, len(spans)) == (alone, video_id)
        assert (embeddings == same).all()
    assert catalog.clips_of(99)[0] == []


def test_clips_come_in_order_of_time_however_they_were_stored(catalog):
    added = video(3)
    backwards = EncodedVideo(INFO, 4.0, 0, added.spans[::-1], added.embeddings[::-1])
    spans, embeddings = catalog.clips_of(catalog.add_video(state("/a"), "c1", backwards))
    assert spans == added.spans
    assert np.allclose(embeddings, added.embeddings, atol=1e-3)


def test_a_long_video_takes_no_more_statements_than_a_short_one(catalog, statements):
    counts = []
    for i, clips in enumerate((1, 500)):
        statements.clear()
        catalog.add_video(state(f"/{i}"), f"c{i}", video(clips))
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_video_whose_commit_breaks_in_the_middle_leaves_nothing(catalog, monkeypatch):
    def break_off(*_):
        raise KeyboardInterrupt

    before = catalog.generation()
    monkeypatch.setattr("indexer.catalog.next_generation", break_off)
    with pytest.raises(KeyboardInterrupt):
        catalog.add_video(state("/a"), "c1", video())
    assert catalog.totals() == (0, 0, 0.0)
    assert catalog.files() == {}
    assert catalog.generation() == before


def test_sketches_are_those_that_start_within_a_span_and_go_with_their_video(catalog):
    added = [replace(video(), sketches=[bytes([n, i]) for i in range(3)]) for n in range(2)]
    first, second = (catalog.add_video(state(f"/{n}"), f"c{n}", added[n]) for n in range(2))
    assert catalog.sketches(second, Span(1.0, 2.0)) == [(1.0, b"\1\1")]
    assert catalog.sketches(first, Span(0.5, np.inf)) == [(1.0, b"\0\1"), (2.0, b"\0\2")]
    catalog.remove_files(["/0"])
    assert catalog.sketches(first, Span(0.0, np.inf)) == []
    assert len(catalog.sketches(second, Span(0.0, np.inf))) == 3


def test_clip_ids_are_never_given_twice(catalog):
    catalog.add_video(state("/a"), "c1", video())
    first = catalog.clip_ids()
    catalog.remove_files(["/a"])
    assert len(catalog.clip_ids()) == 0
    catalog.add_video(state("/b"), "c2", video())
    assert catalog.clip_ids().min() > first.max()


def clips_by_video(catalog):
    with catalog.engine.connect() as connection:
        return {row.id: row.video_id for row in connection.execute(text("SELECT id, video_id FROM clip ORDER BY id"))}


def test_clip_ids_and_their_videos_follow_what_another_process_adds_and_removes(catalog, elsewhere):
    def add(name):
        elsewhere.add_video(state(name), name, video(len(name)))

    def remove(name):
        elsewhere.remove_files([name])

    for change, name in [
        (add, "/a"), (add, "/bc"), (remove, "/a"), (add, "/d"), (remove, "/d"), (add, "/efg"), (remove, "/bc"),
        (remove, "/efg"), (add, "/h"),
    ]:  # fmt: skip
        change(name)
        if name != "/d":  # here the one that was added is gone when the catalog is asked next
            true = clips_by_video(catalog)
            assert catalog.clip_ids().tolist() == list(true)
            assert catalog.videos_of_clips(range(-1, 20)) == true


def test_after_a_new_video_only_its_clips_are_read(catalog, elsewhere, statements):
    catalog.add_video(state("/a"), "c1", video(3))
    first = catalog.clip_ids()
    elsewhere.add_video(state("/b"), "c2", video(2))
    statements.clear()
    assert catalog.clip_ids().tolist() == [*first.tolist(), 4, 5]
    assert not any("GROUP BY" in each for each in statements)
    statements.clear()
    assert catalog.videos_of_clips([1, 4]) == {1: 1, 4: 2}
    assert not any("FROM clip" in each for each in statements)


def test_clips_follow_videos_that_are_given_other_ids(catalog):
    catalog.add_video(state("/a"), "c1", video(3))
    catalog.add_video(state("/b"), "c2", video(2))
    assert catalog.videos_of_clips([1, 4]) == {1: 1, 4: 2}
    catalog.number_videos({"c1": 2, "c2": 1})
    assert catalog.videos_of_clips([1, 4]) == {1: 2, 4: 1}


def test_a_catalog_put_back_from_a_backup_is_read_anew(catalog, elsewhere):
    catalog.add_video(state("/a"), "c1", video(3))
    catalog.add_video(state("/b"), "c2", video(3))
    assert len(elsewhere.clip_ids()) == 6
    catalog.remove_files(["/a"])
    catalog.set_meta(generation="1")
    assert elsewhere.clip_ids().tolist() == [4, 5, 6]


def test_clip_ids_are_those_that_are_there_where_some_are_missing_or_foreign(catalog):
    for i in range(3):
        catalog.add_video(state(f"/{i}"), f"c{i}", video(3, seed=i))
    with catalog.engine.begin() as connection:
        connection.execute(text("DELETE FROM clip WHERE id = 5"))
        connection.execute(
            text(
                "INSERT INTO clip (video_id, start, 'end', embedding) "
                "SELECT video_id, start, 'end', embedding FROM clip WHERE id = 1"
            )
        )
    true = {1: 1, 2: 1, 3: 1, 4: 2, 6: 2, 7: 3, 8: 3, 9: 3, 10: 1}
    assert catalog.clip_ids().tolist() == list(true)
    assert catalog.videos_of_clips(range(12)) == true


def test_the_generation_counts_the_changes_of_the_set_of_clips_and_no_others(catalog):
    assert catalog.generation() == 0
    video_id = catalog.add_video(state("/a"), "c1", video())
    assert catalog.generation() == 1
    catalog.set_file(state("/copy"), "c1", video_id=video_id)
    catalog.move_file("/a", state("/moved"))
    catalog.set_file(state("/bad"), None, reason="is empty")
    assert catalog.remove_files(["/copy", "/bad", "/never there"]) == 2
    assert catalog.generation() == 1
    assert catalog.remove_files(["/moved"]) == 1
    assert catalog.generation() == 2


def test_a_video_goes_with_its_last_file(catalog):
    video_id = catalog.add_video(state("/a"), "c1", video())
    catalog.set_file(state("/b"), "c1", video_id=video_id)
    catalog.remove_files(["/a"])
    assert catalog.paths() == {video_id: ["/b"]}
    catalog.set_file(state("/b", size=9), "c2", reason="is damaged")  # overwritten by something unreadable
    assert catalog.videos() == {}
    assert len(catalog.clip_ids()) == 0
    assert catalog.files()["/b"].reason == "is damaged"


def test_videos_with_damage_are_told_with_how_much(catalog):
    catalog.add_video(state("/a"), "c1", video())
    torn = catalog.add_video(state("/b"), "c2", replace(video(), damaged=3))
    assert catalog.damaged() == {torn: 3}


def test_a_moved_file_takes_the_place_of_what_was_there(catalog):
    video_id = catalog.add_video(state("/a"), "c1", video())
    catalog.add_video(state("/b"), "c2", video())
    catalog.move_file("/a", state("/b", size=5))
    assert catalog.paths() == {video_id: ["/b"]}
    assert catalog.files()["/b"].state == state("/b", size=5)
    assert list(catalog.videos()) == [video_id]


def test_files_are_asked_for_by_folder_and_not_by_prefix(catalog):
    for path in ("/films/a.mp4", "/films/deep/b.mp4", "/films2/c.mp4", "/filmsd.mp4"):
        catalog.set_file(state(path), None, reason="x")
    assert set(catalog.files(["/films"])) == {"/films/a.mp4", "/films/deep/b.mp4"}
    assert set(catalog.files(["/films2/c.mp4"])) == {"/films2/c.mp4"}
    assert len(catalog.files(["/"])) == 4


def test_odd_names_come_back_as_they_were(catalog):
    for path in ("/ blank.mp4", "/quote'\".mp4", "/new\nline.mp4", "/%_.mp4", "/Übergröße 影片 🎬.mp4"):
        catalog.set_file(state(path), None, reason="x")
        assert path in catalog.files()


def test_a_damaged_embedding_is_said_in_a_sentence(catalog):
    catalog.add_video(state("/a"), "c1", video())
    with catalog.engine.begin() as connection:
        connection.execute(text("UPDATE clip SET embedding = x'010203' WHERE id = 2"))
    with pytest.raises(WorldError, match="verify --repair"):
        list(catalog.embeddings())


def test_a_file_that_is_no_database_is_said_in_a_sentence(tmp_path):
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database" * 100)
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.sqlite")
    with pytest.raises(WorldError, match="not a database"):
        catalog.totals()
    catalog.close()
