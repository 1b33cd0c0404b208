import subprocess
import sys
from dataclasses import replace

import av
import numpy as np
import pytest

from benchmarks import indexing, indexing_memory, indexing_set, indexing_stages
from benchmarks.indexing_set import KINDS, make_set
from benchmarks.indexing_stages import STAGES, WAYS, row
from benchmarks.indexing_ways import decode_by_opencv, decode_by_pyav
from encoder.checkpoint import load_encoder
from encoder.video import probe

TINY = [replace(kind, size=(96, 64), bits=100_000) for kind in KINDS[:2]]


@pytest.fixture
def short(monkeypatch):
    """Sets of few seconds."""
    monkeypatch.setattr(indexing_set, "UNIQUE_S", 1)
    monkeypatch.setattr(indexing_set, "FILE_S", 3)


@pytest.fixture
def sources(tmp_path, moving_video):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "no video.mp4").write_text("text")
    small = moving_video(tmp_path / "sources" / "small.mp4", 1, 1, size=(48, 32))
    return [small.with_name("no video.mp4"), small, moving_video(small.with_name("a.mp4"), 0.5, 2, size=(96, 64))]


@pytest.mark.parametrize("kind", TINY, ids=lambda kind: kind.name)
def test_a_set_has_its_length_size_and_codec_and_no_file_twice(tmp_path, short, sources, kind):
    files = make_set(sources, kind, 0.1, tmp_path / "set")
    assert len(files) == 2
    for file in files:
        info = probe(file)
        assert (info.width, info.height, info.codec) == (
            96,
            64,
            kind.codec.replace("libx", "h").replace("h265", "hevc"),
        )
        assert info.duration == pytest.approx(3, abs=0.05)
        assert decode_by_pyav(file) == decode_by_pyav(file, 2) == decode_by_opencv(file) == 75
    assert len({file.read_bytes() for file in files}) == 2


def test_times_go_on_from_loop_to_loop_and_each_shows_the_same(tmp_path, short, sources):
    (file,) = make_set(sources, TINY[0], 0.05, tmp_path / "set")
    with av.open(file) as container:
        shown = [(frame.time, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    assert [time for time, _ in shown] == pytest.approx([i / 25 for i in range(75)], abs=1e-6)
    np.testing.assert_array_equal([picture for _, picture in shown[:50]], [picture for _, picture in shown[25:]])


def test_a_set_that_is_there_is_not_made_again(tmp_path, short, sources):
    files = make_set(sources, TINY[0], 0.1, tmp_path / "set")
    before = [file.stat() for file in files]
    assert make_set([], TINY[0], 0.1, tmp_path / "set") == files
    assert [file.stat() for file in files] == before


def test_sources_without_a_video_are_refused(tmp_path, short, sources):
    with pytest.raises(SystemExit, match="none of 2 files can be read as a video of 64 pixels or more"):
        make_set(sources[:2], TINY[0], 0.1, tmp_path / "set")


def test_a_row_compares_the_stages_with_the_fastest_way_of_decoding():
    taken = dict(zip(WAYS, ([4.0, 4.0, 4.0], [5.0, 1.0, 5.0], [3.0, 2.0, 2.0]), strict=True))
    taken |= dict(zip(STAGES, ([3.0, 3.0, 3.0], [2.0, 4.0, 4.0], [6.0, 6.0, 6.0]), strict=True))
    found = row("480p", 60.0, taken, naive=2.5)
    assert found == f"| 480p | 30.0 ({WAYS[2]}) | 1.50 | 2.00 | 3.00 | 2.50 | 4 |"


def test_the_table_has_a_row_of_each_kind_and_one_of_all(tmp_path, short, sources, small_encoder, monkeypatch, capsys):
    monkeypatch.setattr(indexing_set, "KINDS", TINY)
    monkeypatch.setattr(indexing_stages, "CORES", 1)
    monkeypatch.setattr(indexing_stages, "naive_rate", lambda file, checkpoint: 2.0)
    options = ["--minutes", "0.1", "--rounds", "1", "--encoder", str(small_encoder), "--out", str(tmp_path / "set")]
    monkeypatch.setattr(sys, "argv", ["indexing", str(sources[0].parent), *options])
    indexing.main()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [each[0] for each in rows] == ["480p H.264", "480p HEVC", "all"]
    assert all(float(cell) > 0 for each in rows for cell in each[2:])


def test_memory_is_measured_of_long_files_and_of_many_short_ones(tmp_path, short, sources, monkeypatch, capsys):
    monkeypatch.setattr(indexing_memory, "LONG", TINY[1])
    monkeypatch.setattr(indexing_memory, "SHORT", TINY[0])
    monkeypatch.setattr(indexing_memory, "indexed", lambda folder: (read(folder), 123.4))
    options = ["--minutes", "0.1", "0.2", "--short", "3", "--out", str(tmp_path / "set")]
    monkeypatch.setattr(sys, "argv", ["indexing_memory", str(sources[0].parent), *options])
    indexing_memory.main()
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| one of 0.1 minutes, 480p HEVC | 1 | 0 | 123 |",
        "| one of 0.2 minutes, 480p HEVC | 1 | 0 | 123 |",
        "| 3 of a second, 480p H.264 | 3 | 0 | 123 |",
    ]
    lengths = [probe(next((tmp_path / "set" / f"{length} minutes").iterdir())).duration for length in ("0.1", "0.2")]
    assert lengths == pytest.approx([6, 12], abs=0.05)
    assert len({file.read_bytes() for file in (tmp_path / "set" / "3 short").iterdir()}) == 3


def read(folder):
    """The report of an `index` that made one clip of each video."""
    lengths = [probe(file).duration for file in folder.iterdir()]
    return {"clips": len(lengths), "video_seconds": sum(lengths)}


def test_a_peak_of_memory_is_that_of_a_process_and_all_below_it():
    keep = "x = bytes(range(256)) * 400_000; print(flush=True); input()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {keep!r}])"
    with subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()  # the child has its 102 MB
        found = list(indexing_memory.family(process.pid))
        sizes = [indexing_memory.resident_mb(each) for each in found]
        process.communicate(b"\n")
    assert found[0] == process.pid
    assert len(found) == 2
    assert sizes[1] > 102 > sizes[0]
    assert indexing_memory.resident_mb(process.pid) == 0


def test_the_naive_way_embeds_and_indexes_clips_at_the_hop(tmp_path, short, sources, small_encoder, monkeypatch):
    (file,) = make_set(sources, TINY[0], 0.05, tmp_path / "set")
    seen = []
    embed = lambda encoder, clips: seen.append(clips.shape) or np.zeros((1, encoder.config.dim), np.float32)  # noqa: E731
    monkeypatch.setattr(indexing_stages, "embed_clips", embed)
    checkpoint = load_encoder(small_encoder)  # clips of 2 s every second
    assert indexing_stages.naive_rate(file, checkpoint) > 0
    assert seen == [(1, 16, 112, 112, 3)] * 2
