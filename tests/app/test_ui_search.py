import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.media import Decoders, Way
from app.moments import Moment
from app.posters import Posters
from app.ui import saved, search_tab
from app.ui.answer import A_PAGE, Answer, page_of
from app.ui.exports import ExportRoutes
from app.ui.filtering import LibraryFolders, chosen
from app.ui.finding import QueryError, Wish, clip_of_path, clip_of_upload, clip_of_video, find_moments
from app.ui.folders import AllowedFolders, FolderError
from app.ui.picker import picker
from app.ui.playable import Playable, playable
from app.ui.renditions import Renditions
from app.ui.routes import MediaRoutes
from app.ui.site import Site
from app.ui.timeline import timeline
from app.ui.trim import TrimError, part_of, trimmed
from encoder.clips import Span
from encoder.errors import WorldError
from encoder.video import probe
from indexer.requests import Example, Filters, Mode, VideoRef

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::DeprecationWarning:starlette.*")


@pytest.fixture(scope="module")
def folder(films):
    return films


@pytest.fixture(scope="module")
def site(served_library, served_settings, films):
    """Nothing here changes the library, which other tests share."""
    decoders = Decoders(1)
    yield Site(served_library, served_settings, AllowedFolders([films]), decoders)
    decoders.close()


@pytest.fixture(scope="module")
def client(site, tmp_path_factory):
    renditions = Renditions(tmp_path_factory.mktemp("renditions"), site.decoders)
    routes = [*MediaRoutes(site, Posters(site.decoders), renditions).routes(), *ExportRoutes(site, renditions).routes()]
    yield TestClient(Starlette(routes=routes))
    renditions.close()


@pytest.fixture(scope="module")
def ids(site):
    return {Path(paths[0]).name: video_id for video_id, paths in site.library.catalog.paths().items()}


def answer_to(site, path, points=None):
    return find_moments(site, Wish(clip_of_upload(site, str(path)), points))


def html_of(answer):
    return page_of(answer, "Best match", 0)


# Searching


def test_the_best_card_plays_the_searched_video_from_the_match(site, folder, ids):
    answer = answer_to(site, folder / "long.mp4", {"start": 2.0, "end": 5.0})
    first = html_of(answer).partition("</article>")[0]
    assert f'data-video="{ids["long.mp4"]}"' in first
    assert f'data-src="media/{ids["long.mp4"]}?' in first
    assert 'data-start="2.000" data-end="5.000" data-query-start="2.000" data-query-end="5.000"' in first
    assert "0:02.0 – 0:05.0" in first
    assert "100 %" in first
    assert "clips searched in" in html_of(answer)


def test_html_in_a_file_name_comes_out_escaped(site, folder, html_name):
    html = html_of(answer_to(site, folder / html_name)) + picker(site.library.catalog, "")
    html += trimmed(clip_of_upload(site, str(folder / html_name))).props["html"]
    assert "<img src=x" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 4


class Recording:
    """A library that only notes what it is asked."""

    def __init__(self):
        self.asked, self.index = [], SimpleNamespace(warning=None)
        self.catalog = SimpleNamespace(paths=lambda _: {}, videos=lambda _: {})

    def search(self, like, unlike, filters, k, mode):
        self.asked.append((like, unlike, filters, mode))
        return []


@pytest.fixture
def recording(site):
    return Site(Recording(), site.settings, site.folders, site.decoders)


def test_in_and_out_points_reach_the_search(site, folder, recording):
    clip = clip_of_upload(site, str(folder / "long.mp4"))
    for points in ({"start": 1.5, "end": 2.5}, {"start": 0, "end": clip.duration}, None):
        assert find_moments(recording, Wish(clip, points)) is None
    spans = [like for like, *_ in recording.library.asked]
    assert spans == [[Example(clip.path, Span(1.5, 2.5))], [Example(clip.path)], [Example(clip.path)]]


def test_marks_filters_and_mode_reach_the_search(site, folder, recording):
    clip, filters = clip_of_upload(site, str(folder / "long.mp4")), Filters(min_height=720)
    marks = {Moment(3, Span(1, 2)): "good", Moment(4, Span(0, 1)): "bad"}
    find_moments(recording, Wish(clip, None, filters, marks, Mode.MOTION))
    like = [Example(clip.path), Example(VideoRef(3), Span(1, 2))]
    assert recording.library.asked == [(like, [Example(VideoRef(4), Span(0, 1))], filters, Mode.MOTION)]


def test_more_like_one_and_less_like_another_changes_the_order(site, folder, ids):
    clip = clip_of_upload(site, str(folder / "old.mkv"))
    before = find_moments(site, Wish(clip))
    assert before.rows[0]["video"] == ids["old.mkv"]
    marks = {Moment(ids["long.mp4"], Span(2, 5)): "good", Moment(ids["old.mkv"], Span(0, 3)): "bad"}
    after = find_moments(site, Wish(clip, marks=marks))
    assert after.rows[-1]["video"] == ids["old.mkv"]
    (row,) = [row for row in after.rows if row["video"] == ids["long.mp4"]]
    assert row["segments"][0]["example"] == 1
    first = html_of(after).partition("</article>")[0]
    assert f'data-side="media/{ids["long.mp4"]}?' in first
    assert 'data-mark="good"' in first


def test_an_answer_says_how_alike_each_video_is_from_start_to_end(site, folder, ids):
    curve = answer_to(site, folder / "long.mp4", {"start": 4.0, "end": 6.0}).curves[ids["long.mp4"]]
    assert len(curve) == 7
    assert max(curve) == curve[3] > 0.9  # the clip from 4 s on lies in the fourth of seven parts


def test_a_mark_can_be_changed_and_taken_back():
    def event(mark):
        return SimpleNamespace(video=3, start=1.0, end=2.0, mark=mark)

    marks = search_tab.marked({}, event("good"))
    assert marks == {Moment(3, Span(1, 2)): "good"}
    assert "You marked 1 as good." in search_tab.told_marks(marks)
    marks = search_tab.marked(marks, event("bad"))
    assert marks == {Moment(3, Span(1, 2)): "bad"}
    assert search_tab.marked(marks, event("")) == {}
    assert search_tab.marked({}, event("<b>")) == {}
    with pytest.raises(WorldError, match="no moment"):
        search_tab.marked({}, SimpleNamespace(video="x", start=0, end=1, mark="good"))


def test_choices_become_filters():
    folders = {"films": "/films"}
    assert chosen(folders, "any", "any", "any", "any") == Filters()
    assert chosen(folders, "/etc", None, "x", "") == Filters()
    made = chosen(folders, "films", "in the last week", "10 s to 1 min", "HD: 720 or more")
    assert (made.folder, made.min_duration, made.max_duration, made.min_height) == ("/films", 10, 60, 720)
    assert abs((datetime.now(UTC) - timedelta(days=7) - made.since).total_seconds()) < 60


def test_the_folders_of_a_library_are_those_of_its_videos_and_the_ones_around_several():
    catalog = SimpleNamespace(
        paths=lambda: {1: ["/a/b/x.mp4"], 2: ["/a/c/y.mp4", "/d/e/z.mp4"]}, generation=lambda: generations.pop(0)
    )
    generations, folders = [1, 1, 2], LibraryFolders()
    assert list(folders.of(catalog)) == ["/a", "/a/b", "/a/c", "/d/e"]
    catalog.paths = dict
    assert list(folders.of(catalog)) == ["/a", "/a/b", "/a/c", "/d/e"]
    assert folders.of(catalog) == {}


@pytest.mark.parametrize("points", [{"start": 2, "end": 1}, {"start": 9, "end": 8}, {"start": 3.0, "end": 3.04}])
def test_the_out_point_must_lie_after_the_in_point(points):
    with pytest.raises(TrimError, match=r"From \(\d\.0 s\) must lie before To"):
        part_of(SimpleNamespace(duration=8.0), points)


@pytest.mark.parametrize("points", [None, "x", {"start": "<b>", "end": None}, {"start": 1e99}, {"start": float("nan")}])
def test_points_that_are_none_mean_all_of_the_clip(points):
    assert part_of(SimpleNamespace(duration=8.0), points) is None


def test_no_clip_or_a_vanished_one_is_one_sentence(site, tmp_path, moving_video):
    with pytest.raises(QueryError, match="Choose or record a clip first"):
        find_moments(site, Wish(None))
    clip = clip_of_upload(site, str(moving_video(tmp_path / "gone.mp4", 2, seed=5)))
    (tmp_path / "gone.mp4").unlink()
    with pytest.raises(QueryError, match=r"^gone\.mp4 no such file\. Choose a video file\.$"):
        find_moments(site, Wish(clip))


def test_nothing_found_says_what_to_try(site):
    assert "No video is like your clip" in search_tab.shown_answer(site, None)[1]


# Where clips come from


def test_an_upload_that_is_no_video_gives_a_sentence(site, tmp_path):
    path = tmp_path / "<b>.mp4"
    path.write_text("not a video")
    clip, *_, told, _, _ = search_tab.take(lambda: clip_of_upload(site, str(path)))
    assert clip is None
    assert "&lt;b&gt;.mp4 is not a video file" in told
    assert str(tmp_path) not in told


def test_a_path_on_the_server_must_lie_in_an_allowed_folder(site, folder, tmp_path, moving_video):
    assert clip_of_path(site, "long.mp4").path == str(folder / "long.mp4")
    outside = moving_video(tmp_path / "secret.mp4", 2, seed=5)
    for text in (str(outside), "/etc/passwd", "../secret.mp4"):
        with pytest.raises(FolderError, match="outside"):
            clip_of_path(site, text)
    with pytest.raises(QueryError, match="is a folder"):
        clip_of_path(site, str(folder))


def test_a_video_of_the_library_is_searched_with(site, ids):
    clip = clip_of_video(site, ids["long.mp4"])
    assert (clip.name, clip.video_id, clip.duration) == ("long.mp4", ids["long.mp4"], pytest.approx(8.0))


@pytest.mark.parametrize("video_id", [4711, -1, 10**30, "1", None, 1.5])
def test_a_video_that_is_not_in_the_library_is_one_sentence(site, video_id):
    with pytest.raises(QueryError, match="no longer in the library"):
        clip_of_video(site, video_id)


def test_the_picker_finds_videos_by_a_part_of_their_name(site, ids):
    assert f'data-video="{ids["long.mp4"]}"' in picker(site.library.catalog, "LONG")
    assert picker(site.library.catalog, "").count("data-video") == 3
    assert "No video of the library has “100%_” in its name" in picker(site.library.catalog, "100%_")


# What is served


def test_a_clip_is_served_by_its_secret_name_only(site, folder, client):
    clip = clip_of_upload(site, str(folder / "long.mp4"))
    assert len(clip.token) >= 22
    assert client.get(f"/clip/{clip.token}").content == (folder / "long.mp4").read_bytes()
    assert client.get(f"/clip/{clip.token}/strip?n=4").headers["content-type"] == "image/jpeg"
    for other in ("x", clip.token[:-1], "..%2f..%2fetc%2fpasswd", str(folder / "long.mp4")):
        assert client.get(f"/clip/{other}").status_code == 404
        assert client.get(f"/clip/{other}/strip").status_code == 404


def test_a_strip_shows_the_pictures_of_a_part_in_order(client, site, tmp_path, make_video):
    pictures = [np.full((48, 64, 3), 25 * i, np.uint8) for i in range(10)]
    path = make_video(tmp_path / "grey.mkv", list(range(10)), pictures, last_s=1.0)
    clip = clip_of_upload(site, str(path))
    got = client.get(f"/clip/{clip.token}/strip?start=2&end=8&n=3")
    picture = cv2.imdecode(np.frombuffer(got.content, np.uint8), cv2.IMREAD_GRAYSCALE)
    levels = [float(part.mean()) for part in np.array_split(picture, 3, axis=1)]
    assert levels == pytest.approx([50, 100, 150], abs=3)


@pytest.mark.parametrize("query", ["n=1", "n=17", "n=x", "start=-1", "end=nan"])
def test_a_strip_that_can_not_be_is_refused(client, ids, query):
    assert client.get(f"/strip/{ids['long.mp4']}?{query}").status_code == 400


def test_a_recording_without_a_length_in_its_header_is_measured(site, tmp_path, make_video):
    import av

    made = make_video(tmp_path / "made.webm", [i / 10 for i in range(35)], codec="libvpx", last_s=0.1)
    out = io.BytesIO()
    with av.open(made) as source, av.open(out, "w", "webm", options={"live": "1"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream, packet.duration = stream, 0
                target.mux(packet)
    (tmp_path / "live.webm").write_bytes(out.getvalue())
    assert clip_of_upload(site, str(tmp_path / "live.webm")).duration == pytest.approx(3.5, abs=0.11)


# What is shown


def answer_of(count, **how):
    rows = [
        {"path": f"/films/{chr(97 + i)}.mp4", "score": 1 - i / 100, "video": i + 1, "segments": [
            {"score": 1.0, "start": 1.0, "end": 2.0, "query_start": 0.0, "query_end": 1.0, "tempo": 1.0}]}
        for i in range(count)
    ]  # fmt: skip
    videos = {
        row["video"]: SimpleNamespace(id=row["video"], content="abcdef0123", duration=100.0 - i, width=64, height=48)
        for i, row in enumerate(rows)
    }
    return Answer([Playable("clip/t", 0.0)], rows, videos, "told", **how)


def names(html):
    return [part.partition('"')[0] for part in html.split('data-name="')[1:]]


def test_answers_come_in_pages_that_keep_their_ranks():
    answer = answer_of(A_PAGE + 2)
    assert len(names(page_of(answer, "Best match", 0))) == A_PAGE
    second = page_of(answer, "Best match", 1)
    assert names(second) == ["m.mp4", "n.mp4"]
    assert f"{A_PAGE + 1} – {A_PAGE + 2} of {A_PAGE + 2}" in second
    assert f'data-rank="{A_PAGE + 1}"' in second
    assert page_of(answer, "Best match", 99) == second
    assert page_of(answer, "Best match", -1) == page_of(answer, "Best match", 0)


def test_answers_can_be_ordered_otherwise():
    assert names(page_of(answer_of(3), "Shortest", 0)) == ["c.mp4", "b.mp4", "a.mp4"]
    assert names(page_of(answer_of(3), "Longest", 0)) == ["a.mp4", "b.mp4", "c.mp4"]


def test_how_sure_an_answer_is_and_what_that_means_is_shown_where_it_is_known():
    answer = answer_of(2, meaning="chance that it is <right>")
    answer.rows[0]["confidence"] = 0.87
    html = html_of(answer)
    assert html.count("sure</span>") == 1
    assert '<span title="chance that it is &lt;right&gt;"><b>87%</b> sure</span>' in html


def test_a_segment_says_how_fast_and_which_way_it_runs():
    answer = answer_of(1)
    answer.rows[0]["segments"][0]["tempo"] = -1.5
    assert "of your clip, at 1.5 times its speed, backwards; play from here" in html_of(answer)


def test_a_marked_segment_shows_its_mark():
    html = page_of(answer_of(2, marks={Moment(2, Span(1, 2)): "good", Moment(1, Span(5, 6)): "bad"}), "Best match", 0)
    assert html.count('aria-pressed="true"') == 1
    assert html.count('data-mark="good"') == 1


def test_the_timeline_marks_the_segments_over_how_alike_the_video_is():
    html = timeline([{"start": 2.0, "end": 4.0}, {"start": 5.0, "end": 6.0}], 10.0, [0.0, 0.5, 2.0])
    assert 'data-play="0" class="rs-best" style="left:20.00%;width:20.00%"' in html
    assert 'data-play="1" class="" style="left:50.00%;width:10.00%"' in html
    assert 'd="M0 100V100H1V50H2V0H3V100Z"' in html


def test_a_part_of_a_foreign_file_is_played_from_an_excerpt_around_it():
    assert playable("media/7", "abcdef0123", Span(20, 23), Way.MP4).src == "media/7?v=abcdef01"
    foreign = playable("media/7", "abcdef0123", Span(20, 23), Way.EXCERPT)
    assert (foreign.src, foreign.shift) == ("media/7?v=abcdef01&start=18.0&end=25.0", 18.0)
    assert playable("media/7", "abcdef0123", Span(1, 2), Way.EXCERPT).shift == 0.0


# What is taken along


def of(*moments):
    return {"of": ",".join(f"{video_id}:{start:.2f}-{end:.2f}" for video_id, start, end in moments)}


def test_a_moment_is_downloaded_as_a_clip_of_its_own(client, ids, tmp_path):
    got = client.get("/export/clip.mp4", params=of((ids["old.mkv"], 1, 2)))
    assert (got.status_code, got.headers["content-type"]) == (200, "video/mp4")
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''old%201.00-2.00.mp4"
    (tmp_path / "got.mp4").write_bytes(got.content)
    info = probe(tmp_path / "got.mp4")
    assert (info.codec, info.width, info.height) == ("h264", 64, 48)
    assert info.duration == pytest.approx(1.0, abs=0.05)


def test_moments_are_downloaded_together(client, ids, html_name):
    moments = of((ids["long.mp4"], 1, 2), (ids[html_name], 0, 1))
    packed = zipfile.ZipFile(io.BytesIO(client.get("/export/clips.zip", params=moments).content))
    assert [name[:3] for name in packed.namelist()] == ["01 ", "02 "]
    assert packed.namelist()[0] == "01 long 1.00-2.00.mp4"
    assert client.get("/export/moments.csv", params=moments).text.count("\r\n") == 3
    assert "* FROM CLIP NAME: long.mp4" in client.get("/export/moments.edl", params=moments).text


@pytest.mark.parametrize("name", ["clip.mp4", "clips.zip", "moments.csv", "moments.edl"])
def test_only_moments_of_the_library_are_given_out(client, name):
    assert client.get(f"/export/{name}", params=of((4711, 0, 1))).status_code == 404
    for text in ("", "/etc/passwd", "1:0-", "..:0-1", "1:0-1," * 300):
        got = client.get(f"/export/{name}", params={"of": text})
        assert (got.status_code, "Traceback" in got.text) == (400, False)


def test_a_cut_has_a_longest(client, ids):
    got = client.get("/export/clip.mp4", params=of((ids["long.mp4"], 0, 1000)))
    assert (got.status_code, "300 s is the most" in got.text) == (400, True)
    many = client.get("/export/clips.zip", params=of(*[(ids["long.mp4"], 0, i) for i in range(1, 40)]))
    assert (many.status_code, "take at most 30" in many.text) == (400, True)


def test_what_lies_behind_the_end_can_not_be_cut(client, ids):
    got = client.get("/export/clip.mp4", params=of((ids["long.mp4"], 100, 101)))
    assert (got.status_code, "long.mp4" in got.text) == (415, True)


# What is saved


def test_saved_moments_are_listed_with_the_newest_first(site, ids, html_name):
    catalog = site.library.catalog
    one, other = Moment(ids["long.mp4"], Span(1, 2)), Moment(ids[html_name], Span(0, 1.5))
    kept = saved.with_moment(saved.with_moment([], catalog, one), catalog, other)
    kept = saved.with_moment(kept, catalog, other)
    assert [known.moment for known in saved.saved_moments(kept, catalog)] == [other, one]
    html = saved.saved_list(saved.saved_moments(kept, catalog))
    assert "<img src=x" not in html
    assert f"export/clips.zip?of={ids[html_name]}%3A0.00-1.50%2C{ids['long.mp4']}%3A1.00-2.00" in html
    assert saved.saved_moments(saved.without_moment(kept, other), catalog)[0].moment == one


def test_moments_of_another_library_are_not_shown(site, ids):
    kept = saved.with_moment([], site.library.catalog, Moment(ids["long.mp4"], Span(1, 2)))
    assert saved.saved_moments([{**kept[0], "content": "00000000"}], site.library.catalog) == []
    assert saved.saved_moments([{**kept[0], "video": 4711}], site.library.catalog) == []


@pytest.mark.parametrize("kept", [None, "x", [None], [{}], [{"video": "1", "start": 0, "end": 1}], {"video": 1}])
def test_whatever_a_browser_kept_is_no_fault(site, kept):
    assert saved.saved_moments(kept, site.library.catalog) == []


def test_only_so_many_moments_are_saved(site, ids):
    video_id = ids["long.mp4"]
    kept = [{"video": video_id, "start": 0, "end": i, "content": "x"} for i in range(1, saved.MOST + 1)]
    with pytest.raises(saved.SavedError, match="100 moments are saved already; remove some first"):
        saved.with_moment(kept, site.library.catalog, Moment(video_id, Span(1, 2)))
    with pytest.raises(saved.SavedError, match="no longer in the library"):
        saved.with_moment([], site.library.catalog, Moment(4711, Span(1, 2)))
