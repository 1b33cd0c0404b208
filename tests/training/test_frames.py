import numpy as np

from encoder.video import VideoError
from training.frames import decode_frames


def test_videos_become_their_grid_frames_and_failures_are_told(tmp_path, make_video, grey):
    good = make_video(tmp_path / "good.mkv", [i / 8 for i in range(20)], last_s=0.125)
    short = make_video(tmp_path / "short.mkv", [0])
    bad = tmp_path / "bad.mkv"
    bad.write_text("no video")
    told: list[int] = []
    videos, failed = decode_frames([good, bad, short], 8, 16, workers=1, progress=told.append)
    assert [video.shape for video in videos] == [(20, 16, 16, 3), (1, 16, 16, 3)]
    assert videos[0][:, 0, 0, 0].tolist() == [grey(i) for i in range(20)]
    assert videos[0].dtype == np.uint8
    assert [(type(error), error.path) for error in failed] == [(VideoError, str(bad))]
    assert told == [1, 2, 3]
