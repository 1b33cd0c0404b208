import base64
import io
import sys

from app.accounts import Accounts


def test_an_account_is_printed_as_a_line_that_the_server_takes(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("s:cret\n"))
    code, out, err = run("account", "ann")
    assert (code, err) == (0, "")
    (tmp_path / "accounts").write_text(out)
    given = base64.b64encode(b"ann:s:cret").decode()
    assert Accounts.of([], tmp_path / "accounts").user(f"Basic {given}") == "ann"
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert run("account", "ann").sentence == "no password came in; type one, or pipe it in"
    assert "'a:b' can't be a name" in run("account", "a:b").usage


def test_a_file_of_accounts_that_can_not_be_read_is_one_sentence(run, tmp_path):
    assert "none: No such file" in run("serve", "--auth-file", tmp_path / "none").sentence
