"""Which files a training run is given, and which of them it could not read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from encoder.errors import VideoError, WorldError
from indexer.discover import discover

Tell = Callable[[str], None]

_SHOWN = 10  # unreadable files named, of any number


class NoVideosError(WorldError):
    """There is nothing to train on, in one sentence."""


def find(
    videos: Sequence[Path], dataset: Literal["ucf101", "kinetics"] | None, split: Path | None, tell: Tell
) -> list[Path]:
    """All videos below the paths; or, of a data set in one folder, those that its split file lists.

    Raises:
        NoVideosError: there is none.
        SplitError: the list can't be read, or does not fit the folder.
    """
    if dataset is None or split is None:
        files = [Path(file.path) for file in discover(videos).files]
        if not files:
            raise NoVideosError(f"no video found under {', '.join(map(str, videos))}; give a folder that holds some")
        return files
    from training.datasets import read_kinetics, read_ucf101, require_all

    if dataset == "ucf101":
        return [item.path for item in require_all(read_ucf101(videos[0], split), videos[0], split)]
    listed = read_kinetics(videos[0], split)
    if listed.missing:
        total = len(listed.items) + len(listed.missing)
        tell(f"{len(listed.missing)} of the {total} videos listed in {split} are missing and left out")
    return [item.path for item in listed.items]


def tell_unreadable(failed: Sequence[VideoError], tell: Tell) -> None:
    """Name the first of the files that can't be read, and count the rest."""
    for each in failed[:_SHOWN]:
        tell(str(each))
    if len(failed) > _SHOWN:
        tell(f"and {len(failed) - _SHOWN} more files that can't be read")
