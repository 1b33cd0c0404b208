"""Small pictures for buttons; the button itself says in words what it does."""

_PATHS = {
    "play": '<path d="M8 5.5v13l11-6.5z" fill="currentColor" stroke="none"/>',
    "good": '<path d="M7 11v9H4v-9zm0 0 4-7a2 2 0 0 1 2 2v4h5.4a2 2 0 0 1 2 2.3l-1 6a2 2 0 0 1-2 1.7H7"/>',
    "bad": '<path d="M17 13V4h3v9zm0 0-4 7a2 2 0 0 1-2-2v-4H5.6a2 2 0 0 1-2-2.3l1-6a2 2 0 0 1 2-1.7H17"/>',
    "save": '<path d="M6 4h12v16l-6-4.5L6 20z"/>',
    "cut": '<path d="M12 4v11m-5-4.5 5 5 5-5M5 20h14"/>',
    "use": '<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>',
    "close": '<path d="m6 6 12 12M18 6 6 18"/>',
    "before": '<path d="m15 5-7 7 7 7"/>',
    "after": '<path d="m9 5 7 7-7 7"/>',
    "remove": '<path d="M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13"/>',
}


def icon(name: str) -> str:
    """An icon in the colour of its text."""
    return (
        '<svg class="rs-icon" viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" '
        f'stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{_PATHS[name]}</svg>'
    )
