import shutil
from unittest.mock import Mock

import pytest
from sqlalchemy import text

from encoder.checkpoint import load_encoder
from indexer.errors import LibraryError
from indexer.library import Library


def test_a_library_goes_on_with_its_own_encoder_and_refuses_others(library, checkpoint, other_encoder_file):
    with Library.open(library.folder) as opened:
        opened.require_encoder(checkpoint)
        with pytest.raises(
            LibraryError, match=f"built by encoder {checkpoint.fingerprint}, not .*; leave --encoder out"
        ):
            opened.require_encoder(load_encoder(other_encoder_file))
    shutil.copy(other_encoder_file, library.folder / "encoder.safetensors")
    with pytest.raises(LibraryError, match=r"its encoder\.safetensors is .*; put the right file back"):
        Library.open(library.folder)


def test_a_library_is_made_once_and_opened_only_where_there_is_one(library, checkpoint, tmp_path):
    with pytest.raises(LibraryError, match="already holds a library"):
        Library.create(library.folder, checkpoint)
    with pytest.raises(LibraryError, match="holds no library; make one with: reelseek index FOLDER"):
        Library.open(tmp_path / "nothing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LibraryError, match="file is a file or lies in one; give a folder"):
        Library.create(tmp_path / "file", checkpoint)


def test_making_a_library_can_be_broken_off_anywhere(tmp_path, checkpoint, monkeypatch):
    for name in ("indexer.schema.upgrade", "indexer.catalog.Catalog.set_meta", "encoder.checkpoint.Checkpoint.write"):
        with monkeypatch.context() as patch:
            patch.setattr(name, Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                Library.create(tmp_path / "new", checkpoint)
    Library.create(tmp_path / "new", checkpoint).close()


@pytest.mark.parametrize("found", ["0", "2", None])
def test_a_library_of_another_format_is_refused(library, found):
    with library.catalog.engine.begin() as connection:
        if found is None:
            connection.execute(text("DELETE FROM meta WHERE key = 'format'"))
        else:
            connection.execute(text("UPDATE meta SET value = :found WHERE key = 'format'"), {"found": found})
    with pytest.raises(LibraryError, match=f"has format {found}, this version reads 1"):
        Library.open(library.folder)


def test_a_library_with_a_later_schema_is_refused(library):
    with library.catalog.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LibraryError, match="can't be opened: its catalog has schema 9999, newer than this version's"):
        Library.open(library.folder)


def test_a_damaged_catalog_or_encoder_is_said_in_a_sentence(filled):
    filled.close()
    for name in ("catalog.sqlite", "encoder.safetensors"):
        sound = (filled.folder / name).read_bytes()
        (filled.folder / name).write_bytes(b"damaged" * 1000)
        with pytest.raises(LibraryError, match=r"not a database|not an encoder checkpoint"):
            Library.open(filled.folder)
        (filled.folder / name).write_bytes(sound)


@pytest.mark.parametrize("url", ["nonsense", "nonsense://x", "postgresql+nonsense://x"])
def test_a_catalog_address_that_is_none_is_said_in_a_sentence(tmp_path, checkpoint, url):
    with pytest.raises(LibraryError, match=r"catalog"):
        Library.create(tmp_path / "new", checkpoint, url)


def test_an_opened_library_calls_its_encoder_by_the_name_it_was_built_with(filled, checkpoint):
    assert filled.checkpoint.name == checkpoint.name != "encoder.safetensors"
