from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from encoder.clips import Span
from encoder.video import VideoInfo
from indexer import schema
from indexer.catalog import Catalog
from indexer.filters import passing
from indexer.records import EncodedVideo, FileState
from indexer.requests import Filters
from indexer.tables import Video

DAY = timedelta(days=1)
FIRST = datetime(2026, 5, 1, 12)  # as the catalog has it: UTC
FILES = {"/Films/a.mp4": (2.0, 240), "/Films/new/b.mp4": (4.0, 480), "/films/c.mp4": (8.0, 1080), "/Films2/d": (16, 9)}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """Videos 1 to 4, added a day apart."""
    made = Catalog(f"sqlite:///{tmp_path_factory.mktemp('catalog')}/catalog.sqlite")
    schema.upgrade(made.engine)
    for number, (path, (duration, height)) in enumerate(FILES.items()):
        info = VideoInfo(duration, 640, height, 25.0, "h264")
        video = EncodedVideo(info, duration, 0, [Span(0.0, 2.0)], np.eye(1, 8, dtype=np.float32))
        video_id = made.add_video(FileState(path, 1, 1), path, video)
        with Session(made.engine) as session, session.begin():
            session.execute(update(Video).where(Video.id == video_id).values(added=FIRST + number * DAY))
    yield made
    made.close()


def utc(days):
    return FIRST.replace(tzinfo=UTC) + days * DAY


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, [1, 2, 3, 4]),
        ({"folder": "/Films"}, [1, 2]),
        ({"folder": Path("/Films/")}, [1, 2]),
        ({"folder": "/Films/new/b.mp4"}, [2]),
        ({"folder": "/"}, [1, 2, 3, 4]),
        ({"folder": "/Fil_s"}, []),
        ({"since": utc(1)}, [2, 3, 4]),
        ({"until": utc(1)}, [1]),
        ({"since": utc(1).astimezone(timezone(timedelta(hours=9)))}, [2, 3, 4]),
        ({"min_duration": 4, "max_duration": 8}, [2, 3]),
        ({"min_height": 241, "max_height": 1080}, [2, 3]),
        ({"folder": "/Films", "min_height": 480, "until": utc(3)}, [2]),
    ],
)
def test_the_videos_that_pass_every_filter_are_named(catalog, filters, ids):
    assert passing(catalog, Filters(**filters)).tolist() == ids


def test_a_copy_in_the_folder_is_enough(catalog):
    catalog.set_file(FileState("/Copies/c.mp4", 1, 1), "/films/c.mp4", video_id=3)
    assert passing(catalog, Filters(folder="/Copies")).tolist() == [3]


def test_a_folder_whose_name_is_no_text_holds_nothing(catalog):
    assert passing(catalog, Filters(folder="/Films/\udcff")).tolist() == []
