"""What judging some days would cost, before anything is paid. Draws the samples and throws them away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from anchorwatch.judge_client import CHARS_PER_TOKEN, cache_key
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring.answers import look_up
from anchorwatch.scoring.interactions import Shard, chosen_page
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings
from anchorwatch.steps.batch_mode import wants_batch
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.source_view import create_source_views

OUTPUT_TOKENS = 60.0
"""Of a reply, until judge_cache holds what the endpoint really counted."""
_RUN_ID = "estimate"


@dataclass(frozen=True, slots=True)
class DayEstimate:
    """What one day would take.

    Attributes:
        rows_chosen: Rows the judge would see.
        cached: Of these, rows answered already, or equal to another row.
        calls: Calls that would be paid; one answers quality and hallucination together.
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

    Tokens are characters / 4, and 60 of output per call or the mean of what was counted so far.
    """
    with connect(engine) as connection:
        create_source_views(connection, settings)
        mean = connection.execute(sa.text("SELECT AVG(output_tokens) FROM judge_cache")).scalar_one()
    output_tokens = float(mean) if mean is not None else OUTPUT_TOKENS
    return [_day(engine, settings, day, output_tokens, today) for day in days]


def _day(engine: sa.Engine, settings: Settings, day: date, output_tokens: float, today: date) -> DayEstimate:
    review = make_review(settings)
    chars: dict[str, int] = {}
    with connect(engine) as connection:
        nested = connection.begin_nested()
        counts = draw_sample(connection, settings, _RUN_ID, day)
        after = 0
        while (page := chosen_page(connection, Shard(_RUN_ID, day), after=after)).interactions:
            for request in map(review.request, page.interactions):
                if request.n_chars <= settings.judge.max_input_chars:
                    chars[cache_key(settings.judge, request)] = request.n_chars
            after = page.last_rank
        nested.rollback()
        known = look_up(connection, chars)
    new = [n for key, n in chars.items() if key not in known]
    tokens_in, tokens_out = round(sum(new) / CHARS_PER_TOKEN), round(len(new) * output_tokens)
    price, is_batch = settings.price_table.get(settings.judge.model), wants_batch(settings, day, today)
    cost = None if price is None else price.usd(tokens_in, tokens_out, is_batch=is_batch)
    names = [name for name, _ in review.evaluators]
    return DayEstimate(
        run_date=day,
        rows_logged=counts.logged,
        rows_chosen=counts.selected,
        cached=counts.selected - len(new),
        calls=len(new),
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        mode="batch" if is_batch else "realtime",
        cost_usd=cost,
        usd_by_evaluator={name: None if cost is None else cost / len(names) for name in names},
    )
