"""The drift core on a file: daily estimates in, findings out, no database."""

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anchorwatch.drift.arrange import arrange, sums_of_estimates
from anchorwatch.drift.findings import Finding
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import LONG_FROM
from anchorwatch.drift.streams import MetricKind
from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("run_date", "metric", "segment_name", "segment_value", "n", "value")
PROXY = ("proxy_value", "proxy_population")
OPTIONAL = ("standard_error", "epoch", *PROXY)
KEY = ["run_date", "metric", "segment_name", "segment_value", "epoch"]
OUTPUT = (
    "run_date", "metric", "segment_name", "segment_value", "direction", "status", "severity", "change", "ci_low",
    "ci_high", "evidence", "evidence_needed", "first_day", "firing_since", "is_news", "part_of_name", "part_of_value",
    "rule_id", "kind", "value", "baseline_value", "z", "n", "baseline_n", "tested_days", "explained_by", "epoch",
    "reason",
)  # fmt: skip


def read_daily(path: Path, book: RuleBook, kinds: dict[str, MetricKind]) -> tuple[Panel, list[date]]:
    """Read daily estimates; return the panel and the days from the first to the last.

    Args:
        path: CSV with the columns NEEDED, and any of OPTIONAL; others are ignored. `standard_error` is of the
            value; without it a rate's follows from n, and another metric's from the spread of its days.
            `proxy_value` is the mean of a cheap score over the n rows, `proxy_population` over all rows.

    Raises:
        ConfigError: The file is missing or empty, lacks a column, or a row does not fit; with its line.
    """
    frame = _read(path)
    wanted = {rule.metric for rule in book.rules}
    known = frame[frame["metric"].isin(wanted)]
    if known.empty:
        there = ", ".join(sorted(set(frame["metric"])))
        raise ConfigError(
            f"{path}: no rule watches any of its metrics ({there}); rules watch {', '.join(sorted(wanted))}"
        )
    _check(path, known, kinds)
    first, last = known["run_date"].min().date(), known["run_date"].max().date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return arrange(_with_sums(known, kinds), book, kinds, days[0] - timedelta(days=LONG_FROM), days[-1]), days


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    texts = dict.fromkeys(("metric", "segment_name", "segment_value", "epoch"), "string")
    try:
        frame = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"n": [""], "value": [""]})
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: not a CSV file: {error}") from None
    if missing := [name for name in NEEDED if name not in frame.columns]:
        raise ConfigError(
            f"{path}: missing columns {', '.join(missing)}; there are {', '.join(map(str, frame.columns))}"
        )
    if frame.empty:
        raise ConfigError(f"{path}: there are no rows in it")
    days = pd.to_datetime(frame["run_date"].astype(str), format="ISO8601", errors="coerce", utc=True)
    frame["run_date"] = days.dt.tz_localize(None).dt.normalize()
    for name in ("n", "value", "standard_error", *PROXY):
        frame[name] = pd.to_numeric(frame[name], errors="coerce") if name in frame.columns else float("nan")
    frame["epoch"] = frame["epoch"].fillna("") if "epoch" in frame.columns else ""
    return frame


def _check(path: Path, frame: "pd.DataFrame", kinds: dict[str, MetricKind]) -> None:
    """Refuse rows that would give a wrong number."""
    rates = frame["metric"].map(lambda name: kinds.get(name, MetricKind()).is_rate).astype(bool)
    amounts = frame["metric"].map(lambda name: kinds.get(name, MetricKind()).is_relative).astype(bool)
    counted = frame["n"] > 0
    problems = {
        "run_date is not a date like 2026-11-22": frame["run_date"].isna(),
        "n is not a number >= 0": ~(frame["n"] >= 0),
        "value is not a number": counted & (frame["value"].isna() | frame["value"].abs().eq(float("inf"))),
        "a rate has to be between 0 and 1": counted & rates & ~frame["value"].between(0, 1),
        "an amount (ms, USD, tokens, calls) has to be >= 0": counted & amounts & ~(frame["value"] >= 0),
        "standard_error is below 0": frame["standard_error"] < 0,
        "the same day, metric and segment twice": frame.duplicated(KEY, keep="first"),
    }
    for problem, where in problems.items():
        if where.any():
            line = int(frame.index[where][0]) + 2
            raise ConfigError(f"{path}: line {line}: {problem}; {int(where.sum())} such rows")


def _with_sums(frame: "pd.DataFrame", kinds: dict[str, MetricKind]) -> "pd.DataFrame":
    import numpy as np

    frame = frame[frame["n"] > 0].copy()
    frame["cell"] = "all"
    rates = frame["metric"].map(lambda name: kinds.get(name, MetricKind()).is_rate).astype(bool)
    n, value = frame["n"].to_numpy(float), frame["value"].to_numpy(float)
    variance = np.where(rates, value * (1 - value) / n, frame["standard_error"].to_numpy(float) ** 2)
    for name, array in sums_of_estimates(n, value, variance).items():
        frame[name] = array
    both = frame[list(PROXY)].notna().all(axis=1)
    frame["wx"] = np.where(both, n * frame["proxy_value"], np.nan)
    frame["traffic_x"] = np.where(both, n * frame["proxy_population"], np.nan)
    return frame


def write_findings(path: Path, findings: list[Finding]) -> None:
    """Write findings as CSV with the columns OUTPUT."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(OUTPUT)
        for finding in findings:
            writer.writerow([_cell(finding, name) for name in OUTPUT])


def _cell(finding: Finding, name: str) -> Any:
    if name == "explained_by":
        return "; ".join(
            f"{e['segment_name']}={e['segment_value']} {e['share_of_change']:.0%}" for e in finding.explained_by
        )
    value = getattr(finding if hasattr(finding, name) else finding.stream, name)
    if name == "severity" and finding.status != "firing":
        return ""
    return "" if value is None else value
