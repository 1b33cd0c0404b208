import shutil
import signal
import sys
from typing import NamedTuple

import pytest

from app.cli import main
from encoder.checkpoint import load_encoder
from encoder.decoding import DecodePool
from indexer.library import Library


class SharedPool(DecodePool):
    """Decoders that outlive the `with` of one command: starting them is what takes the time of a small test."""

    def close(self):
        pass


class Ended(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self):
        """The one sentence on stderr that it ended with, stdout being empty."""
        assert (self.code, self.out) == (1, "")
        assert self.err.count("\n") == 1, self.err
        return self.err.strip()

    @property
    def usage(self):
        """The last line of what a wrong command line is answered with."""
        assert (self.code, self.out) == (2, "")
        return self.err.strip().splitlines()[-1]


@pytest.fixture(scope="session")
def decoders():
    shared = SharedPool(1)
    yield shared
    DecodePool.close(shared)


@pytest.fixture(scope="session")
def use_decoders(decoders):
    """use_decoders(patch): commands get these decoders."""

    def use(patch):
        for place in ("indexer.library", "indexer.embedder", "encoder.decoding"):
            patch.setattr(f"{place}.DecodePool", lambda *_: decoders)

    return use


@pytest.fixture(autouse=True)
def _decoders(use_decoders, monkeypatch):
    use_decoders(monkeypatch)


@pytest.fixture(scope="session")
def videos(moving_video, tmp_path_factory):
    """Three videos, a copy, and a file that is none."""
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(3):
        moving_video(folder / f"{seed}.mp4", 5, seed, fps=12)
    shutil.copy(folder / "2.mp4", folder / "copy.mp4")
    (folder / "bad.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """run("status") is `reelseek status`, with the library in REELSEEK_LIBRARY."""
    monkeypatch.setenv("REELSEEK_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setattr("app.progress._LINE_EVERY_S", float("inf"))  # else a slow machine says more
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def command(*args):
        monkeypatch.setattr(sys, "argv", ["reelseek", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ended(ended.value.code or 0, out, err)

    yield command
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def made(videos, encoders, use_decoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "library"
    with pytest.MonkeyPatch.context() as patch:
        use_decoders(patch)
        with Library.create(folder, load_encoder(encoders[0])) as library:
            library.add([videos])
    return folder


@pytest.fixture
def filled(made, run, tmp_path):
    """The library at REELSEEK_LIBRARY holds those videos."""
    return shutil.copytree(made, tmp_path / "library")
