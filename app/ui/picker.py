"""Videos of the library to choose from, by name: newest first."""

from html import escape

from app.progress import clock
from app.text import file_name, shown
from app.ui.playable import poster
from indexer.catalog import Catalog

_MOST = 24  # shown at once

ON_CLICK = """
element.addEventListener('click', event => {
    const video = event.target.closest('[data-video]');
    if (video) trigger('use', { video: Number(video.dataset.video) });
});
"""


def picker(catalog: Catalog, text: str) -> str:
    """The videos whose path holds a text, as buttons."""
    found = catalog.named(text.strip(), _MOST + 1)
    if not found:
        told = f"No video of the library has “{text.strip()}” in its name." if text.strip() else "The library is empty."
        return f'<p class="rs-hint">{escape(told)}</p>'
    videos = catalog.videos(found)
    buttons = "".join(
        f'<button type="button" data-video="{i}" title="{escape(shown(path))}"><img loading="lazy" alt="" '
        f'src="{escape(poster(videos[i], videos[i].duration / 2))}"><span>{escape(file_name(path))}</span>'
        f"<small>{clock(videos[i].duration)}</small></button>"
        for i, path in list(found.items())[:_MOST]
        if i in videos
    )
    more = '<p class="rs-hint">There are more: type a part of the name.</p>' if len(found) > _MOST else ""
    return f'<div class="rs-picker">{buttons}</div>{more}'
