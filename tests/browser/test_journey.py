"""The whole way, from an empty library to a match that plays at the right second."""

import pytest
from playwright.sync_api import expect

from benchmarks.browser import serving
from benchmarks.visitor import WORK_MS

HTML_NAME = "<img src=x onerror=alert(1)>.mp4"


def seconds(video):
    return video.evaluate("video => video.currentTime")


def test_from_an_empty_library_to_a_match_that_plays_at_the_right_second(come, collection, tmp_path):
    corrupt = collection.folder / HTML_NAME
    corrupt.write_bytes(b"\x00\x00\x00\x18ftypmp42" + b"not a video" * 100)
    try:
        with serving(tmp_path / "library", [collection.folder]) as address:
            visitor = come()
            visitor.open(address)
            expect(visitor.page.get_by_role("heading", name="The library is empty")).to_be_visible()
            visitor.picture("1-search-empty")
            visitor.go_to("Library")
            expect(visitor.page.get_by_role("heading", name="Nothing is in the library yet")).to_be_visible()
            visitor.picture("1-library-empty")

            visitor.index(collection.folder)
            visitor.picture("2-library-indexed")
            visitor.page.get_by_role("tab", name="Problems (1)").click()
            row = visitor.page.get_by_role("row").filter(has_text=HTML_NAME)
            expect(row).to_contain_text("not a video file")
            visitor.picture("2-library-with-a-corrupt-file")

            visitor.go_to("Search")
            visitor.upload(collection.clip)
            visitor.picture("3-search-at-once")
            visitor.search(collection.in_clip)
            visitor.picture("4-search-between-points")
            expect(visitor.cards.first).to_contain_text(collection.film.name)
            began = visitor.play()
            visitor.picture("5-search-playing")
            assert began == pytest.approx(collection.place.start, abs=0.35)
            shift = collection.place.start - collection.in_clip.start
            assert seconds(visitor.match) - seconds(visitor.clip) == pytest.approx(shift, abs=0.4)
    finally:
        corrupt.unlink()


def test_a_manifest_is_evaluated_and_its_report_is_shown(come, collection, address):
    visitor = come()
    visitor.open(address)
    visitor.go_to("Evaluate")
    visitor.picture("6-evaluate-empty")
    visitor.evaluate(collection.manifest)
    report = visitor.page.frame_locator("#rs-report iframe")
    expect(report.get_by_role("row", name="motion energy").first).to_be_visible()
    visitor.picture("6-evaluate-report", whole=True)


def test_a_file_that_is_no_video_is_refused_in_a_sentence(come, address, tmp_path):
    clip = tmp_path / "notes.mp4"
    clip.write_text("no video")
    visitor = come()
    visitor.open(address)
    visitor.give(clip)
    expect(visitor.page.get_by_role("alert").first).to_contain_text("notes.mp4 is not a video file")
    visitor.picture("7-search-no-video")


def test_two_people_search_at_once_and_each_gets_their_own_results(come, collection, address):
    videos = sorted(path for path in collection.folder.glob("*/*") if path != collection.film)
    pairs = [(come(), clip) for clip in (videos[0], videos[-1])]
    for visitor, _ in pairs:
        visitor.open(address)
    for visitor, clip in pairs:
        visitor.give(clip)
    for visitor, clip in pairs:
        expect(visitor.cards.first).to_contain_text(clip.name)


def test_somebody_else_sees_the_indexing_that_runs_and_can_search_meanwhile(come, collection, address):
    first, second = come(), come()
    for visitor in (first, second):
        visitor.open(address)
    first.go_to("Library")
    first.page.get_by_role("button", name="Add", exact=True).click()
    second.upload(collection.film)
    second.go_to("Library")
    expect(second.page.get_by_text("is done:")).to_be_visible(timeout=WORK_MS)
