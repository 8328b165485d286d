"""How fast to ask: the configured limits, and what the endpoint says while it is asked."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Mapping

from aiolimiter import AsyncLimiter

WINDOW_SECONDS = 1.0
CROWDED = 0.2
"""Share of 429s in a window from which on fewer calls are kept in flight; some 429s are nobody's fault."""
LONGEST_PAUSE_SECONDS = 60.0
BURST_SECONDS = 5.0
"""A limit per minute is enforced over this many seconds, so that no minute begins with all of its calls."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Pace:
    """Calls in flight and calls per minute; one for each process that asks."""

    def __init__(
        self,
        concurrency: int,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = concurrency
        self._clock = clock
        self._requests = _limiter(requests_per_minute)
        self._tokens = _limiter(tokens_per_minute)
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._paused_until = 0.0
        self._window_ends = 0.0
        self._answers = self._crowded = 0
        self.limit = float(concurrency)

    async def begin(self, tokens: int) -> None:
        """Wait until another call may be made; `tokens` is what it will probably take."""
        if self._in_flight >= int(self.limit) or self._waiting:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        else:
            self._in_flight += 1
        while (pause := self._paused_until - self._clock()) > 0:
            await asyncio.sleep(pause)
        if self._requests is not None:
            await self._requests.acquire()
        if self._tokens is not None:
            await _acquire(self._tokens, tokens)

    def end(self) -> None:
        """Give the place of a call back."""
        self._in_flight -= 1
        while self._waiting and self._in_flight < int(self.limit):
            place = self._waiting.popleft()
            if not place.cancelled():
                self._in_flight += 1
                place.set_result(None)

    def saw(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer, retried ones too: fewer calls while many are refused, then slowly more."""
        now = self._clock()
        self._answers += 1
        if status == 429:
            self._crowded += 1
            if self._is_crowded():
                self._pause(now, retry_after(headers))
        else:
            for kind in ("requests", "tokens"):
                if headers.get(f"x-ratelimit-remaining-{kind}") == "0":
                    self._pause(now, seconds_of(headers.get(f"x-ratelimit-reset-{kind}")))
        if now >= self._window_ends:
            self._adjust()
            self._answers = self._crowded = 0
            self._window_ends = now + WINDOW_SECONDS

    def _is_crowded(self) -> bool:
        return self._crowded >= 3 and self._crowded > CROWDED * self._answers

    def _pause(self, now: float, seconds: float | None) -> None:
        if seconds is not None:
            self._paused_until = max(self._paused_until, now + min(seconds, LONGEST_PAUSE_SECONDS))

    def _adjust(self) -> None:
        if self._is_crowded():
            self.limit = max(1.0, self.limit * 0.7)
        elif not self._crowded or self._crowded <= CROWDED * self._answers:
            self.limit = min(float(self._most), self.limit + max(1.0, self._most / 16))


def _limiter(per_minute: float | None) -> AsyncLimiter | None:
    if per_minute is None:
        return None
    in_burst = per_minute * BURST_SECONDS / 60
    return AsyncLimiter(in_burst, BURST_SECONDS) if in_burst >= 1 else AsyncLimiter(1, 60 / per_minute)


async def _acquire(limiter: AsyncLimiter, amount: float) -> None:
    """Take more than fits into the bucket at once, if need be."""
    while amount > 0:
        part = min(amount, limiter.max_rate)
        await limiter.acquire(part)
        amount -= part


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait, if it names any."""
    milliseconds = seconds_of(headers.get("retry-after-ms"))
    return milliseconds / 1000 if milliseconds is not None else seconds_of(headers.get("retry-after"))


def seconds_of(text: str | None) -> float | None:
    """Read a header's `12`, `0.5`, `1s`, `6m0s` or `20ms`."""
    if not text:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        parts = _DURATION.findall(text)
        return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else None
