import json
import sqlite3
from contextlib import closing


def test_verify_prints_what_is_wrong_and_what_was_mended(run, filled):
    assert run("verify") == (0, "the library is sound\n", "")
    with closing(sqlite3.connect(filled / "catalog.sqlite")) as connection, connection:
        connection.execute("DELETE FROM clip WHERE video_id = 1")
    code, out, err = run("verify", "--json")
    result = json.loads(out)
    assert (code, result["ok"], len(result["problems"]), result["repaired"]) == (1, False, 2, [])
    assert err == f"library {filled} has 2 problems; mend it with: reelseek verify --repair\n"
    code, out, err = run("verify", "--repair")
    assert (code, err) == (0, "")
    assert out.startswith("repaired: ")
    assert out.endswith("the library is sound\n")
