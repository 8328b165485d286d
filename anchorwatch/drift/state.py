"""What a night hands to the next one: a small record per stream."""

from dataclasses import dataclass, fields

import numpy as np

from anchorwatch.drift.evidence import NOTHING, SHIFTS
from anchorwatch.drift.noise import WEEK, Noise
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import Reference
from anchorwatch.drift.streams import Bools, Floats, Ints

NEVER = -1_000_000
"""Column of a day that there is not; days before the panel have negative columns too."""

QUIET, DASHBOARD, SLACK, PAGE = -1, 0, 1, 2
SEVERITIES = ("dashboard", "slack", "page")


@dataclass(slots=True)
class State:
    """One entry a stream; days are columns of the panel, NEVER where there is none.

    Attributes:
        log_r: Streams x alternatives: the detector's running evidence.
        firing: Whether an alarm is open.
        severity: Worst severity of the open alarm, an index into SEVERITIES; QUIET without one.
        since: Day the alarm opened.
        first_day: Estimated first day of its change.
        worse_since: First day of its last worsening, if it became much worse.
        told: The change that people were told of last, on the stream's scale.
        log_level: Streams x alternatives: log weight of each level that an open alarm may have; see recovery.
        log_more: As log_r, of a further change on top of an open alarm's.
        recovery: Evidence (log) that the stream is back, while firing.
        muted_until: Last day on which no new alarm opens.
        normal_from: First day of a new normal that a person acknowledged.
        excluded: Streams x days that no baseline may hold: those of incidents.
        frozen: Whether the baseline stays as it was; held while evidence grows and while firing.
        reference: The frozen baselines.
        noise: Their noise models.
    """

    log_r: Floats
    firing: Bools
    severity: Ints
    since: Ints
    first_day: Ints
    worse_since: Ints
    told: Floats
    log_level: Floats
    log_more: Floats
    recovery: Floats
    muted_until: Ints
    normal_from: Ints
    excluded: Bools
    frozen: Bools
    reference: Reference
    noise: Noise

    def close(self, which: Bools, today: int) -> None:
        """Close alarms: evidence starts anew, and their days stay out of the baseline."""
        for stream in np.flatnonzero(which):
            self.excluded[stream, max(self.first_day[stream], 0) : today] = True
        self.log_r[which] = NOTHING
        self.firing[which] = self.frozen[which] = False
        self.severity[which] = QUIET
        self.since[which] = self.first_day[which] = self.worse_since[which] = NEVER
        self.told[which] = self.recovery[which] = self.log_level[which] = 0.0
        self.log_more[which] = NOTHING

    def forget(self, which: Bools) -> None:
        """Begin anew with streams that the night does not speak of: nothing of them is stored."""
        self.close(which, 0)
        self.muted_until[which] = self.normal_from[which] = NEVER
        self.excluded[which] = False
        self.reference.n_days[which] = 0

    def accept_as_normal(self, which: Bools) -> None:
        """Close alarms whose change is here to stay: the baseline begins on its first day."""
        self.normal_from[which] = self.first_day[which]
        self.reference.n_days[which] = 0
        self.close(which, 0)


def fresh_state(panel: Panel) -> State:
    """Return the state before the first night."""
    streams, cells, parts = len(panel.streams), len(panel.cell_stream), len(panel.part_stream)

    def floats(n: int) -> Floats:
        return np.zeros(n)

    def days() -> Ints:
        return np.full(streams, NEVER, dtype=np.int64)

    return State(
        log_r=np.full((streams, len(SHIFTS)), NOTHING),
        firing=np.zeros(streams, bool),
        severity=np.full(streams, QUIET, dtype=np.int64),
        since=days(),
        first_day=days(),
        worse_since=days(),
        told=floats(streams),
        log_level=np.zeros((streams, len(SHIFTS))),
        log_more=np.full((streams, len(SHIFTS)), NOTHING),
        recovery=floats(streams),
        muted_until=days(),
        normal_from=days(),
        excluded=np.zeros((streams, panel.days), bool),
        frozen=np.zeros(streams, bool),
        reference=Reference(
            share=floats(cells),
            mean=floats(cells),
            dispersion=floats(cells),
            mix_share=floats(parts),
            mix_below=floats(parts),
            mix_middle=floats(streams),
            mix_spread=floats(streams),
            level=floats(streams),
            n_days=np.zeros(streams, np.int64),
            rows=floats(streams),
            first=days(),
            last=days(),
            reason=np.zeros(streams, np.int64),
        ),
        noise=Noise(np.zeros((streams, WEEK)), *(floats(streams) for _ in fields(Noise)[1:])),
    )
