"""What can be done with results: mark, filter, save, take along, and search on from them."""

import csv
import zipfile

import pytest
from playwright.sync_api import expect


@pytest.fixture
def found(come, collection, address):
    """Somebody who has searched for the scene, and found it."""
    visitor = come()
    visitor.open(address)
    visitor.upload(collection.clip)
    expect(visitor.cards.first).to_contain_text(collection.film.name)
    return visitor


def test_what_is_marked_good_and_bad_is_searched_for_anew(found):
    unwanted = found.cards.nth(1).get_attribute("data-name")
    found.cards.nth(0).get_by_role("button", name="More like this").click()
    found.cards.nth(1).get_by_role("button", name="Less like this").click()
    expect(found.cards.nth(1).get_by_role("button", name="Less like this")).to_have_attribute("aria-pressed", "true")
    found.picture("11-results-marked")
    with found.another_answer():
        found.page.get_by_role("button", name="Search with these").click()
    found.picture("11-results-refined")
    assert unwanted not in [found.cards.nth(i).get_attribute("data-name") for i in range(2)]


def test_a_filter_keeps_long_videos_out_of_the_results(found, collection):
    found.page.get_by_role("button", name="Filters").click()
    found.page.get_by_label("Length", exact=True).click()
    with found.another_answer():
        found.page.get_by_role("option", name="under 10 s").click()
    found.picture("12-results-filtered")
    expect(found.page.locator("#rs-results")).not_to_contain_text(collection.film.name)


def test_a_saved_moment_outlives_a_reload_and_is_taken_along_as_clip_and_table(found, collection, tmp_path):
    found.cards.first.get_by_role("button", name="Save this moment").click()
    expect(found.page.get_by_role("button", name="Saved moments (1)")).to_be_visible()
    found.page.reload()
    found.page.get_by_role("button", name="Saved moments (1)").click()
    found.picture("13-saved-moments")
    with found.page.expect_download() as download:
        found.page.get_by_role("link", name="Table (CSV)").click()
    download.value.save_as(tmp_path / "moments.csv")
    with (tmp_path / "moments.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert collection.film.name in row.values() or str(collection.film) in row.values()
    with found.page.expect_download() as download:
        found.page.get_by_role("link", name="Clips (ZIP)").click()
    download.value.save_as(tmp_path / "clips.zip")
    with zipfile.ZipFile(tmp_path / "clips.zip") as packed:
        (name,) = packed.namelist()
    assert collection.film.stem in name


def test_a_result_becomes_the_next_example(found):
    name = found.cards.nth(1).get_attribute("data-name")
    with found.another_answer():
        found.cards.nth(1).get_by_role("button", name="Search with this moment").click()
    expect(found.page.locator("#rs-query")).to_contain_text(name)
    found.picture("14-searched-on")


def test_a_video_on_the_map_is_searched_with(come, address):
    visitor = come()
    visitor.open(address)
    visitor.go_to("Library")
    visitor.page.get_by_role("tab", name="Map").click()
    video = visitor.page.get_by_role("group", name="Map of the library").get_by_role("link").first
    name = video.get_attribute("data-name")
    visitor.picture("15-map")
    video.click()
    expect(visitor.page.locator("#rs-query")).to_contain_text(name)
    expect(visitor.cards.first).to_contain_text(name)
