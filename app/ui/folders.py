"""The folders that visitors of the page may index and evaluate from."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from encoder.errors import WorldError

_MANIFESTS, _LOOKED_AT = 200, 5000  # most that are listed; most entries looked at for them
_CHOICES = 200  # most folders that are offered


class FolderError(WorldError):
    """A path that visitors may not use, in one sentence."""


class AllowedFolders:
    """The folders given when the server was started, links followed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Take folders; each must exist.

        Raises:
            FolderError: one does not.
        """
        self.roots = [os.path.realpath(folder) for folder in dict.fromkeys(folders)]
        for root in self.roots:
            if not os.path.isdir(root):  # noqa: PTH112 - strings keep odd names
                raise FolderError(f"{root} is no folder; give --folder one that exists")

    def resolve(self, text: str) -> str:
        """The path that a visitor means: absolute, or relative to an allowed folder.

        Raises:
            FolderError: it is empty, lies outside, or is not there.
        """
        text = text.strip()
        if not text:
            raise FolderError("Type a folder first.")
        if not self.roots:
            raise FolderError("This server allows no folder; start it with: reelseek serve --folder FOLDER")
        for root in self.roots:
            path = _real(os.path.join(root, text))  # noqa: PTH118 - an absolute text stays as it is
            if self.holds(path) and os.path.exists(path):  # noqa: PTH110
                return path
        if any(self.holds(_real(os.path.join(root, text))) for root in self.roots):  # noqa: PTH118
            raise FolderError(f"There is no {text} on the server.")
        raise FolderError(f"{text} is outside the folders this server allows: {', '.join(self.roots)}")

    def holds(self, path: str | Path) -> bool:
        """Whether a path, links followed, lies in an allowed folder."""
        real = _real(str(path))
        return any(real == root or real.startswith(root.rstrip(os.sep) + os.sep) for root in self.roots)

    def choices(self) -> list[str]:
        """The allowed folders, each followed by those directly inside it; of very many not all."""
        found: list[str] = []
        for root in self.roots:
            found += [root, *_subfolders(root)]
        return list(dict.fromkeys(found))[:_CHOICES]

    def manifests(self) -> list[str]:
        """The CSV files in the allowed folders, nearest first; in big trees not all of them."""
        found: list[str] = []
        for root in self.roots:
            found += [path for path in _walk(root) if path.lower().endswith(".csv")]
        return sorted(found, key=lambda path: (path.count(os.sep), path))[:_MANIFESTS]


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError as error:  # a NUL character
        raise FolderError("That is no path.") from error


def _subfolders(root: str) -> list[str]:
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return []  # not ours to read: nothing to offer from there
    return [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)]


def _walk(root: str) -> Iterator[str]:
    """Paths of files, a level at a time."""
    folders, looked_at = [root], 0
    while folders and looked_at < _LOOKED_AT:
        try:
            entries = sorted(os.scandir(folders.pop(0)), key=lambda entry: entry.name)
        except OSError:
            continue  # not ours to read: nothing to offer from there
        looked_at += len(entries)
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file():
                yield entry.path
