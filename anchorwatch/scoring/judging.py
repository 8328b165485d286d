"""The judge over one shard of the day's sample: cached answers first, the rest asked and paid once."""

import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from anchorwatch.errors import AnchorwatchError, TransientError
from anchorwatch.judge_client import JudgeEndpoint, OpenAIJudge, Pace, ask_all
from anchorwatch.scoring.anchors import Anchor
from anchorwatch.scoring.batch_ledger import Unasked
from anchorwatch.scoring.claims import BATCH_HOLDER, LEASE_SECONDS, Claims, held_by
from anchorwatch.scoring.combining import combine_shard
from anchorwatch.scoring.desk import JudgeTotals, ShardDesk
from anchorwatch.scoring.endpoint_memory import remember, remembered_form
from anchorwatch.scoring.interactions import Shard
from anchorwatch.scoring.panel import ANCHOR, Seat, seats
from anchorwatch.scoring.recorded import read_recorded_shard
from anchorwatch.scoring.reviews import main_evaluator, make_review
from anchorwatch.scoring.row_sources import AnchorRows, RowSource, SampledRows
from anchorwatch.scoring.score_buffer import ScoreBuffer
from anchorwatch.settings import Settings
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.warehouse import connect, query
from evaluators import Review

WAIT_SECONDS = 1.0


def judge_shard(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    part: Shard,
    progress: Callable[[JudgeTotals], None] = lambda totals: None,
    *,
    tasks: int = 1,
    unasked: Mapping[str, Unasked] | None = None,
) -> JudgeTotals:
    """Have every judge of the panel judge the rows of one shard, and write the scores into the run's copy.

    Args:
        tasks: Tasks that ask at the same time and share the limits per minute.
        unasked: By role, judges that batches have asked already: nothing is asked of them now, and what the cache
            does not have is unscored with the reason it gives.

    Raises:
        TransientError: The endpoint is dead, or a batch still has the answers; what came is in the cache.
        ConfigError: The endpoint refuses the key or the model.
    """
    if settings.judge.is_recorded:
        return read_recorded_shard(engine, settings, part, progress)
    review = make_review(settings)
    key = {"run_id": part.run_id, "run_date": part.run_date, "shard": part.shard, "shards": part.shards}
    with connect(engine) as connection:
        connection.execute(query("work_opinions", "clear_shard"), key)
    totals: JudgeTotals | None = None
    for seat in seats(settings):
        rows = SampledRows(part, seat.role, main_evaluator(review))
        buffer = ScoreBuffer(engine, settings, review, part, seat)
        shown = progress if totals is None else lambda so_far: None
        found = _ask(engine, review, endpoint, seat, rows, buffer, shown, tasks, (unasked or {}).get(seat.role))
        totals = found if totals is None else totals.with_more(found)
    combine_shard(engine, settings.judge, review, part)
    assert totals is not None
    return totals


def judge_anchors(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    part: Shard,
    anchors: tuple[Anchor, ...],
    *,
    tasks: int = 1,
) -> JudgeTotals:
    """Ask the first judge about the anchors, once for this day, whatever it said of them for others.

    Raises:
        TransientError, ConfigError: As `judge_shard`.
    """
    review = make_review(settings)
    statement = sa.text("DELETE FROM work_opinions WHERE run_id = :run_id AND run_date = :run_date AND role = :role")
    with connect(engine) as connection:
        connection.execute(statement, {"run_id": part.run_id, "run_date": part.run_date, "role": ANCHOR})
    expected = {anchor.interaction.request_id: anchor.expected for anchor in anchors}
    seat = Seat(ANCHOR, seats(settings)[0].settings)
    buffer = ScoreBuffer(engine, settings, review, part, seat, expected)
    return _ask(engine, review, endpoint, seat, AnchorRows(part, anchors), buffer, lambda so_far: None, tasks)


def _ask(
    engine: sa.Engine,
    review: Review,
    endpoint: JudgeEndpoint,
    seat: Seat,
    rows: RowSource,
    buffer: ScoreBuffer,
    progress: Callable[[JudgeTotals], None],
    tasks: int,
    unasked: Unasked | None = None,
) -> JudgeTotals:
    """Ask one judge about all rows of a source, those that others are asking about last."""
    judge, part = seat.settings.judge, rows.part
    # The same after a retry, which so takes over what its killed predecessor was asking.
    holder = f"{part.run_id} {part.run_date} {part.shard} {seat.role}"
    claims = Claims(judge, holder, part.run_id, part.run_date, LEASE_SECONDS)
    desk = ShardDesk(engine, seat.settings, review, rows, claims, buffer, progress, unasked)
    only_open = False
    try:
        while True:
            desk.begin_pass(only_open=only_open)
            if unasked is not None:
                desk.settle_all()
            else:
                client = OpenAIJudge(judge, endpoint, pace(judge, tasks), form=remembered_form(engine, judge, endpoint))
                ask_all(client, desk, concurrency=judge.concurrency, reasks=judge.reasks, has_answers=desk.has_answers)
                remember(engine, judge, client)
            desk.end_pass()
            if not desk.set_aside:
                return desk.totals
            _wait_for_others(engine, desk.set_aside)
            only_open = True
    finally:
        desk.close()
        _release(engine, claims)


def pace(settings: JudgeSettings, tasks: int = 1) -> Pace:
    """Return the limits of one of several tasks that ask at the same time."""
    requests, tokens = settings.requests_per_minute, settings.tokens_per_minute
    return Pace(
        settings.concurrency,
        requests_per_minute=requests / tasks if requests else None,
        tokens_per_minute=tokens / tasks if tokens else None,
    )


def _wait_for_others(engine: sa.Engine, keys: list[str]) -> None:
    """Wait until one of these questions is no longer being asked by somebody else.

    Raises:
        TransientError: All that is left is in a batch, which may take a day.
    """
    print(f"waiting for {len(keys)} answers that another task is asking for", flush=True)
    while True:
        with connect(engine) as connection:
            held = held_by(connection, keys)
        if len(held) < len(keys):
            return
        if all(holder.startswith(BATCH_HOLDER) for holder in held.values()):
            raise TransientError(
                f"{len(keys)} questions are in a batch that is not finished (see judge_batches): run the day again "
                "when it is, in judge.mode batch, or give them up with `anchorwatch batches cancel`"
            )
        time.sleep(WAIT_SECONDS)


def _release(engine: sa.Engine, claims: Claims) -> None:
    """Give back what was not asked after all; without a database the leases run out by themselves."""
    try:
        with connect(engine) as connection:
            claims.release_all(connection)
    except AnchorwatchError:
        pass
