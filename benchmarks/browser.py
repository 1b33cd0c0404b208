"""A served library and a browser without a window: what tests, measurements and pictures of the page begin with."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Playwright

MISSING = "needs the browser chromium; get it with: apt-get install chromium (as root, `make test` does it by itself)"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_READY = re.compile(r"ready at (http://\S+)")
_START_S, _STOP_S = 240.0, 20.0  # on a busy machine
_PATIENCE_MS = 30_000.0  # for a browser that starts


class ServerStopped(Exception):
    """The server did not come up; what it said."""


def find_chromium() -> str | None:
    """The browser's program, if this machine has one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def launch(playwright: Playwright, program: str) -> Browser:
    """Start a browser without a window, which may play videos with nobody having clicked."""
    return playwright.chromium.launch(
        executable_path=program,
        timeout=_PATIENCE_MS,
        args=["--autoplay-policy=no-user-gesture-required", "--mute-audio", "--force-color-profile=srgb"],
    )


@contextmanager
def serving(library: Path, folders: Sequence[Path]) -> Iterator[str]:
    """Run `reelseek serve` as a process of its own on a free port; gives the page's address.

    Raises:
        ServerStopped: it ended, or is not ready within four minutes.
    """
    allowed = [part for folder in folders for part in ("--folder", str(folder))]
    command = [sys.executable, "-m", "app.cli", "serve", "--library", str(library), "--port", "0", *allowed]
    with TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env=_environment())
        try:
            yield _address(server, Path(log.name))
        finally:
            _stop(server)


def _environment() -> dict[str, str]:
    """Ours, so that the code of this checkout is served."""
    root = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.poll() is None:
        if found := _READY.search(log.read_text()):
            return found[1]
        time.sleep(0.02)
    raise ServerStopped(log.read_text())


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
