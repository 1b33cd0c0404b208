"""The server that tests and measurements of the page look at."""

import urllib.request

import pytest

from benchmarks.browser import ServerStopped, serving


def test_a_library_is_served_until_the_block_ends(tmp_path):
    with (
        serving(tmp_path / "library", [tmp_path]) as address,
        urllib.request.urlopen(f"{address}/health", timeout=10) as answer,
    ):
        assert answer.status == 200
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{address}/health", timeout=10)


def test_a_server_that_does_not_come_up_says_why(tmp_path):
    with pytest.raises(ServerStopped, match="is no folder"), serving(tmp_path / "library", [tmp_path / "none"]):
        pass
