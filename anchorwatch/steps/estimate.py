"""What judging some days would cost, before anything is paid. Draws the samples and throws them away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from anchorwatch.judge_client import CHARS_PER_TOKEN, cache_key
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring.answers import look_up
from anchorwatch.scoring.interactions import Shard, chosen_page
from anchorwatch.scoring.panel import STRONG, Seat, seats
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings
from anchorwatch.steps.batch_mode import wants_batch
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.source_view import create_source_views
from evaluators import JudgeRequest

OUTPUT_TOKENS = 150.0
"""Of a reply, until judge_cache holds what the endpoint really counted."""
ESCALATED = 0.2
"""Share of rows that a cascade's strong judge sees, until judge_opinions holds the real one."""
_ESCALATED = sa.text(
    "SELECT AVG(CASE WHEN escalation IS NOT NULL THEN 1.0 ELSE 0 END) FROM judge_opinions WHERE role = 'first' "
    "AND run_date > (SELECT MAX(run_date) FROM judge_opinions) - 14"
)
_RUN_ID = "estimate"


@dataclass(frozen=True, slots=True)
class DayEstimate:
    """What one day would take.

    Attributes:
        rows_chosen: Rows the judge would see.
        cached: Of these, rows answered already, or equal to another row.
        calls: Calls that would be paid; one answers all rubrics of a row.
        mode: How the day would be judged; batch mode costs half.
        cost_usd: None without a price for the judge model.
        usd_by_evaluator: The cost again; a call that scores several counts for each with an equal share.
    """

    run_date: date
    rows_logged: int
    rows_chosen: int
    cached: int
    calls: int
    input_tokens: int
    output_tokens: int
    mode: str
    cost_usd: float | None
    usd_by_evaluator: dict[str, float | None]


def estimate(engine: sa.Engine, settings: Settings, days: Iterable[date], today: date) -> list[DayEstimate]:
    """Return what judging these days would cost; nothing is asked and nothing is stored.

    Tokens are characters / 4, and of output the mean of what was counted so far, or 150 a call.
    """
    with connect(engine) as connection:
        create_source_views(connection, settings)
        mean = connection.execute(sa.text("SELECT AVG(output_tokens) FROM judge_cache")).scalar_one()
        seen = connection.execute(_ESCALATED).scalar_one()
    output_tokens = float(mean) if mean is not None else OUTPUT_TOKENS
    escalated = float(seen) if seen is not None else ESCALATED
    return [_day(engine, settings, day, output_tokens, escalated, today) for day in days]


def _day(
    engine: sa.Engine, settings: Settings, day: date, output_tokens: float, escalated: float, today: date
) -> DayEstimate:
    review = make_review(settings)
    requests: list[JudgeRequest] = []
    with connect(engine) as connection:
        nested = connection.begin_nested()
        counts = draw_sample(connection, settings, _RUN_ID, day)
        after = 0
        while (page := chosen_page(connection, Shard(_RUN_ID, day), after=after)).interactions:
            requests += [
                request
                for request in map(review.request, page.interactions)
                if request.n_chars <= settings.judge.max_input_chars
            ]
            after = page.last_rank
        nested.rollback()
        asked = [_seat(connection, seat, requests, output_tokens, escalated) for seat in seats(settings)]
    if settings.judge.is_recorded:
        asked = [_Asked(0, 0, 0)]
    is_batch = wants_batch(settings, day, today)
    panel = seats(settings)
    prices = [settings.price_table.get(seat.settings.judge.model) for seat in panel]
    cost: float | None = 0.0 if settings.judge.is_recorded else None
    if all(price is not None for price in prices):
        cost = sum(
            price.usd(one.input_tokens, one.output_tokens, is_batch=is_batch and seat.role != STRONG)
            for seat, price, one in zip(panel, prices, asked, strict=True)
            if price is not None
        )
    names = [name for name, _ in review.evaluators]
    return DayEstimate(
        run_date=day,
        rows_logged=counts.logged,
        rows_chosen=counts.selected,
        cached=counts.selected - asked[0].calls,
        calls=sum(one.calls for one in asked),
        input_tokens=sum(one.input_tokens for one in asked),
        output_tokens=sum(one.output_tokens for one in asked),
        mode="batch" if is_batch else "realtime",
        cost_usd=cost,
        usd_by_evaluator={name: None if cost is None else cost / len(names) for name in names},
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one judge of the panel would be asked."""

    calls: int
    input_tokens: int
    output_tokens: int


def _seat(
    connection: sa.Connection, seat: Seat, requests: list[JudgeRequest], output_tokens: float, escalated: float
) -> _Asked:
    chars = {cache_key(seat.settings.judge, request): request.n_chars for request in requests}
    known = look_up(connection, chars)
    new = [n for key, n in chars.items() if key not in known]
    share = escalated if seat.role == STRONG else 1.0
    calls = round(share * len(new))
    return _Asked(calls, round(share * sum(new) / CHARS_PER_TOKEN), round(calls * output_tokens))
