"""Pages that wait because the judge itself is suspected."""

from datetime import date

import sqlalchemy as sa

from anchorwatch.settings.metrics import ANCHOR_AGREEMENT

HELD = "held_judge_suspected"
OVER = "held_recovered"
_FIRES = (
    "EXISTS (SELECT 1 FROM drift_findings AS f WHERE f.run_date = :run_date AND f.rule_id = a.rule_ids "
    "AND f.status = 'firing')"
)
_SUSPECTED = sa.text(
    "SELECT EXISTS (SELECT 1 FROM drift_findings "
    "WHERE run_date = :run_date AND metric = :metric AND status IN ('firing', 'no_data'))"
)
_RELEASE = sa.text(
    f"UPDATE alerts AS a SET status = 'pending', run_date = :run_date "  # noqa: S608 - our own text
    f"WHERE a.status = :held AND a.run_date < :run_date AND {_FIRES}"
)
_DROP = sa.text(
    f"UPDATE alerts AS a SET status = :over "  # noqa: S608
    f"WHERE a.status = :held AND a.run_date < :run_date AND NOT {_FIRES}"
)


def release(connection: sa.Connection, run_date: date) -> None:
    """Decide about held pages of earlier nights.

    Once the anchors are quiet again, a page whose rule still fires may be sent, as of tonight. A page whose rule
    does not fire any more is never sent.
    """
    arguments = {"run_date": run_date, "held": HELD}
    connection.execute(_DROP, arguments | {"over": OVER})
    if not connection.execute(_SUSPECTED, {"run_date": run_date, "metric": ANCHOR_AGREEMENT}).scalar_one():
        connection.execute(_RELEASE, arguments)
