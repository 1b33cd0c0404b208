"""Which paths lie in which folders."""

import os
from collections.abc import Iterable
from pathlib import Path


def is_below(path: str, root: str) -> bool:
    """Whether `path` is `root` or lies in it."""
    return path == root or path.startswith(inside(root))


def inside(folder: str) -> str:
    """What the paths of all that lies in a folder begin with."""
    return folder.rstrip(os.sep) + os.sep


def outermost(folders: Iterable[str]) -> list[str]:
    """The folders without those that lie in others of them, sorted."""
    every = sorted(set(folders))
    return [path for path in every if not any(is_below(path, other) for other in every if other != path)]


def looks_unmounted(folder: str, there: Iterable[str], known: Iterable[str]) -> bool:
    """Whether a folder of which videos are known has none at all now, as the mount point of an unplugged disk."""
    return (
        Path(folder).is_dir()
        and any(is_below(path, folder) for path in known)
        and not any(is_below(path, folder) for path in there)
    )
