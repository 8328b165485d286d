"""Runs the simulated days and writes the log, the drifts as stated, and the truth about all requests."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from anchorwatch.simulator import world
from anchorwatch.simulator.day import simulate_day
from anchorwatch.simulator.events import DriftEvent
from anchorwatch.simulator.texts import make_texts

_HIDDEN = ["outcome", "is_logged", "day_index"]


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What to simulate.

    Attributes:
        end: Last simulated day.
        requests_per_day: Mean number of requests, before logging.
    """

    end: date
    days: int = 35
    requests_per_day: int = 20_000
    seed: int = 7
    events: list[DriftEvent] = field(default_factory=list)

    @property
    def start(self) -> date:
        """First simulated day."""
        return self.end - timedelta(days=self.days - 1)


@dataclass(frozen=True, slots=True)
class SimulatedFiles:
    """What was written: the log, the stated events, the true daily rates, and how many rows were logged."""

    log: Path
    events: Path
    truth: Path
    n_requests: int
    n_logged: int


def simulate(plan: SimulationPlan, out: Path, progress: Callable[[int], None] = lambda day: None) -> SimulatedFiles:
    """Write `out` (Parquet), and beside it `<name>_events.json` and `<name>_truth.csv`.

    The truth holds, per day, the rates over all requests, logged or not; the system never reads it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    out.parent.mkdir(parents=True, exist_ok=True)
    events_path = out.with_name(f"{out.stem}_events.json")
    truth_path = out.with_name(f"{out.stem}_truth.csv")
    stated = [event.truth(plan.start, plan.days) for event in plan.events]
    events_path.write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")
    truth: list[dict[str, object]] = []
    n_requests = n_logged = 0
    writer = None
    for index, frame in enumerate(_days(plan)):
        truth.append(_truth(frame, plan.start + timedelta(days=index)))
        logged = _with_texts(frame[frame["is_logged"]].copy(), plan.seed, index)
        table = pa.Table.from_pandas(logged.drop(columns=_HIDDEN), preserve_index=False)
        writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
        writer.write_table(table.cast(writer.schema))
        n_requests, n_logged = n_requests + len(frame), n_logged + len(logged)
        progress(index + 1)
    if writer is not None:
        writer.close()
    pd.DataFrame(truth).to_csv(truth_path, index=False)
    return SimulatedFiles(out, events_path, truth_path, n_requests, n_logged)


def _days(plan: SimulationPlan) -> Iterator[pd.DataFrame]:
    rng = np.random.default_rng([plan.seed, 10**6])
    noise = 0.0
    for index in range(plan.days):
        persistence = world.NOISE_PERSISTENCE
        noise = persistence * noise + np.sqrt(1 - persistence**2) * rng.standard_normal()
        started = [event for event in plan.events if index >= event.start_index(plan.days)]
        day = plan.start + timedelta(days=index)
        yield simulate_day(plan.seed, day, index, plan.requests_per_day, started, noise)


def _with_texts(frame: pd.DataFrame, seed: int, index: int) -> pd.DataFrame:
    rng = np.random.default_rng([seed, index, 1])
    texts = [
        make_texts(rng, kind, outcome) for kind, outcome in zip(frame["query_type"], frame["outcome"], strict=True)
    ]
    frame["prompt"] = [text.prompt for text in texts]
    frame["context"] = [text.context for text in texts]
    frame["response"] = pd.Series([text.response or None for text in texts], index=frame.index, dtype=object)
    frame["ground_truth"] = pd.Series([text.ground_truth for text in texts], index=frame.index, dtype=object)
    return frame


def _truth(frame: pd.DataFrame, day: date) -> dict[str, object]:
    answered = frame[frame["outcome"] != "none"]
    return {
        "run_date": day.isoformat(),
        "n_requests": len(frame),
        "error_rate": (frame["outcome"] == "none").mean(),
        "made_up_rate": (answered["outcome"] == "made_up").mean(),
        "poor_rate": (answered["outcome"] == "poor").mean(),
        "refusal_rate": (answered["outcome"] == "refused").mean(),
        "flag_rate": frame["is_flagged"].mean(),
        "cost_per_request": frame["cost_usd"].mean(),
        "output_tokens": frame["output_tokens"].mean(),
        "latency_p50": frame["latency_ms"].quantile(0.5),
        "latency_p95": frame["latency_ms"].quantile(0.95),
    }
