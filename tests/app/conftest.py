import gc
import warnings
from contextlib import contextmanager

import pytest

HTML_NAME = "<img src=x onerror=alert(1)>${alert(2)}.mp4"


@pytest.fixture(scope="session")
def make_films(tmp_path_factory, moving_video):
    """make_films(name): a folder with a long video, one of that name, which is HTML, and one that no browser plays."""

    def make(name):
        folder = tmp_path_factory.mktemp("films")
        moving_video(folder / "long.mp4", 8, seed=1)
        moving_video(folder / name, 3, seed=2)
        moving_video(folder / "old.mkv", 3, seed=3, codec="mpeg4")
        return folder

    return make


@pytest.fixture(scope="session")
def html_name():
    """The name of one of the films, which does harm on a page that shows it as it is."""
    return HTML_NAME


@pytest.fixture(scope="session")
def films(make_films, html_name):
    return make_films(html_name)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Two small encoders with random weights."""
    import torch

    from encoder.checkpoint import save_encoder
    from encoder.clips import ClipSpec
    from encoder.config import EncoderConfig
    from encoder.model import Encoder

    paths = []
    for seed in range(2):
        paths.append(tmp_path_factory.mktemp("encoder") / f"{seed}.safetensors")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            save_encoder(Encoder(EncoderConfig(width=8)), ClipSpec(size=32), paths[-1])
    return paths


@pytest.fixture(scope="session")
def served_library(tmp_path_factory, films, small_encoder):
    """A library of those films, made by a small untrained encoder."""
    from encoder.checkpoint import load_encoder
    from indexer.library import Library

    with Library.create(tmp_path_factory.mktemp("home") / "library", load_encoder(small_encoder)) as library:
        library.add([films], workers=1)
        yield library


@pytest.fixture(scope="session")
def served_settings(served_library):
    from app.settings import Settings

    return Settings(library=served_library.folder, workers=1)


@pytest.fixture(scope="session")
def serving():
    """serving(library, settings, folders, ...): a client of the whole server, as `build_app` makes it."""
    return _serving


@contextmanager
def _serving(*how):
    """Gradio leaves event loops open, which is not ours to be warned of."""
    from starlette.testclient import TestClient

    from app.ui.server import build_app

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        client = TestClient(build_app(*how), base_url="http://localhost")
        gc.collect()
    with client:
        yield client
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del client
        gc.collect()
