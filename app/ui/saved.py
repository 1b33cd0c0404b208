"""Moments that a visitor has saved, kept by the browser: shown, and taken along as clips or as a list."""

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from app.media import way_to_play
from app.moments import Known, Moment, known, written
from app.progress import clock
from app.ui.assets import asset
from app.ui.icons import icon
from app.ui.playable import playable, poster
from app.ui.site import Site, in_sentences
from app.ui.trim import span_of
from encoder.clips import Span
from encoder.errors import WorldError
from indexer.catalog import Catalog

_STORED_AS, _NO_SECRET = "reelseek-saved", "reelseek"  # the browser's own list: nothing in it is hidden from its owner
MOST = 100
_VERSION = 8  # characters of a video's content, so that another library's video of the same id is not taken for it
_EXPORTS = {
    "clips.zip": "Clips (ZIP)",
    "moments.csv": "Table (CSV)",
    "moments.edl": "Edit list (EDL)",
}


class SavedError(WorldError):
    """Why a moment can't be saved, in one sentence."""


def with_moment(saved: Any, catalog: Catalog, moment: Moment) -> list[dict[str, Any]]:
    """The list with one more moment, the newest first.

    Raises:
        SavedError: the list is full, or the video is gone.
    """
    found = known(catalog, [moment])
    if not found:
        raise SavedError("That video is no longer in the library.")
    entry = {
        "video": moment.video_id, "start": round(moment.span.start, 2), "end": round(moment.span.end, 2),
        "content": found[0].video.content[:_VERSION],
    }  # fmt: skip
    others = [one for one in _entries(saved) if one != entry]
    if len(others) >= MOST:
        raise SavedError(f"{MOST} moments are saved already; remove some first.")
    return [entry, *others]


def without_moment(saved: Any, moment: Moment) -> list[dict[str, Any]]:
    """The list without a moment."""
    return [one for one in _entries(saved) if _moment(one) != moment]


def saved_moments(saved: Any, catalog: Catalog) -> list[Known]:
    """Those whose video is in this library."""
    by_moment = {moment: one for one in _entries(saved) if (moment := _moment(one)) is not None}
    return [
        one for one in known(catalog, list(by_moment))
        if one.video.content[:_VERSION] == by_moment[one.moment].get("content")
    ]  # fmt: skip


def build_saved(site: Site, page: gr.Blocks, save: Any) -> gr.HTML:
    """Put the list into the Blocks that are open; `save` is the event listener that brings moments."""
    kept = gr.BrowserState([], storage_key=_STORED_AS, secret=_NO_SECRET)
    with gr.Accordion(_title(0), open=False, elem_id="rs-saved") as place:
        listed = gr.HTML(js_on_load=asset("saved.js"), apply_default_css=False)

    def show(saved: Any) -> tuple[Any, str]:
        found = saved_moments(saved, site.library.catalog)
        return gr.update(label=_title(len(found))), saved_list(found)

    def add(saved: Any, event: gr.EventData) -> tuple[Any, ...]:
        more = with_moment(saved, site.library.catalog, moment_of(event))
        return more, *show(more)

    def drop(saved: Any, event: gr.EventData) -> tuple[Any, ...]:
        fewer = without_moment(saved, moment_of(event))
        return fewer, *show(fewer)

    how = {"show_progress": "hidden", "api_visibility": "private"}
    page.load(in_sentences(show), kept, [place, listed], **how)
    save(in_sentences(add), kept, [kept, place, listed], **how)
    listed.drop(in_sentences(drop), kept, [kept, place, listed], **how)
    return listed


def moment_of(event: gr.EventData) -> Moment:
    """The moment that a script of ours names.

    Raises:
        SavedError: it is none.
    """
    moment = _moment({name: getattr(event, name, None) for name in ("video", "start", "end")})
    if moment is None:
        raise SavedError("That is no moment of a video.")
    return moment


def _title(count: int) -> str:
    return f"Saved moments ({count})" if count else "Saved moments"


def saved_list(found: Sequence[Known]) -> str:
    """The moments as HTML, with what can be done with them."""
    if not found:
        return '<p class="rs-hint">Nothing yet: press the ribbon on a result to keep its moment here.</p>'
    items = "".join(f"<li>{_item(i, one)}</li>" for i, one in enumerate(found, 1))
    of = urlencode({"of": written(one.moment for one in found)})
    links = "".join(
        f'<a href="export/{escape(file)}?{escape(of)}" download>{icon("cut")}<span>{told}</span></a>'
        for file, told in _EXPORTS.items()
    )
    return f'<ul class="rs-saved">{items}</ul><div class="rs-proxies">{links}</div>'


def _item(number: int, one: Known) -> str:
    span, name = one.moment.span, escape(one.name)
    times = f"{clock(span.start)} – {clock(span.end)}"
    of = playable(f"media/{one.video.id}", one.video.content, span, way_to_play(one.path))
    return (
        f'<div class="rs-kept" data-video="{one.video.id}" data-name="{name}" data-rank="{number}">'
        f'<button type="button" data-segment="0" data-src="{escape(of.src)}" data-shift="{of.shift:.1f}" '
        f'data-start="{span.start:.3f}" data-end="{span.end:.3f}" data-query-start="0" '
        f'data-query-end="{span.duration:.3f}" data-tempo="1" aria-label="Play {name}, {times}">'
        f'<img loading="lazy" alt="" src="{escape(poster(one.video, (span.start + span.end) / 2))}">'
        f"<span>{name}</span><small>{times}</small></button>"
        f'<button type="button" class="rs-act" data-act="use" title="Search with this moment" '
        f'aria-label="Search with this moment: {name}">{icon("use")}</button>'
        f'<button type="button" class="rs-act" data-act="drop" title="Remove" aria-label="Remove {name}, {times}">'
        f"{icon('remove')}</button></div>"
    )


def _entries(saved: Any) -> list[dict[str, Any]]:
    """What the browser keeps, as far as it is a list of ours."""
    return [one for one in saved if isinstance(one, dict)][:MOST] if isinstance(saved, list) else []


def _moment(entry: dict[str, Any]) -> Moment | None:
    video_id, span = entry.get("video"), span_of(entry)
    valid = isinstance(video_id, int) and 0 < video_id < 2**62 and span is not None
    return Moment(video_id, Span(span.start, span.end)) if valid and span and isinstance(video_id, int) else None
