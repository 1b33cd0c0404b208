"""The player: a dialog in which a match runs beside the visitor's clip, in step with it."""

import gradio as gr

from app.ui.assets import asset
from app.ui.icons import icon

_UNPLAYABLE = "The browser could not play it; see the file itself."
_CLIPLESS = "Your browser can't show this kind of clip; it was searched all the same."
_ACTS = {
    "good": "More like this", "bad": "Less like this", "save": "Save", "cut": "Download", "use": "Search with it",
}  # fmt: skip


def build_player() -> None:
    """Put the dialog into the Blocks that are open; cards open it."""
    gr.HTML(
        _dialog(), js_on_load=asset("player.js"), apply_default_css=False, elem_id="rs-player", elem_classes="rs-apart"
    )


def _dialog() -> str:
    return (
        '<dialog class="rs-dialog" aria-labelledby="rs-player-title"><header><span class="rs-rank" data-part="rank">'
        '</span><h2 id="rs-player-title" data-part="title"></h2>'
        f"{_button('before', 'Result before')}{_button('after', 'Next result')}{_button('close', 'Close')}</header>"
        f'<div class="rs-pair">{_side("clip", "Your clip", _CLIPLESS)}{_side("match", "Match", _UNPLAYABLE)}</div>'
        f"{_controls()}{_acts()}</dialog>"
    )


def _side(name: str, title: str, failed: str) -> str:
    muted = " muted" if name == "clip" else ""
    return (
        f'<figure class="rs-{name}"><video data-part="{name}" playsinline preload="auto"{muted} aria-label="{title}">'
        f'</video><p class="rs-failed" role="alert">{failed}</p><figcaption><span data-part="{name}-name">{title}'
        f'</span><time data-part="{name}-time">0:00.0</time></figcaption></figure>'
    )


def _controls() -> str:
    return (
        '<div class="rs-controls"><button type="button" class="rs-act" data-part="pause" aria-label="Pause" '
        f'aria-pressed="false">{icon("play")}<svg class="rs-icon rs-bars" viewBox="0 0 24 24" width="18" height="18" '
        'aria-hidden="true"><path d="M7 5h3.5v14H7zm6.5 0H17v14h-3.5z" fill="currentColor"/></svg></button>'
        '<input type="range" data-part="scrub" step="0.01" aria-label="Moment of the match">'
        '<label><input type="checkbox" data-part="loop" checked> Repeat</label>'
        '<span class="rs-hint" data-part="tempo"></span></div>'
    )


def _acts() -> str:
    buttons = "".join(
        f'<button type="button" data-proxy="{act}"{_pressable(act)}>{icon(act)}<span>{told}</span></button>'
        for act, told in _ACTS.items()
    )
    return f'<div class="rs-proxies">{buttons}</div>'


def _pressable(act: str) -> str:
    return ' aria-pressed="false"' if act in ("good", "bad") else ""


def _button(name: str, told: str) -> str:
    return (
        f'<button type="button" class="rs-act" data-part="{name}" title="{told}" aria-label="{told}">'
        f"{icon(name)}</button>"
    )
