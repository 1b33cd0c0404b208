import pytest

from encoder.checkpoint import load_encoder
from indexer import adoption
from indexer.adoption import adopt
from indexer.current import home, take_into_use
from indexer.errors import LibraryError
from indexer.library import Library
from indexer.verify import verify


@pytest.fixture
def other(other_encoder_file):
    return load_encoder(other_encoder_file)


@pytest.fixture
def filled(library, videos, clip):
    clip(videos / "gone.mp4", 9)
    clip(videos / "a.mp4", 1)
    clip(videos / "copy.mp4", 1)
    clip(videos / "b.mp4", 2)
    (videos / "broken.mp4").write_text("no video")
    library.add([videos])
    (videos / "gone.mp4").unlink()
    library.add([videos])
    return library


def ids(library):
    return {path: video_id for video_id, paths in library.catalog.paths().items() for path in paths}


def test_a_library_gets_another_encoder_and_its_videos_keep_their_ids(filled, other, videos):
    before, folder = ids(filled), filled.folder
    filled.catalog.set_meta(note="kept")
    with adopt(filled, folder, other).library as new:
        assert home(folder) == new.folder != folder
        assert (new.checkpoint.fingerprint, ids(new)) == (other.fingerprint, before)
        assert new.catalog.meta()["note"] == "kept"
        assert sum(file.reason is not None for file in new.catalog.files().values()) == 1
        assert new.search(videos / "b.mp4", k=1)[0].video_id == before[str(videos / "b.mp4")]
        assert verify(new, repair=False).problems == []
    with Library.open(folder) as opened:
        assert opened.checkpoint.fingerprint == other.fingerprint
        assert opened.search(videos / "a.mp4", k=1)[0].video_id == before[str(videos / "a.mp4")]


def test_a_new_video_after_another_encoder_gets_an_id_that_none_had(filled, other, videos, clip):
    before = ids(filled)
    with adopt(filled, filled.folder, other).library as new:
        clip(videos / "later.mp4", 5)
        new.add([videos])
        assert ids(new)[str(videos / "later.mp4")] > max(before.values())


def test_the_old_library_answers_until_it_is_closed_but_takes_nothing_in(filled, other, videos):
    with adopt(filled, filled.folder, other).library:
        assert filled.search(videos / "a.mp4", k=1)
        with pytest.raises(LibraryError, match=f"encoder {other.fingerprint} has taken over"):
            filled.add([videos])


def test_a_library_goes_back_to_its_earlier_encoder_with_what_came_since(filled, other, checkpoint, videos, clip):
    folder = filled.folder
    with adopt(filled, folder, other).library as second:
        clip(videos / "later.mp4", 5)
        (videos / "b.mp4").unlink()
        second.add([videos])
        after = ids(second)
        with adopt(second, folder, checkpoint).library as third:
            assert (third.folder, home(folder)) == (folder, folder)
            assert ids(third) == after
            third.add([videos])  # is allowed again


@pytest.mark.parametrize("step", ["_take_over", "take_into_use"])
def test_what_breaks_on_the_way_leaves_the_old_library_in_use_and_the_next_try_goes_on(
    filled, other, monkeypatch, videos, step
):
    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(adoption, step, broken)
        with pytest.raises(KeyboardInterrupt):
            adopt(filled, filled.folder, other)
    with Library.open(filled.folder) as still:
        assert still.checkpoint.fingerprint == filled.checkpoint.fingerprint
        assert still.search(videos / "a.mp4", k=1)
    done = adopt(filled, filled.folder, other)
    with done.library as new:
        assert (done.report.indexed, ids(new)) == (0, ids(filled))


def test_files_that_are_not_there_are_counted_and_left_out(filled, other, videos):
    (videos / "b.mp4").unlink()
    done = adopt(filled, filled.folder, other)
    with done.library as new:
        assert done.missing == 1
        assert str(videos / "b.mp4") not in new.catalog.files()


def test_a_library_none_of_whose_files_is_there_is_left_as_it_is(filled, other, videos):
    videos.rename(videos.parent / "elsewhere")
    with pytest.raises(LibraryError, match="is a disk not mounted"):
        adopt(filled, filled.folder, other)
    assert home(filled.folder) == filled.folder


def test_the_encoder_that_is_in_use_is_refused(filled, checkpoint):
    with pytest.raises(LibraryError, match=f"already uses encoder {checkpoint.name}"):
        adopt(filled, filled.folder, checkpoint)


def test_if_the_library_in_use_is_deleted_the_first_one_is_in_use_again(filled):
    take_into_use(filled.folder, filled.folder / "encoder-1")
    assert home(filled.folder) == filled.folder
