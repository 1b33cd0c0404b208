"""Paths and sizes as text for people, whatever bytes the names hold."""

from pathlib import Path

_SIZES = ("B", "kB", "MB", "GB", "TB")


def shown(path: str | Path) -> str:
    """A path, or a text with paths in it, fit for a terminal or page: bytes that are not Unicode become readable."""
    return str(path).encode(errors="backslashreplace").decode()


def file_name(path: str | Path) -> str:
    """A path's last part, fit for showing."""
    return shown(Path(path).name)


def size(count: int) -> str:
    """Bytes as people read them."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.0f} {_SIZES[unit]}" if unit < 2 or value >= 99.95 else f"{value:.1f} {_SIZES[unit]}"
