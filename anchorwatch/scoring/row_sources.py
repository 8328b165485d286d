"""Where the rows come from that a judge is asked about."""

from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from anchorwatch.scoring.anchors import Anchor
from anchorwatch.scoring.interactions import Page, Shard, chosen_page

_ANSWERED = sa.text(
    "SELECT DISTINCT request_id FROM work_opinions WHERE run_id = :run_id AND run_date = :run_date AND role = 'anchor'"
)


class RowSource(Protocol):
    """Rows to judge, page by page.

    Attributes:
        occasion: Part of every question's identity: empty where an answer counts for good.
    """

    @property
    def part(self) -> Shard:
        """The part of the day they belong to."""
        ...

    @property
    def occasion(self) -> str:
        """See above."""
        ...

    def page(self, connection: sa.Connection, *, after: int, page_rows: int, only_open: bool) -> Page:
        """Return the rows after a rank; an empty page is the end."""
        ...


@dataclass(frozen=True, slots=True)
class SampledRows:
    """The rows of a shard for one judge of the panel."""

    part: Shard
    role: str
    evaluator: str
    occasion: str = ""

    def page(self, connection: sa.Connection, *, after: int, page_rows: int, only_open: bool) -> Page:
        """See `RowSource`."""
        return chosen_page(
            connection,
            self.part,
            after=after,
            page_rows=page_rows,
            role=self.role,
            evaluator=self.evaluator,
            only_open=only_open,
        )


@dataclass(frozen=True, slots=True)
class AnchorRows:
    """The anchors, asked about anew for every day, and once for it."""

    part: Shard
    anchors: tuple[Anchor, ...]

    @property
    def occasion(self) -> str:
        """The day whose judging they go with."""
        return f"anchor {self.part.run_date}"

    def page(self, connection: sa.Connection, *, after: int, page_rows: int, only_open: bool) -> Page:
        """See `RowSource`; all anchors are one page."""
        if after:
            return Page([], after)
        known: set[str] = set()
        if only_open:
            arguments = {"run_id": self.part.run_id, "run_date": self.part.run_date}
            known = set(connection.execute(_ANSWERED, arguments).scalars())
        return Page([anchor.interaction for anchor in self.anchors if anchor.interaction.request_id not in known], 1)
