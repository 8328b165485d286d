"""Progress of long judging in a log: a line now and then, not one a row."""

import time

from anchorwatch.scoring.desk import JudgeTotals

SECONDS_BETWEEN_LINES = 30.0


class LoggedProgress:
    """Prints how far judging is, at most every 30 seconds."""

    def __init__(self, rows_expected: int | None = None) -> None:
        self._expected = f" of about {rows_expected}" if rows_expected else ""
        self._started = self._last = time.monotonic()

    def __call__(self, totals: JudgeTotals) -> None:
        """Take the totals so far."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = totals.rows / (now - self._started)
        print(
            f"judged {totals.rows}{self._expected} rows, {rate:.1f} rows/s, {totals.cached} from the cache, "
            f"{totals.unscored} unscored, {totals.cost_usd:.4f} USD",
            flush=True,
        )
