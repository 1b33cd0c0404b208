"""Folders of empty files that are named as a data set's videos are."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.datasets import SplitError


@pytest.fixture
def split_file(tmp_path: Path) -> Path:
    return tmp_path / "split"


@pytest.fixture
def put() -> Callable[..., None]:
    """put(folder, *names) makes empty files."""

    def make(folder: Path, *names: str) -> None:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / name).touch()

    return make


@pytest.fixture
def refused() -> Callable[..., str]:
    """refused(read, videos, split, content=None) is the sentence with which a split is refused; first it is written."""

    def read_in_vain(
        read: Callable[[Path, Path], object], videos: Path, split: Path, content: str | bytes | None = None
    ) -> str:
        if content is not None:
            split.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(SplitError) as caught:
            read(videos, split)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return read_in_vain
