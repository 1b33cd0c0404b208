import numpy as np
import pytest
from sqlalchemy import text

from encoder.clips import Span
from encoder.errors import WorldError
from encoder.video import VideoInfo
from indexer import catalog as catalogs
from indexer import schema
from indexer.catalog import Catalog, EncodedVideo, FileState

INFO = VideoInfo(duration=4.0, width=64, height=48, fps=25.0, codec="h264")


@pytest.fixture
def catalog(tmp_path):
    made = Catalog(f"sqlite:///{tmp_path}/catalog.sqlite")
    schema.upgrade(made.engine)
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
    monkeypatch.setattr(catalogs, "_BLOCK", 4)
    for i in range(5):
        catalog.add_video(state(f"/{i}"), f"c{i}", video(3, seed=i))
    ids = catalog.clip_ids()
    read = list(catalog.embeddings(after=int(ids[5])))
    assert [len(block) for block, _ in read] == [4, 4, 1]
    assert (np.concatenate([block for block, _ in read]) == ids[6:]).all()
    assert len(catalog.videos_of_clips(ids.tolist())) == 15


def test_a_video_whose_commit_breaks_in_the_middle_leaves_nothing(catalog, monkeypatch):
    def break_off(*_):
        raise KeyboardInterrupt

    before = catalog.generation()
    monkeypatch.setattr(catalogs, "_next_generation", break_off)
    with pytest.raises(KeyboardInterrupt):
        catalog.add_video(state("/a"), "c1", video())
    assert catalog.totals() == (0, 0, 0.0)
    assert catalog.files() == {}
    assert catalog.generation() == before


def test_clip_ids_are_never_given_twice(catalog):
    catalog.add_video(state("/a"), "c1", video())
    first = catalog.clip_ids()
    catalog.remove_files(["/a"])
    assert len(catalog.clip_ids()) == 0
    catalog.add_video(state("/b"), "c2", video())
    assert catalog.clip_ids().min() > first.max()


def test_the_generation_counts_the_changes_of_the_set_of_clips_and_no_others(catalog):
    assert catalog.generation() == 0
    video_id = catalog.add_video(state("/a"), "c1", video())
    assert catalog.generation() == 1
    catalog.set_file(state("/copy"), "c1", video_id=video_id)
    catalog.move_file("/a", state("/moved"))
    catalog.set_file(state("/bad"), None, reason="is empty")
    catalog.remove_files(["/copy", "/bad", "/never there"])
    assert catalog.generation() == 1
    catalog.remove_files(["/moved"])
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
