"""What the Library tab shows of a library, as HTML."""

from html import escape

from app.holdings import Folder, folders, room
from app.service import status
from app.text import file_name, shown, size
from app.ui import fragments
from app.ui.site import Site
from indexer.leftovers import Leftover, leftovers

_AGAIN = "What came since is indexed with it; then the library goes back to it. Searches go on meanwhile."
_DROP = "Frees {}. The videos and the library in use stay as they are; to use that encoder again means to index anew."


def overview(site: Site) -> str:
    """Totals, folders, and the facts of encoder, index and disk."""
    result = status(site.library)
    held = folders(site.library)
    if not held:
        return first_steps(bool(site.folders.roots))
    totals = fragments.tiles(
        [
            ("videos", f"{result['videos']:,}"),
            ("files", f"{result['files']:,}"),
            ("searchable clips", f"{result['clips']:,}"),
            ("of video", length(result["video_seconds"])),
            ("on disk", size(sum(part.bytes for part in room(site.library, site.settings.library)))),
        ]
    )
    listed = "".join(_folder(folder, site.folders.holds(folder.path)) for folder in held)
    return (
        f'{totals}<section class="rs-section"><h3>Folders</h3><ul class="rs-folders">{listed}</ul></section>'
        + f'<div class="rs-columns">{_encoder(result)}{_disk(site)}</div>{_others(site)}'
    )


def first_steps(allowed: bool) -> str:
    """What is shown of an empty library."""
    if not allowed:
        return fragments.steps(
            "This server allows no folder yet",
            [
                "Stop it, and start it again with: reelseek serve --folder FOLDER",
                "Come back here, choose the folder, and press Add.",
                "Or fill the library from a terminal: reelseek index FOLDER",
            ],
        )
    return fragments.steps(
        "Nothing is in the library yet",
        [
            "Choose a folder of videos above.",
            "Press Add. Folders inside it are searched too; your files are only read.",
            "Search as soon as the first videos are in. Adding it again later takes in what is new.",
        ],
    )


def problems(site: Site) -> tuple[str, int]:
    """Files that can't be indexed or only in part, each with its reason, and how many there are."""
    result = status(site.library)
    failed = [(entry["path"], entry["reason"]) for entry in result["failed"]]
    damaged = [(e["path"], f"{e['packets']} damaged packets were passed over") for e in result["damaged"]]
    if not failed and not damaged:
        return fragments.note("There is no file that could not be read, whole.", "good"), 0
    again = ""
    if any(site.folders.holds(path) for path, _ in failed):
        again = (
            f'<p class="rs-line">{fragments.action("Try these again", "retry")}'
            '<span class="rs-hint">They are tried again by themselves only when they change.</span></p>'
        )
    told = fragments.failures("Could not be indexed", failed)
    told += fragments.failures("Searchable, but damaged in places", damaged)
    return again + told, len(failed) + len(damaged)


def length(seconds: float) -> str:
    """How much video, roughly."""
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def _folder(folder: Folder, allowed: bool) -> str:
    name, path = file_name(folder.path), shown(folder.path)
    facts = f"{folder.files:,} files, {length(folder.seconds)}"
    if folder.failed:
        facts += f", {folder.failed:,} unreadable"
    if not folder.there:
        facts += "; the folder is not there now"
    buttons = fragments.action("Rescan", "rescan", folder.path, label=f"Rescan {name}") if folder.there else ""
    buttons = buttons + _removal(folder, name) if allowed else ""
    return (
        f'<li><div><strong>{escape(name)}</strong><span class="rs-path">{escape(path)}</span>'
        f'<span class="rs-hint">{escape(facts)}</span></div><div class="rs-actions">{buttons}</div></li>'
    )


def _removal(folder: Folder, name: str) -> str:
    """A button that opens the one that removes."""
    told = f"Takes {folder.files + folder.failed:,} files out of the library. Nothing on the disk is touched."
    button = fragments.action("Remove from the library", "forget", folder.path, "stop")
    return fragments.confirmed("Remove", f"Remove {name}", told, button)


def _encoder(result: dict[str, object]) -> str:
    encoder = result["encoder"]
    assert isinstance(encoder, dict)
    return fragments.facts(
        "Encoder and index",
        [
            ("Encoder", f"{encoder['name']} ({encoder['fingerprint']})"),
            ("A clip", f"{encoder['clip_s']:g} s, one every {encoder['hop_s']:g} s"),
            ("Index", str(result["cache"])),
        ],
    )


def _others(site: Site) -> str:
    """Libraries of other encoders, each with what can be done with it."""
    rows = "".join(_other(one) for one in leftovers(site.settings.library))
    title = "Not in use: indexed with other encoders"
    return rows and f'<section class="rs-section"><h3>{title}</h3><ul class="rs-folders">{rows}</ul></section>'


def _other(one: Leftover) -> str:
    name = f"{one.encoder} ({one.fingerprint})"
    videos = "its catalog can't be read" if one.videos is None else f"{one.videos:,} videos"
    again = fragments.action("Use it again", "again", one.fingerprint, "main")
    delete = fragments.action("Delete it for good", "drop", one.fingerprint, "stop")
    buttons = fragments.confirmed("Use again", f"Use {name} again", _AGAIN, again) if one.videos is not None else ""
    buttons += fragments.confirmed("Delete", f"Delete the library of {name}", _DROP.format(size(one.bytes)), delete)
    return (
        f'<li><div><strong>{escape(one.encoder)}</strong><span class="rs-hint">'
        f"{escape(f'{one.fingerprint} · {videos} · {size(one.bytes)}')}</span></div>"
        f'<div class="rs-actions">{buttons}</div></li>'
    )


def _disk(site: Site) -> str:
    parts = room(site.library, site.settings.library)
    rows = [(part.what[:1].upper() + part.what[1:], size(part.bytes)) for part in parts]
    return fragments.facts("On the disk", [*rows, ("Where", shown(site.settings.library))])
