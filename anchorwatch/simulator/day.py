"""One simulated day: outcomes of all its requests as arrays, before anything is logged."""

from datetime import date, datetime, time
from typing import Any

import numpy as np
import pandas as pd

from anchorwatch.simulator import world
from anchorwatch.simulator.events import DriftEvent

_SECONDS = 86_400


def simulate_day(
    seed: int, day: date, index: int, requests: int, events: list[DriftEvent], noise: float
) -> pd.DataFrame:
    """Return every request of a day, logged or not, with its true outcome.

    Args:
        index: Day of the simulation, from 0.
        requests: Mean number of requests a day.
        events: The drifts that have started.
        noise: The day's common disturbance, standard normal.
    """
    rng = np.random.default_rng([seed, index])
    volume = world.WEEKDAY_VOLUME[day.weekday()] * np.exp(world.VOLUME_NOISE * rng.standard_normal())
    n = max(1, int(rng.poisson(requests * volume)))
    frame = _who(rng, day, n)
    for event in events:
        for column, value in event.change.items():
            frame.loc[_affected(frame, event), column] = value
    _outcomes(rng, frame, events, noise)
    _measures(rng, frame, events, noise)
    _logging(rng, frame)
    midnight = np.datetime64(datetime.combine(day, time()), "us")
    frame["requested_at"] = midnight + (np.sort(_arrivals(rng, n)) * 1e6).astype("timedelta64[us]")
    frame["request_id"] = [f"sim-{seed}-{day:%Y%m%d}-{i:07d}" for i in range(n)]
    frame["day_index"] = index
    return frame


def _arrivals(rng: np.random.Generator, n: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds of the day: half even, half around 14:00 UTC."""
    even = rng.uniform(0, _SECONDS, n)
    busy = np.clip(rng.normal(14 * 3600, 3 * 3600, n), 0, _SECONDS - 1)
    return np.where(rng.random(n) < 0.5, even, busy)


def _choose(rng: np.random.Generator, shares: dict[str, float], n: int) -> Any:
    weights = np.array(list(shares.values()))
    return rng.choice(np.array(list(shares), dtype=object), size=n, p=weights / weights.sum())


def _who(rng: np.random.Generator, day: date, n: int) -> pd.DataFrame:
    weekend = day.weekday() >= 5
    kinds = {name: kind.share * (kind.weekend if weekend else 1) for name, kind in world.QUERY_TYPES.items()}
    frame = pd.DataFrame(
        {
            "app": _choose(rng, dict(world.APPS), n),
            "endpoint": _choose(rng, dict(world.ENDPOINTS), n),
            "query_type": _choose(rng, kinds, n),
            "user_segment": _choose(rng, dict(world.USER_SEGMENTS), n),
            "model": _choose(rng, {name: model.share for name, model in world.MODELS.items()}, n),
        }
    )
    frame["model_version"] = frame["model"].map({name: model.version for name, model in world.MODELS.items()})
    frame["prompt_version"] = world.PROMPT_VERSION
    frame["retriever_version"] = world.RETRIEVER_VERSION
    frame["user_id"] = [f"u{number}" for number in rng.integers(0, 50_000, n)]
    return frame


def _affected(frame: pd.DataFrame, event: DriftEvent) -> Any:
    mask = np.ones(len(frame), dtype=bool)
    for name, value in event.where.items():
        mask &= (frame[name] == value).to_numpy()
    return mask


def _factor(frame: pd.DataFrame, events: list[DriftEvent], kind: str) -> Any:
    factor = np.ones(len(frame))
    for event in events:
        if event.kind == kind:
            factor[_affected(frame, event)] *= event.factor
    return factor


def _outcomes(rng: np.random.Generator, frame: pd.DataFrame, events: list[DriftEvent], noise: float) -> None:
    n = len(frame)
    day = np.exp(world.DAY_NOISE * noise)
    trouble = frame["model"].map({name: model.trouble for name, model in world.MODELS.items()}).to_numpy(float) * day
    kinds = world.QUERY_TYPES
    poor = frame["query_type"].map({k: v.poor for k, v in kinds.items()}).to_numpy(float)
    made_up = frame["query_type"].map({k: v.made_up for k, v in kinds.items()}).to_numpy(float)
    is_attack = (frame["query_type"] == "attack").to_numpy()
    leak = (1 - world.ATTACK_REFUSED) * _factor(frame, events, "injection_success")
    refusal = np.where(is_attack, 1 - leak, world.REFUSAL_RATE) * _factor(frame, events, "refusal")
    malformed = np.where(frame["query_type"] == "extraction", world.MALFORMED_RATE, 0.0)
    chances = [
        ("none", world.ERROR_RATE * _factor(frame, events, "error")),
        ("refused", refusal),
        ("leaked", np.where(is_attack, leak, 0.0)),
        ("malformed", malformed * _factor(frame, events, "malformed")),
        ("made_up", made_up * trouble * _factor(frame, events, "made_up")),
        ("poor", poor * trouble * _factor(frame, events, "quality")),
    ]
    outcome = np.full(n, "right", dtype=object)
    draw, passed = rng.random(n), np.zeros(n)
    for name, chance in chances:
        edge = passed + np.clip(chance, 0, 1)
        outcome[(draw >= passed) & (draw < edge)] = name
        passed = edge
    frame["outcome"] = outcome
    frame["status"] = np.where(outcome == "none", "error", "ok")
    frame["error"] = np.where(outcome == "none", "upstream_timeout", None)  # type: ignore[call-overload]
    frame["finish_reason"] = np.where(outcome == "none", None, np.where(outcome == "malformed", "length", "stop"))  # type: ignore[call-overload]


def _measures(rng: np.random.Generator, frame: pd.DataFrame, events: list[DriftEvent], noise: float) -> None:
    n = len(frame)
    lengths = {name: kind.output_tokens for name, kind in world.QUERY_TYPES.items()}
    mean_tokens = frame["query_type"].map(lengths).to_numpy(float)
    ok = (frame["status"] == "ok").to_numpy()
    output = np.maximum(1, rng.gamma(4.0, mean_tokens / 4.0)).round()
    frame["output_tokens"] = np.where(ok, output, 0).astype(int)
    frame["input_tokens"] = np.maximum(20, rng.normal(420, 90, n)).round().astype(int)
    frame["api_calls"] = 1 + (rng.random(n) < 0.08)
    prices = {name: (model.input_price, model.output_price) for name, model in world.MODELS.items()}
    dollars_in = frame["model"].map({k: v[0] for k, v in prices.items()}).to_numpy(float)
    dollars_out = frame["model"].map({k: v[1] for k, v in prices.items()}).to_numpy(float)
    cost = (frame["input_tokens"] * dollars_in + frame["output_tokens"] * dollars_out) / 1e6
    frame["cost_usd"] = (cost * frame["api_calls"] * _factor(frame, events, "cost")).round(8)
    median = frame["model"].map({name: model.latency_ms for name, model in world.MODELS.items()}).to_numpy(float)
    length = 0.5 + 0.5 * output / mean_tokens
    tail = np.where(rng.random(n) < world.LATENCY_TAIL, world.TAIL_FACTOR, 1.0)
    day = np.exp(world.LATENCY_DAY_NOISE * noise)
    spread = np.exp(world.LATENCY_SIGMA * rng.standard_normal(n))
    frame["latency_ms"] = (median * length * tail * spread * day * _factor(frame, events, "latency")).round(2)
    frame["first_token_ms"] = (frame["latency_ms"] * 0.25).round(2)


def _logging(rng: np.random.Generator, frame: pd.DataFrame) -> None:
    """Apply feedback, flags and the biased logging policy."""
    n = len(frame)
    bad = frame["outcome"].isin(["poor", "made_up", "leaked", "malformed"]).to_numpy()
    asked = rng.random(n) < world.FEEDBACK_RATE
    good = rng.random(n) < np.where(bad, world.GOOD_FEEDBACK_POOR, world.GOOD_FEEDBACK)
    frame["user_feedback"] = np.where(asked, np.where(good, 1, -1), 0)
    frame["is_flagged"] = rng.random(n) < np.where(bad, world.FLAG_RATE_POOR, world.FLAG_RATE)
    is_error = (frame["status"] == "error").to_numpy()
    certain = is_error | frame["is_flagged"].to_numpy()
    frame["is_logged"] = certain | (rng.random(n) < world.LOGGED)
    reason = np.where(is_error, "error", np.where(frame["is_flagged"], "flagged", "sampled"))
    frame["log_reason"] = reason
    frame["log_probability"] = np.where(certain, 1.0, world.LOGGED)
