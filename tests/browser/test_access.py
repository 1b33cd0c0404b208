"""The page is for everybody: on a phone, by keyboard alone, and without a serious finding of axe-core."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

PHONE = {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")
MOST_TABS = 80  # presses of the key


def findings(visitor):
    """What axe-core calls serious or worse, each with where it is."""
    found = Axe().run(visitor.page).response["violations"]
    return [
        f"{one['id']} at {node['target'][0]}: {node['html'][:120]}: {node['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def walk_to(visitor, wanted):
    """Press Tab until something has the focus."""
    for _ in range(MOST_TABS):
        visitor.page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{MOST_TABS} presses of Tab do not lead to {wanted}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_tab(come, collection, address, scheme):
    visitor = come(color_scheme=scheme)
    visitor.open(address)
    found = {"before a search": findings(visitor)}
    visitor.upload(collection.clip)
    visitor.picture(f"8-{scheme}-search")
    found["results"] = findings(visitor)
    visitor.play()
    visitor.picture(f"8-{scheme}-player")
    found["player"] = findings(visitor)
    visitor.page.keyboard.press("Escape")
    for tab in visitor.tabs():
        visitor.go_to(tab)
        visitor.picture(f"8-{scheme}-{tab.lower()}")
        found[tab] = findings(visitor)
        for part in visitor.parts()[1:]:
            part.click()
            expect(visitor.page.get_by_text("Drawing the map")).to_be_hidden()
            visitor.picture(f"8-{scheme}-{tab.lower()}-{part.inner_text().lower()}")
            found[f"{tab}, {part.inner_text()}"] = findings(visitor)
    assert [f"{place}: {one}" for place, these in found.items() for one in these] == []


def test_a_phone_shows_every_tab_without_scrolling_sideways(come, collection, address):
    visitor = come(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    visitor.open(address)
    visitor.picture("9-phone-before", whole=True)
    visitor.upload(collection.clip)
    expect(visitor.cards.first).to_be_in_viewport()
    visitor.picture("9-phone-results")
    visitor.picture("9-phone-search", whole=True)
    widths = {}
    for tab in visitor.tabs():
        visitor.go_to(tab)
        visitor.picture(f"9-phone-{tab.lower()}", whole=True)
        widths[tab] = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert set(widths.values()) == {PHONE["width"]}, widths


def test_a_search_can_be_made_and_a_match_played_by_keyboard_alone(come, collection, address):
    visitor = come()
    visitor.open(address)
    page, keyboard = visitor.page, visitor.page.keyboard
    with page.expect_file_chooser() as chooser:
        walk_to(visitor, page.get_by_role("button", name="Drop a video file here"))
        keyboard.press("Enter")
    chooser.value.set_files(collection.clip)
    visitor.cards.first.wait_for()
    walk_to(visitor, page.get_by_role("slider", name="From, seconds"))
    keyboard.press("ArrowRight")
    visitor.picture("10-keyboard-handle")
    walk_to(visitor, page.get_by_role("button", name="Search", exact=True))
    keyboard.press("Enter")
    walk_to(visitor, visitor.cards.first.locator("[data-segment]").first)
    visitor.picture("10-keyboard-moment")
    keyboard.press("Enter")
    page.wait_for_function("video => !video.paused && video.currentTime > 0", arg=visitor.match.element_handle())
    keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(visitor.cards.first.locator("[data-segment]").first).to_be_focused()


def test_tabs_are_changed_by_keyboard(come, address):
    visitor = come()
    visitor.open(address)
    walk_to(visitor, visitor.page.get_by_role("tab", name="Library"))
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("tab", name="Library")).to_have_attribute("aria-selected", "true")
