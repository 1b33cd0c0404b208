"""Who may log in to the server, by name and password; passwords are kept as Argon2 hashes only."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Semaphore
from typing import Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from encoder.errors import WorldError, in_words

_AT_ONCE = 2  # hashes: each takes 64 MiB for a while
_REMEMBERED = 1000  # headers looked at, as keyed digests


class AccountsError(WorldError):
    """Accounts that can't be used, in one sentence."""


class Accounts:
    """Names with the hashes of their passwords."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """Take `hashed` passwords by name; see also `of`."""
        self._hashes = dict(hashes)
        self._nobody = hashed(secrets.token_hex())  # an unknown name takes as long as a known one
        self._key, self._seen = secrets.token_bytes(), dict[bytes, str | None]()
        self._turn = Semaphore(_AT_ONCE)

    @classmethod
    def of(cls, pairs: Sequence[str], file: Path | None = None) -> Self | None:
        """Accounts from `NAME:PASSWORD` texts and from a file of `NAME:HASH` lines; None where there are none.

        Raises:
            AccountsError: a pair or a line is none, the file can't be read, or a name is there twice.
        """
        accounts = [(*_split(pair, "--auth takes USER:PASSWORD"), False) for pair in pairs]
        accounts += [(*entry, True) for entry in _read(file)] if file else []
        hashes: dict[str, str] = {}
        for name, secret, is_hash in accounts:
            if name in hashes:
                raise AccountsError(f"account {name!r} is given twice; keep one")
            hashes[name] = secret if is_hash else hashed(secret)
        return cls(hashes) if hashes else None

    def remembered(self, authorization: str) -> tuple[bool, str | None]:
        """Whether an HTTP Basic header was looked at before, and whom it names if its password is right."""
        digest = self._digest(authorization)
        return digest in self._seen, self._seen.get(digest)

    def user(self, authorization: str) -> str | None:
        """Whom an HTTP Basic header names, if its password is right; takes a twentieth of a second."""
        name, password = _credentials(authorization)
        with self._turn:
            right = _matches(self._hashes.get(name, self._nobody), password)
        user = name if right and name in self._hashes else None
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[self._digest(authorization)] = user
        return user

    def _digest(self, authorization: str) -> bytes:
        return hmac.digest(self._key, authorization.encode(), sha256)


def hashed(password: str) -> str:
    """The Argon2id hash of a password, as text that holds its own salt and parameters."""
    return PasswordHasher().hash(password)


def _matches(hash_text: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(hash_text, password)
    except VerificationError:
        return False


def _credentials(authorization: str) -> tuple[str, str]:
    kind, _, given = authorization.partition(" ")
    try:
        plain = base64.b64decode(given, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        plain = ""
    name, _, password = plain.partition(":")
    return name, password


def _split(text: str, complaint: str) -> tuple[str, str]:
    name, _, secret = text.partition(":")
    if not name or not secret:
        raise AccountsError(complaint)
    return name, secret


def _read(file: Path) -> list[tuple[str, str]]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AccountsError(in_words(error, file) if isinstance(error, OSError) else f"{file} is no text") from error
    entries = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            wrong = f"{file}, line {number}: expected NAME:HASH as printed by: reelseek account NAME"
            name, secret = _split(line.strip(), wrong)
            try:
                PasswordHasher().check_needs_rehash(secret)
            except InvalidHashError as error:
                raise AccountsError(wrong) from error
            entries.append((name, secret))
    if not entries:
        raise AccountsError(f"{file} names no account; make one with: reelseek account NAME >> {file}")
    return entries
