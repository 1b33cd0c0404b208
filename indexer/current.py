"""Which of the libraries in a folder is in use.

A folder holds one library, or several of the same videos, one an encoder: the first in the folder itself, later ones in
folders inside it. The file `current` names the one in use; it is replaced in one step, so that one always is.
"""

from pathlib import Path

from encoder.whole import write_whole

ENCODER = "encoder.safetensors"  # in the place of every library, and there last
_POINTER, _PREFIX = "current", "encoder-"


def home(folder: Path) -> Path:
    """Where the library in use lies; the folder itself if the one that is named is no longer there."""
    try:
        name = (folder / _POINTER).read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return folder
    place = folder / name
    return place if (place / ENCODER).is_file() else folder


def exists(folder: Path) -> bool:
    """Whether a folder holds a library."""
    return (home(folder) / ENCODER).is_file()


def beside(folder: Path, fingerprint: str) -> Path:
    """Where a later library of another encoder lies."""
    return folder / f"{_PREFIX}{fingerprint}"


def places(folder: Path) -> list[Path]:
    """Where libraries may lie, that in use among them."""
    return [folder, *sorted(path for path in folder.glob(f"{_PREFIX}*") if path.is_dir())]


def encoder_of(place: Path) -> str | None:
    """The fingerprint that a place beside the first library is called by."""
    return place.name.removeprefix(_PREFIX) if place.name.startswith(_PREFIX) else None


def take_into_use(folder: Path, place: Path) -> None:
    """Name the library at a place, `folder` itself or inside it, as the one in use, for good once this returns."""
    write_whole(folder / _POINTER, str(place.relative_to(folder)).encode())
