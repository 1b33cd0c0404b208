"""Paths as text for people, whatever bytes their names hold."""

from pathlib import Path


def shown(path: str | Path) -> str:
    """A path, or a text with paths in it, fit for a terminal or page: bytes that are not Unicode become readable."""
    return str(path).encode(errors="backslashreplace").decode()


def file_name(path: str | Path) -> str:
    """A path's last part, fit for showing."""
    return shown(Path(path).name)
