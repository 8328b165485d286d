"""Who asks what, with which money: a claim keeps others from asking the same, and from spending the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

import sqlalchemy as sa

from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.warehouse import query

LEASE_SECONDS = 15.0
"""How long a claim outlives a killed worker; a living one renews it."""
BATCH_LEASE_SECONDS = 7 * 86400.0
"""A batch's claims end with the batch; this is for batches that nobody ever asks about again."""
BATCH_HOLDER = "batch:"
ROUNDING_USD = 1e-9

_RENEW = sa.text("UPDATE judge_claims SET lease_until = NOW() + :seconds * INTERVAL '1 second' WHERE holder = :holder")
_RELEASE = sa.text("DELETE FROM judge_claims WHERE holder = :holder AND cache_key = ANY(:keys)")
_RELEASE_ALL = sa.text("DELETE FROM judge_claims WHERE holder = :holder")
_HELD = sa.text("SELECT cache_key, holder FROM judge_claims WHERE cache_key = ANY(:keys) AND lease_until > NOW()")
_OPEN_SCOPE = sa.text("INSERT INTO judge_budget (scope, spent_usd) VALUES (:scope, 0) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True)
class Wish:
    """A question somebody would like to ask: for which request, and what it may cost."""

    key: str
    request_id: str
    usd: float


@dataclass(slots=True)
class Taken:
    """What became of wishes, by key.

    Attributes:
        granted: Ours to ask.
        refused: No money left for it now; the name of the ceiling.
        held: Somebody else is asking it; who.
    """

    granted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)


class Claims:
    """The claims of one holder, and the ceilings it spends under."""

    def __init__(self, settings: JudgeSettings, holder: str, run_id: str, run_date: date, lease_seconds: float) -> None:
        self.holder = holder
        self._lease_seconds = lease_seconds
        self._run_scope = f"run {run_date} {run_id}"
        # Within a transaction the scopes are locked in this order, by everybody.
        self._ceilings = [
            (name, ceiling)
            for name, ceiling in (
                ("judge.max_usd_per_month", settings.max_usd_per_month),
                ("judge.max_usd_per_run", settings.max_usd_per_run),
            )
            if ceiling is not None
        ]

    def take(self, connection: sa.Connection, wishes: Sequence[Wish]) -> Taken:
        """Claim what is free and can be paid for, in the order of the wishes."""
        if not wishes:
            return Taken()
        arguments = {
            "keys": [wish.key for wish in wishes],
            "request_ids": [wish.request_id for wish in wishes],
            "reserved": [Decimal(wish.usd) for wish in wishes],
            "holder": self.holder,
            "budget_scope": self._run_scope,
            "lease_seconds": self._lease_seconds,
        }
        granted = set(connection.execute(query("judge_claims", "take"), arguments).scalars())
        others = [wish.key for wish in wishes if wish.key not in granted]
        held = dict.fromkeys(others, "") | held_by(connection, others)
        refused = self._beyond_the_ceilings(connection, [wish for wish in wishes if wish.key in granted])
        self.release(connection, list(refused))
        return Taken(granted - refused.keys(), refused, held)

    def release(self, connection: sa.Connection, keys: Sequence[str]) -> None:
        """Give claims back."""
        if keys:
            connection.execute(_RELEASE, {"holder": self.holder, "keys": list(keys)})

    @property
    def scopes(self) -> list[str]:
        """Every scope of `judge_budget` that what is paid now counts in."""
        return [_month(), self._run_scope]

    def renew(self, connection: sa.Connection) -> None:
        """Keep the claims for another lease."""
        connection.execute(_RENEW, {"holder": self.holder, "seconds": self._lease_seconds})

    def release_all(self, connection: sa.Connection) -> None:
        """Give everything back."""
        connection.execute(_RELEASE_ALL, {"holder": self.holder})

    def _beyond_the_ceilings(self, connection: sa.Connection, granted: Sequence[Wish]) -> dict[str, str]:
        """Return the last of the claims just made that some ceiling has no room for, and which ceiling.

        Claims first, ceilings second: whoever stores an answer takes its locks in the same order.
        """
        refused: dict[str, str] = {}
        for name, ceiling in self._ceilings:
            monthly = name == "judge.max_usd_per_month"
            scope = _month() if monthly else self._run_scope
            connection.execute(_OPEN_SCOPE, {"scope": scope})
            connection.execute(query("judge_budget", "lock"), {"scope": scope})
            arguments = {"scope": scope, "every_run": monthly, "ceiling": Decimal(ceiling)}
            room = float(connection.execute(query("judge_budget", "available"), arguments).scalar_one())
            room += sum(wish.usd for wish in granted if wish.key in refused)
            for wish in reversed(granted):
                if room >= -ROUNDING_USD:
                    break
                if wish.key not in refused:
                    refused[wish.key] = name
                    room += wish.usd
        return refused


def held_by(connection: sa.Connection, keys: Sequence[str]) -> dict[str, str]:
    """Return who is asking these questions right now; a key that nobody asks is missing."""
    return {row.cache_key: row.holder for row in connection.execute(_HELD, {"keys": list(keys)})}


def _month() -> str:
    return f"month {datetime.now(UTC):%Y-%m}"
