import time

import pytest
import torch

from app.encoders import KnownEncoder
from app.media import Decoders
from app.settings import Settings
from app.ui import library_view, library_work
from app.ui.folders import AllowedFolders
from app.ui.site import Site
from encoder.checkpoint import load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.errors import WorldError
from encoder.model import Encoder
from indexer.leftovers import leftovers
from indexer.library import Library


@pytest.fixture
def other(tmp_path):
    """A small untrained encoder that is not that of the library, with a name that does harm on a page."""
    path = tmp_path / "other.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(5)
        fingerprint = save_encoder(Encoder(EncoderConfig(width=8, blocks=1)), ClipSpec(size=32), path)
    return KnownEncoder("<b>mine</b>", path, fingerprint)


@pytest.fixture
def site(tmp_path, videos, clip, small_encoder):
    clip(videos / "a.mp4", 1)
    home, decoders = tmp_path / "library", Decoders(1)
    with Library.create(home, load_encoder(small_encoder)) as library:
        library.add([videos], workers=1)
        site = Site(library, Settings(library=home, workers=1), AllowedFolders([videos]), decoders)
        yield site
        site.close()
    decoders.close()


def ended(site):
    deadline = time.monotonic() + 60
    while site.indexing.state().running and time.monotonic() < deadline:
        time.sleep(0.01)
    return site.indexing.state()


def test_what_an_earlier_encoder_leaves_is_told_and_deleted_while_the_server_goes_on(site, other, videos):
    earlier = site.library.checkpoint.fingerprint
    assert "Not in use" not in library_view.overview(site)
    library_work.start_adoption(site, other)
    assert ended(site).error is None
    html = library_view.overview(site)
    assert f'data-do="drop" data-what="{earlier}"' in html
    assert "Libraries of other encoders" in html
    library_work.start_deleting(site, earlier)
    state = ended(site)
    assert state.error is None
    assert "are free again" in library_work.outcome(state)
    assert "Not in use" not in library_view.overview(site)
    assert site.library.search(videos / "a.mp4", k=1)
    assert not (site.settings.library / "catalog.sqlite").exists()


def test_a_library_goes_back_to_the_encoder_it_had(site, other, videos):
    earlier = site.library.checkpoint
    library_work.start_adoption(site, other)
    ended(site)
    library_work.start_using_again(site, earlier.fingerprint)
    assert ended(site).error is None
    assert (site.library.checkpoint.fingerprint, site.library.checkpoint.name) == (earlier.fingerprint, earlier.name)
    html = library_view.overview(site)
    assert f'data-do="again" data-what="{other.fingerprint}"' in html
    assert "<b>mine" not in html
    assert site.library.search(videos / "a.mp4", k=1)


def test_what_is_not_there_can_not_be_deleted_nor_what_is_in_use(site, other):
    for fingerprint in ("none", site.library.checkpoint.fingerprint, other.fingerprint):
        with pytest.raises(WorldError, match="no longer there"):
            library_work.start_deleting(site, fingerprint)
        with pytest.raises(WorldError, match="no longer there"):
            library_work.start_using_again(site, fingerprint)


def test_what_another_process_has_open_stays_and_the_page_says_why(site, other):
    folder = site.settings.library
    library_work.start_adoption(site, other)
    ended(site)
    (one,) = leftovers(folder)
    with Library.open_place(folder):
        library_work.start_deleting(site, one.fingerprint)
        state = ended(site)
    assert "is open somewhere, such as in a server" in library_work.outcome(state)
    assert [left.fingerprint for left in leftovers(folder)] == [one.fingerprint]
