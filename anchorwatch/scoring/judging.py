"""The judge over one shard of the day's sample: cached answers first, the rest asked and paid once."""

import time
from collections.abc import Callable

import sqlalchemy as sa

from anchorwatch.errors import AnchorwatchError, TransientError
from anchorwatch.judge_client import JudgeEndpoint, OpenAIJudge, Pace, ask_all
from anchorwatch.scoring.claims import BATCH_HOLDER, LEASE_SECONDS, Claims, held_by
from anchorwatch.scoring.desk import JudgeTotals, ShardDesk
from anchorwatch.scoring.interactions import Shard
from anchorwatch.scoring.score_buffer import ScoreBuffer
from anchorwatch.settings import Settings
from anchorwatch.settings.model import JudgeSettings
from anchorwatch.warehouse import connect
from evaluators import AnswerReview

WAIT_SECONDS = 1.0


def answer_review(settings: Settings) -> AnswerReview:
    """Return the judge's evaluator as configured."""
    return AnswerReview(fence_key=settings.sampling.key, max_context_chars=settings.judge.max_context_chars)


def judge_shard(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    part: Shard,
    progress: Callable[[JudgeTotals], None] = lambda totals: None,
    *,
    tasks: int = 1,
) -> JudgeTotals:
    """Judge the rows of one shard and write their scores into the run's copy.

    Args:
        tasks: Tasks that ask at the same time and share the limits per minute.

    Raises:
        TransientError: The endpoint is dead, or a batch still has the answers; what came is in the cache.
        ConfigError: The endpoint refuses the key or the model.
    """
    review = answer_review(settings)
    # The same after a retry, which so takes over what its killed predecessor was asking.
    holder = f"{part.run_id} {part.run_date} {part.shard}"
    claims = Claims(settings.judge, holder, part.run_id, part.run_date, LEASE_SECONDS)
    buffer = ScoreBuffer(engine, settings, review, part)
    buffer.clear()
    desk = ShardDesk(engine, settings, review, part, claims, buffer, progress)
    only_open = False
    try:
        while True:
            desk.begin_pass(only_open=only_open)
            judge = OpenAIJudge(settings.judge, endpoint, pace(settings.judge, tasks))
            ask_all(judge, desk, concurrency=settings.judge.concurrency, reasks=settings.judge.reasks)
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
