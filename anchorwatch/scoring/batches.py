"""Batch mode: what the cache does not have goes to the Batch API, and its answers go into the cache.

Judging then goes on as in real time and finds them there, so both modes end in the same tables.
"""

import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from anchorwatch.judge_client import CHARS_PER_TOKEN, cache_key
from anchorwatch.judge_client.batch_api import BatchApi, BatchUnsupported, QueueFull
from anchorwatch.judge_client.batch_lines import batch_line
from anchorwatch.scoring import batch_ledger, batch_records
from anchorwatch.scoring.answers import look_up
from anchorwatch.scoring.batch_ledger import Line, Tries, Unasked
from anchorwatch.scoring.batch_records import Batch
from anchorwatch.scoring.batch_sizes import Room, next_room
from anchorwatch.scoring.batch_waits import drop
from anchorwatch.scoring.claims import BATCH_HOLDER, BATCH_LEASE_SECONDS, Claims, Wish
from anchorwatch.scoring.desk import FIRST_OUTPUT_TOKENS
from anchorwatch.scoring.endpoint_memory import remembered_form
from anchorwatch.scoring.interactions import Shard, chosen_page
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect

BLOCK_ROWS = 500
TOO_LONG = "input_too_long_for_batch"
CEILING_ROUNDS = 3
"""Batches that may meet a ceiling. Each costs less than was set aside for it, which leaves some money for the next,
but always less, and each may take a day."""


@dataclass(slots=True)
class Sending:
    """What a look at the shard's questions led to.

    Attributes:
        sent: Batches that were sent now.
        unasked: Questions that no batch will ask.
        holders: Who else is asking some of them.
        polls: Looks after which there is more to send; None: all is sent.
    """

    sent: int = 0
    unasked: Unasked = field(default_factory=Unasked)
    holders: set[str] = field(default_factory=set)
    polls: int | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    """A question as a line of a batch."""

    key: str
    request_id: str
    n_chars: int
    line: bytes


class BatchSender:
    """Sends one shard's open questions to one judge, in as many batches as the limits ask for."""

    def __init__(self, engine: sa.Engine, settings: Settings, api: BatchApi, part: Shard) -> None:
        self._engine, self._settings, self._api, self._part = engine, settings, api, part
        self._review = make_review(settings)
        self._price = settings.price_table.get(settings.judge.model)
        self._items = self._read()
        self._carry: deque[_Item] = deque()
        self._has_more = True
        self._ceiling: str | None = None
        self._met: list[str] = []
        self._room = Room()
        self._done = Sending()

    def send(self, *, was_refused: bool = False) -> Sending:
        """Send what nobody asks yet, as far as the endpoint has room for it.

        Args:
            was_refused: It has just had no room: only say when to try again.

        Raises:
            BatchUnsupported: The endpoint has no Batch API; nothing is claimed.
            BatchApiDown: It did not answer; what it may have got is found again by the next attempt.
        """
        model = self._settings.judge.model
        with connect(self._engine) as connection:
            self._room = next_room(batch_records.recent(connection, self._part, model))
            self._met = batch_records.ceilings(connection, self._part, model)
        if was_refused or not self._room.is_open:
            self._done.polls = self._room.polls
            return self._done
        with tempfile.TemporaryDirectory(prefix="anchorwatch-batch-") as folder:
            while self._has_more and self._send_one(Path(folder) / "questions.jsonl"):
                if self._room.most is not None and self._has_more:
                    self._done.polls = 1
                    break
        if any(not holder.startswith(BATCH_HOLDER) for holder in self._done.holders):
            self._done.polls = 1  # somebody asks them in real time, and will have the answers soon
        return self._done

    def _read(self) -> Iterator[_Item]:
        """Yield the shard's rows as lines, in the order of the keyed hash."""
        judge, after = self._settings.judge, 0
        form = remembered_form(self._engine, judge, self._api.endpoint)
        while True:
            with connect(self._engine) as connection:
                page = chosen_page(connection, self._part, after=after, page_rows=BLOCK_ROWS)
            if not page.interactions:
                return
            after = page.last_rank
            for row in page.interactions:
                request = self._review.request(row)
                if request.n_chars <= judge.max_input_chars:
                    key = cache_key(judge, request)
                    yield _Item(key, row.request_id, request.n_chars, batch_line(judge, key, request, form))

    def _send_one(self, path: Path) -> bool:
        """Fill one file and send it as a batch; tell whether it was sent."""
        with connect(self._engine) as connection:
            batch = batch_records.open_batch(connection, self._part, self._settings.judge.model)
        with path.open("wb") as file:
            count = self._fill(file, batch)
        if not count:
            with connect(self._engine) as connection:
                batch_records.discard(connection, batch)
            return self._has_more
        try:
            state = self._api.submit(path, batch.batch_key)
        except BatchUnsupported:
            drop(self._engine, self._settings, batch, "abandoned")
            raise
        except QueueFull as error:
            drop(self._engine, self._settings, batch, "over_limit", requests=count)
            print(f"a batch of {count} questions was refused: {error}", flush=True)
            self._done.polls = self._polls_after_refusal()
            return False
        with connect(self._engine) as connection:
            batch_records.note_sent(connection, batch, state.batch_id, count, self._ceiling)
        print(f"batch {state.batch_id}: {count} questions sent", flush=True)
        self._done.sent += 1
        return True

    def _polls_after_refusal(self) -> int:
        """Return how many looks to let pass before the next try."""
        with connect(self._engine) as connection:
            return next_room(batch_records.recent(connection, self._part, self._settings.judge.model)).polls

    def _fill(self, file: IO[bytes], batch: Batch) -> int:
        """Write questions until the file is full or there are none; return how many."""
        part, limit = self._part, self._settings.judge.batch.max_requests_per_file
        claims = Claims(self._settings.judge, batch.holder, part.run_id, part.run_date, BATCH_LEASE_SECONDS)
        most, count = min(limit, self._room.most or limit), 0
        while count < most and (block := self._block(file.tell())):
            for item in self._claim(claims, batch, block, most - count):
                file.write(item.line)
                count += 1
        return count

    def _block(self, size: int) -> list[_Item]:
        """Return the next questions that certainly fit into the file."""
        longest = self._settings.judge.batch.max_bytes_per_file
        room, block = longest - size, list[_Item]()
        while self._has_more and len(block) < BLOCK_ROWS:
            item = self._carry.popleft() if self._carry else next(self._items, None)
            if item is None:
                self._has_more = False
            elif len(item.line) > longest:
                self._done.unasked.reasons[item.key] = TOO_LONG
            elif len(item.line) > room:
                self._carry.appendleft(item)
                break
            else:
                room -= len(item.line)
                block.append(item)
        return block

    def _claim(self, claims: Claims, batch: Batch, block: list[_Item], most: int) -> list[_Item]:
        """Claim the first questions that are ours to ask, and note them as the batch's."""
        items = {item.key: item for item in reversed(block)}
        with connect(self._engine) as connection:
            known = look_up(connection, items)
            tries = batch_ledger.tries(connection, self._part.run_id, self._part.run_date, items.keys() - known)
            unknown = [item for key, item in reversed(items.items()) if key not in known]
            open_ = [item for item in unknown if self._may_be_asked(item, tries.get(item.key))]
            self._put_back(open_[most:])
            taken = claims.take(connection, [self._wish(item) for item in open_[:most]])
            late = look_up(connection, taken.granted)
            claims.release(connection, list(late))
            ours = [item for item in open_[:most] if item.key in taken.granted and item.key not in late]
            batch_ledger.add_lines(connection, batch, [Line(item.key, item.request_id, item.n_chars) for item in ours])
        self._done.holders |= set(taken.held.values())
        if taken.refused:
            self._ceiling = next(iter(taken.refused.values()))
            self._done.unasked.otherwise = f"over_budget: {self._ceiling}"
            self._has_more = False
        return ours

    def _put_back(self, items: list[_Item]) -> None:
        self._carry.extendleft(reversed(items))
        self._has_more = self._has_more or bool(items)

    def _may_be_asked(self, item: _Item, tries: Tries | None) -> bool:
        """Tell whether a question goes into another batch, and note why not."""
        if tries is not None and tries.are_spent(self._settings.judge.reasks):
            self._done.unasked.reasons[item.key] = tries.outcome
            return False
        if tries is None and len(self._met) >= CEILING_ROUNDS:
            self._done.unasked.reasons[item.key] = f"over_budget: {self._met[-1]}"
            return False
        return True

    def _wish(self, item: _Item) -> Wish:
        usd = 0.0
        if self._price is not None:
            output = self._settings.judge.max_output_tokens or FIRST_OUTPUT_TOKENS
            usd = self._price.usd(item.n_chars / CHARS_PER_TOKEN, output, is_batch=True)
        return Wish(item.key, item.request_id, usd)
