"""What judging some days would cost, before anything is paid. Draws the samples and throws them away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from anchorwatch.judge_client import cache_key
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring.cache import look_up
from anchorwatch.scoring.interactions import chosen_page
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.source_view import create_source_views
from evaluators import AnswerReview

CHARS_PER_TOKEN = 4.0
OUTPUT_TOKENS = 60.0
"""Rules of thumb, until judge_cache holds what the endpoint really counted."""
PAGE_ROWS = 1000
_RUN_ID = "estimate"


@dataclass(frozen=True, slots=True)
class DayEstimate:
    """What one day would take.

    Attributes:
        rows_chosen: Rows the judge would see.
        cached: Of these, rows answered already, or equal to another row.
        calls: Calls that would be paid; one answers quality and hallucination together.
        cost_usd: None without a price for the judge model in `prices`.
    """

    run_date: date
    rows_logged: int
    rows_chosen: int
    cached: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


def estimate(engine: sa.Engine, settings: Settings, days: Iterable[date]) -> list[DayEstimate]:
    """Return what judging these days would cost; nothing is asked and nothing is stored.

    Tokens are characters / 4, and 60 of output per call or the mean of what was counted so far.
    """
    with connect(engine) as connection:
        create_source_views(connection, settings)
        mean = connection.execute(sa.text("SELECT AVG(output_tokens) FROM judge_cache")).scalar_one()
    output_tokens = float(mean) if mean is not None else OUTPUT_TOKENS
    return [_day(engine, settings, day, output_tokens) for day in days]


def _day(engine: sa.Engine, settings: Settings, day: date, output_tokens: float) -> DayEstimate:
    review = AnswerReview(fence_key=settings.sampling.key)
    chars: dict[str, int] = {}
    with connect(engine) as connection:
        nested = connection.begin_nested()
        counts = draw_sample(connection, settings, _RUN_ID, day)
        after = 0
        while (
            page := chosen_page(connection, _RUN_ID, day, shard=0, shards=1, after=after, page_rows=PAGE_ROWS)
        ).interactions:
            for request in map(review.request, page.interactions):
                if request.n_chars <= settings.judge.max_input_chars:
                    chars[cache_key(settings.judge, request)] = request.n_chars
            after = page.last_rank
        nested.rollback()
    known = look_up(engine, list(chars))
    new = [n for key, n in chars.items() if key not in known]
    tokens_in, tokens_out = round(sum(new) / CHARS_PER_TOKEN), round(len(new) * output_tokens)
    price = settings.prices.get(settings.judge.model)
    cost = None
    if price is not None:
        paid_in, paid_out = (
            tokens_in * price.input_usd_per_million_tokens,
            tokens_out * price.output_usd_per_million_tokens,
        )
        cost = (paid_in + paid_out) / 1e6
    cached = counts.selected - len(new)
    return DayEstimate(day, counts.logged, counts.selected, cached, len(new), tokens_in, tokens_out, cost)
