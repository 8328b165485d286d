"""Batch mode: what the cache does not have goes to the Batch API, and its answers go into the cache.

Judging then goes on as in real time, finds them there, and asks what did not come back. So both modes end in
the same tables.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from anchorwatch.judge_client import CHARS_PER_TOKEN, cache_key
from anchorwatch.judge_client.batch_api import BatchApi, BatchUnsupported, batch_line
from anchorwatch.scoring import batch_records
from anchorwatch.scoring.answers import look_up
from anchorwatch.scoring.batch_answers import store_answers
from anchorwatch.scoring.batch_records import Batch
from anchorwatch.scoring.claims import BATCH_LEASE_SECONDS, Claims, Wish
from anchorwatch.scoring.desk import FIRST_OUTPUT_TOKENS
from anchorwatch.scoring.interactions import Shard, chosen_page
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect

BLOCK_ROWS = 500


@dataclass(frozen=True, slots=True)
class _Item:
    """A question as a line of a batch."""

    key: str
    request_id: str
    n_chars: int
    line: bytes


class BatchSender:
    """Sends one shard's open questions, in as many batches as the limits ask for."""

    def __init__(self, engine: sa.Engine, settings: Settings, api: BatchApi, part: Shard) -> None:
        self._engine, self._settings, self._api, self._part = engine, settings, api, part
        self._review = make_review(settings)
        self._price = settings.price_table.get(settings.judge.model)
        self._items = self._read()
        self._carry: _Item | None = None
        self._has_more = True
        self._held: set[str] = set()

    def send(self) -> list[Batch]:
        """Send what nobody asks yet; return the batches to wait for, those of an earlier attempt or run too.

        Raises:
            BatchUnsupported: The endpoint has no Batch API; nothing is claimed.
            TransientError: It did not answer; what it may have got is found again by the next attempt.
        """
        self._adopt_or_abandon()
        self._store_ended()
        with tempfile.TemporaryDirectory(prefix="anchorwatch-batch-") as folder:
            while self._has_more:
                self._send_one(Path(folder) / "questions.jsonl")
        with connect(self._engine) as connection:
            return batch_records.pending(connection, self._part, self._held)

    def _adopt_or_abandon(self) -> None:
        """Find out what became of batches that an attempt was killed over."""
        with connect(self._engine) as connection:
            lost = batch_records.unsent(connection, self._part)
        for batch in lost:
            found = self._api.find(batch.batch_key)
            if found is None:
                self._abandon(batch)
                continue
            with connect(self._engine) as connection:
                batch_records.note_sent(connection, batch, found.batch_id, found.total)

    def _store_ended(self) -> None:
        """Store what an earlier attempt's batches answered: only what they did not is sent again."""
        with connect(self._engine) as connection:
            mine = batch_records.pending(connection, self._part, [])
        for batch in mine:
            state = self._api.state(str(batch.batch_id))
            if state.has_ended:
                store_answers(self._engine, self._settings, self._api, batch, state)

    def _abandon(self, batch: Batch) -> None:
        with connect(self._engine) as connection:
            self._claims(batch).release_all(connection)
            batch_records.note_ended(connection, batch, "abandoned", None, 0)

    def _claims(self, batch: Batch) -> Claims:
        part = self._part
        return Claims(self._settings.judge, batch.holder, part.run_id, part.run_date, BATCH_LEASE_SECONDS)

    def _read(self) -> Iterator[_Item]:
        """Yield the shard's rows as lines, in the order of the keyed hash."""
        judge, after = self._settings.judge, 0
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
                    yield _Item(key, row.request_id, request.n_chars, batch_line(judge, key, request))

    def _send_one(self, path: Path) -> None:
        """Fill one file and send it as a batch."""
        with connect(self._engine) as connection:
            batch = batch_records.open_batch(connection, self._part, self._settings.judge.model)
        with path.open("wb") as file:
            count = self._fill(file, self._claims(batch))
        if not count:
            self._abandon(batch)
            return
        try:
            state = self._api.submit(path, batch.batch_key)
        except BatchUnsupported:
            self._abandon(batch)
            raise
        with connect(self._engine) as connection:
            batch_records.note_sent(connection, batch, state.batch_id, count)
        print(f"batch {state.batch_id}: {count} questions sent", flush=True)

    def _fill(self, file: IO[bytes], claims: Claims) -> int:
        """Write questions until the file is full or there are none; return how many."""
        count = 0
        while block := self._block(count, file.tell()):
            for item in self._claim(claims, block):
                file.write(item.line)
                count += 1
            if not self._has_more:
                break
        return count

    def _block(self, count: int, size: int) -> list[_Item]:
        """Return the next questions that certainly fit into the file."""
        limits = self._settings.judge.batch
        room, block = limits.max_bytes_per_file - size, list[_Item]()
        while len(block) < min(BLOCK_ROWS, limits.max_requests_per_file - count):
            item, self._carry = self._carry or next(self._items, None), None
            if item is None:
                self._has_more = False
                break
            if len(item.line) > room:
                if len(item.line) > limits.max_bytes_per_file:
                    continue  # too long for any batch: asked in real time
                self._carry = item
                break
            room -= len(item.line)
            block.append(item)
        return block

    def _claim(self, claims: Claims, block: list[_Item]) -> list[_Item]:
        """Return the questions that are ours to ask."""
        items = {item.key: item for item in reversed(block)}
        with connect(self._engine) as connection:
            known = look_up(connection, items)
            wishes = [self._wish(item) for item in reversed(items.values()) if item.key not in known]
            taken = claims.take(connection, wishes)
            late = look_up(connection, taken.granted)
            claims.release(connection, list(late))
        self._held |= set(taken.held.values())
        if taken.refused:
            self._has_more = False
        return [items[wish.key] for wish in wishes if wish.key in taken.granted and wish.key not in late]

    def _wish(self, item: _Item) -> Wish:
        usd = 0.0
        if self._price is not None:
            output = self._settings.judge.max_output_tokens or FIRST_OUTPUT_TOKENS
            usd = self._price.usd(item.n_chars / CHARS_PER_TOKEN, output, is_batch=True)
        return Wish(item.key, item.request_id, usd)
