import pytest


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["search", "x", "--start", "3", "--end", "2"], "--start 3 must be before --end 2"),
        (["search", "x", "--start", "3", "--end", "3"], "--start 3 must be before --end 3"),
        (["search", "x", "--end", "0"], "--start 0 must be before --end 0"),
        (["search", "x", "--start", "nan"], "--start"),
        (["search", "x", "--start", "inf"], "--start inf must be before"),
        (["search", "x", "--start", "-1"], "--start"),
        (["search", "x", "-k", "0"], "-k"),
        (["search", "x", "--offset", "-1"], "--offset"),
        (["search", "x@1-2", "--end", "3"], "x@1-2 names its part already"),
        (["search", "x", "--unlike", "y@2-1"], "--start 2 must be before --end 1"),
        (["search", "x", "--since", "May"], "'May' is no date; write YYYY-MM-DD"),
        (["search", "x", "--min-height", "9", "--max-height", "8"], "the least height must not be above"),
        (["search", "x", "--min-duration", "nan"], "--min-duration"),
        (["coverage", "x", "--picture", "x.gif"], "--picture x.gif must end in .png or .svg"),
        (["search"], "Missing argument"),
        (["index"], "Missing argument"),
        (["index", "x", "--workers", "0"], "--workers"),
        (["index", "x", "--nonsense"], "No such option: --nonsense"),
        (["evaluate", "x", "--workers", "many"], "--workers"),
        (["nonsense"], "No such command 'nonsense'"),
        (["serve", "--auth", "anna"], "--auth takes USER:PASSWORD"),
        (["serve", "--host", "0.0.0.0"], "needs --auth USER:PASSWORD"),
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_done(run, tmp_path, args, said):
    assert said in run(*args).usage
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("WORKERS", "many"), ("WORKERS", "0"), ("STALL_S", "-1"), ("STALL_S", "soon")]
)
def test_a_wrong_environment_variable_is_named(run, videos, monkeypatch, name, value):
    monkeypatch.setenv(f"REELSEEK_{name}", value)
    for args in (["index", videos], ["status", "--json"], ["evaluate", "x"]):
        assert f"REELSEEK_{name}: " in run(*args).usage
