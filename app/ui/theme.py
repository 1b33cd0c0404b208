"""How the page looks: a Gradio theme from fonts of the visitor's machine, and the styles of our own HTML."""

import gradio as gr

from app.ui.assets import asset


def build_theme() -> gr.themes.Base:
    """Blue on slate, light and dark."""
    sans = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
    return gr.themes.Default(
        primary_hue=gr.themes.colors.blue, neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg, font=sans, font_mono=mono,
    ).set(
        button_primary_background_fill="*primary_600", button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600", button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white", button_primary_text_color_dark="white",
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400",
    )  # fmt: skip


HEAD = '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'

HEADER = """
<header class="rs-header">
<svg viewBox="0 0 32 32" width="36" height="36" aria-hidden="true"><rect width="32" height="32" rx="8"
fill="#2563eb"/><circle cx="14" cy="14" r="6.5" fill="none" stroke="#fff" stroke-width="2.6"/><path d="m19 19 6 6"
stroke="#fff" stroke-width="3" stroke-linecap="round"/><path d="m12.4 11.3 4.4 2.7-4.4 2.7z" fill="#fff"/></svg>
<div><h1>reelseek</h1><p>Find where a moving scene happens in your videos</p></div></header>
"""

CSS = (
    """
.gradio-container .main { width: 100%; max-width: 1320px !important; margin: 0 auto; }
.gradio-container .html-container { padding: 0 !important; }
.gradio-container .block:has(> .html-container > .prose:empty) { display: none; }
.gradio-container .block:has(> .html-container) { min-width: 0 !important; max-width: 100%; }
.gradio-container [role=tab][aria-selected=true] { color: var(--primary-600); } /* Gradio's is too pale to read */
.dark .gradio-container [role=tab][aria-selected=true] { color: var(--primary-400); }
.rs-header { display: flex; gap: 12px; align-items: center; padding: 4px 0 2px; }
.rs-header h1 { font-size: 1.35rem; line-height: 1.2; margin: 0; }
.rs-header p { margin: 0; color: var(--body-text-color-subdued); }
.rs-hint { color: var(--body-text-color-subdued); margin: 0; font-size: .9rem; }
.rs-note { border: 1px solid var(--border-color-primary); border-left: 4px solid var(--rs-tone, #64748b);
  border-radius: 8px; padding: 8px 12px; margin: 0 0 10px; background: var(--background-fill-secondary);
  overflow-wrap: anywhere; }
.rs-good { --rs-tone: #16a34a; } .rs-bad { --rs-tone: #dc2626; } .rs-info { --rs-tone: var(--primary-500); }
.rs-empty { border: 1px dashed var(--border-color-primary); border-radius: 12px; padding: 28px 24px; }
.rs-empty h3 { margin: 0 0 12px; font-size: 1.1rem; font-weight: 600; }
.rs-empty ol { margin: 0; padding: 0; list-style: none; counter-reset: step; display: grid; gap: 10px; }
.rs-empty li { counter-increment: step; display: flex; gap: 10px; align-items: baseline; max-width: 68ch; }
.rs-empty li::before { content: counter(step); flex: none; width: 24px; height: 24px; border-radius: 50%;
  display: grid; place-items: center; font-size: .85rem; font-weight: 600; background: var(--primary-600);
  color: #fff; }
.rs-tiles { display: grid; gap: 12px; margin: 0 0 12px;
  grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); }
.rs-tiles div { display: flex; flex-direction: column-reverse; padding: 12px 16px; border-radius: 12px;
  border: 1px solid var(--border-color-primary); background: var(--block-background-fill); }
.rs-tiles dt { color: var(--body-text-color-subdued); font-size: .85rem; margin: 0; }
.rs-tiles dd { font-size: 1.5rem; font-weight: 650; margin: 0; font-variant-numeric: tabular-nums; }
.rs-job h3 { margin: 0 0 8px; font-size: 1rem; overflow-wrap: anywhere; }
.rs-job p { margin: 8px 0 12px; overflow-wrap: anywhere; }
.rs-bar { height: 10px; border-radius: 5px; overflow: hidden; background: var(--border-color-primary); }
.rs-bar i { display: block; height: 100%; background: var(--primary-500); transition: width .5s; }
.rs-scroll { overflow-x: auto; margin: 8px 0 14px; max-height: 420px; border-radius: 12px;
  border: 1px solid var(--border-color-primary); }
.rs-table { width: 100%; border-collapse: collapse; font-size: .9rem; margin: 0; }
.rs-table, .rs-table :is(thead, tbody, tr) { border: 0 !important; }
.rs-table caption { text-align: left; font-weight: 600; padding: 10px 14px; }
.rs-table th, .rs-table td { padding: 7px 14px; text-align: left; vertical-align: top; border: 0;
  border-top: 1px solid var(--border-color-primary); overflow-wrap: anywhere; min-width: 110px; }
.rs-table th { color: var(--body-text-color-subdued); font-weight: 600; }
.rs-numbers th, .rs-numbers td { text-align: right; white-space: nowrap; min-width: 0;
  font-variant-numeric: tabular-nums; }
.rs-numbers th:first-child, .rs-numbers td:first-child { text-align: left; }
.rs-numbers tbody tr:first-child td { font-weight: 700; }
.rs-verdict h3 { margin: 4px 0 8px; font-size: 1rem; }
#rs-recall, .gr-group:has(#rs-recall) { background: #fff !important; }
@media (max-width: 640px) {
  .rs-empty { padding: 20px 16px; } .rs-tiles dd { font-size: 1.25rem; }
  .rs-table th, .rs-table td { padding: 6px 10px; }
  .rs-table:not(.rs-numbers) :is(th, td):nth-child(3) { display: none; } /* the folder: too much for a phone */
  .gradio-container .main { padding: 12px !important; }
}
@media (prefers-reduced-motion: reduce) { .rs-bar i { transition: none; } }
.rs-scroll:focus-visible { outline: 2px solid var(--primary-500); outline-offset: 2px; }
"""
    + asset("search.css")
    + asset("library.css")
)
