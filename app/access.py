"""Who may reach the server, and how it is called."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.accounts import Accounts

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Access:
    """Who is let in, and under which names."""

    accounts: Accounts | None = None  # None: nobody has to log in
    names: tuple[str, ...] = ()  # of the server, beside its addresses and localhost


EVERYBODY = Access()


def access_at(
    host: str,
    auth: Sequence[str] = (),
    auth_file: Path | None = None,
    names: Sequence[str] = (),
    unprotected: bool = False,
) -> Access:
    """What a server that listens on `host` lets in.

    Args:
        host: the address.
        auth: accounts as USER:PASSWORD.
        auth_file: accounts as lines of NAME:HASH.
        names: by which visitors may call the server, beside its addresses and this machine's own name.
        unprotected: whether an address that others can reach may do without accounts.

    Raises:
        ValueError: an account is none, or others could reach the server and nobody would have to log in.
        AccountsError: the file can't be used.
    """
    if not all(all(pair.partition(":")) for pair in auth):
        raise ValueError("--auth takes USER:PASSWORD")
    here = host in LOOPBACK
    if not (here or auth or auth_file or unprotected):
        raise ValueError(
            f"--host {host} can be reached by others, so it needs --auth USER:PASSWORD or --auth-file FILE; "
            "--unprotected lets everybody in"
        )
    own = () if here else (host, socket.gethostname())
    return Access(Accounts.of(auth, auth_file), tuple(name.lower() for name in (*own, *names)))
