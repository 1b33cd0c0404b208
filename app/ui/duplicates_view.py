"""Files of the library that are the same, as HTML."""

from collections.abc import Sequence
from html import escape
from typing import Any

from app.progress import clock
from app.shared_footage import edits
from app.text import file_name, shown, size
from app.ui import fragments
from app.ui.playable import poster
from indexer.library import Library
from indexer.tables import Video

_SHOWN = 100  # groups


def duplicates(library: Library) -> str:
    """Groups of byte-identical files, those first by which most room could be freed."""
    files, videos = library.catalog.files(), library.catalog.videos()
    groups = {i: paths for i, paths in library.catalog.paths().items() if len(paths) > 1 and i in videos}
    sizes = {i: files[paths[0]].state.size for i, paths in groups.items() if paths[0] in files}
    spare = {i: (len(groups[i]) - 1) * sizes[i] for i in sizes}
    if not spare:
        return fragments.note("No two files of the library are the same, byte by byte.", "good")
    order = sorted(spare, key=lambda i: -spare[i])[:_SHOWN]
    told = (
        f"{len(spare):,} groups of identical files; {size(sum(spare.values()))} could be freed. Each is indexed once, "
        "and nothing is deleted from here."
    )
    listed = "".join(_group(videos[i], groups[i], sizes[i]) for i in order)
    return f'<p class="rs-hint">{told}</p><ul class="rs-folders">{listed}</ul>'


def shared(groups: Sequence[dict[str, Any]]) -> str:
    """Files that share footage: whole copies that were edited, and parts with their times."""
    rows = "".join(
        f"<li><div><strong>{'Copies of all of it' if group['kind'] == 'whole' else 'Parts in common'}</strong>"
        f"{''.join(map(_segment, group['segments']))}</div></li>"
        for group in groups[:_SHOWN]
    )
    return f'<section class="rs-section"><h3>Shared footage</h3><ul class="rs-folders">{rows}</ul></section>'


def _segment(segment: dict[str, Any]) -> str:
    ends = (
        f"{escape(file_name(segment[end]))}, {clock(segment[f'{end}_start'])} – {clock(segment[f'{end}_end'])}"
        for end in ("a", "b")
    )
    return f'<span class="rs-hint">{" · ".join(ends)}{edits(segment)}</span>'


def _group(video: Video, paths: list[str], each: int) -> str:
    places = "".join(f'<span class="rs-path">{escape(shown(path))}</span>' for path in paths)
    return (
        f'<li class="rs-group"><img loading="lazy" alt="" src="{escape(poster(video, video.duration / 2))}">'
        f"<div><strong>{escape(file_name(paths[0]))}</strong>"
        f'<span class="rs-hint">{len(paths)} files of {size(each)} each</span>{places}</div></li>'
    )
