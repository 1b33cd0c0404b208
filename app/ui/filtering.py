"""Which videos may answer, in a few choices that need no typing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gradio as gr

from app.text import shown
from app.ui.site import Site
from indexer.catalog import Catalog
from indexer.requests import Filters

_ANY = "any"
_ADDED = {"in the last day": 1, "in the last week": 7, "in the last month": 30, "in the last year": 365}
_LENGTHS: dict[str, tuple[float | None, float | None]] = {
    "under 10 s": (None, 10), "10 s to 1 min": (10, 60), "1 to 10 min": (60, 600), "over 10 min": (600, None),
}  # fmt: skip
_HEIGHTS: dict[str, tuple[int | None, int | None]] = {
    "below 480 lines": (None, 479), "480 lines or more": (480, None), "HD: 720 or more": (720, None),
    "Full HD: 1080 or more": (1080, None), "4K: 2160 or more": (2160, None),
}  # fmt: skip
_FOLDERS = 300  # offered at most


class LibraryFolders:
    """The folders in which videos lie, read anew once the library has changed."""

    def __init__(self) -> None:
        self._read: tuple[Catalog | None, int, dict[str, str]] = (None, -1, {})

    def of(self, catalog: Catalog) -> dict[str, str]:
        """Their paths, by how these are shown, and of those that several of them lie in."""
        before, generation, read = self._read
        now = catalog.generation()
        if before is not catalog or generation != now:
            read = _folders(path for paths in catalog.paths().values() for path in paths)
            self._read = catalog, now, read
        return read


def build_filters(site: Site, folders: LibraryFolders, page: gr.Blocks) -> list[gr.Dropdown]:
    """Put them into the Blocks that are open, in the order in which `chosen` takes their values."""
    with gr.Accordion("Filters", open=False, elem_id="rs-filters"):
        folder = _dropdown("Folder", [])
        added = _dropdown("Added", _ADDED)
        length = _dropdown("Length", _LENGTHS)
        height = _dropdown("Resolution", _HEIGHTS)
    page.load(
        lambda: gr.update(choices=[_ANY, *folders.of(site.library.catalog)]), None, folder,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    return [folder, added, length, height]


def chosen(folders: Mapping[str, str], folder: Any, added: Any, length: Any, height: Any) -> Filters:
    """What the choices mean; whatever is none of them means any."""
    days, (shortest, longest) = _ADDED.get(added), _LENGTHS.get(length, (None, None))
    lowest, highest = _HEIGHTS.get(height, (None, None))
    return Filters(
        folder=folders.get(folder),
        since=datetime.now(UTC) - timedelta(days=days) if days else None,
        min_duration=shortest, max_duration=longest, min_height=lowest, max_height=highest,
    )  # fmt: skip


def _folders(paths: Iterable[str]) -> dict[str, str]:
    found = {str(Path(path).parent) for path in paths}
    around = Counter(str(Path(folder).parent) for folder in found)
    several = {folder for folder, count in around.items() if count > 1}
    return {shown(folder): folder for folder in sorted(found | several)[:_FOLDERS]}


def _dropdown(label: str, choices: Any) -> gr.Dropdown:
    return gr.Dropdown([_ANY, *choices], value=_ANY, label=label)
