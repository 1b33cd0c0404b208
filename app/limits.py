"""How much each visitor may ask of the server in a time."""

import math
import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.settings import Settings

SHARED = 10  # times as much for an address from which nobody logs in: several people may be behind it
_GUESSES = 20  # wrong passwords a minute
_MB = 1_000_000


class Limits:
    """Counts what visitors do; each method answers None, or the whole seconds after which to try again."""

    def __init__(self, settings: Settings) -> None:
        self.upload_bytes = settings.upload_mb * _MB
        self._settings = settings
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    def act(self, visitor: str, logged_in: bool) -> int | None:
        """Count something done: a search, an upload, a job started."""
        return self._hit(RateLimitItemPerMinute(self._settings.actions_per_minute * _share(logged_in)), visitor)

    def upload(self, visitor: str, logged_in: bool, size: int) -> int | None:
        """Count bytes sent."""
        most = self._settings.upload_mb_per_hour * _MB * _share(logged_in)
        return self._hit(RateLimitItemPerHour(most, namespace="BYTES"), visitor, size)

    def guess(self, address: str) -> int | None:
        """Count a wrong password."""
        return self._hit(RateLimitItemPerMinute(_GUESSES, namespace="GUESSES"), address)

    def guessing(self, address: str) -> int | None:
        """Whether too many wrong passwords came from an address; counts nothing."""
        item = RateLimitItemPerMinute(_GUESSES, namespace="GUESSES")
        return None if self._windows.test(item, address) else self._left_s(item, address)

    def _hit(self, item: RateLimitItem, who: str, cost: int = 1) -> int | None:
        return None if self._windows.hit(item, who, cost=cost) else self._left_s(item, who)

    def _left_s(self, item: RateLimitItem, who: str) -> int:
        return max(1, math.ceil(self._windows.get_window_stats(item, who).reset_time - time.time()))


def _share(logged_in: bool) -> int:
    return 1 if logged_in else SHARED
