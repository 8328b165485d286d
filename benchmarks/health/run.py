"""How long a health tick takes after a month and after a year of history. Everything in it is simulated.

    python benchmarks/health/run.py                 a year, 52.6 million requests (about 25 minutes, 10 GB)
    python benchmarks/health/run.py --days 60       quicker

Makes a database of its own on the embedded Postgres of ANCHORWATCH_HOME: a raw log with one row for each request
(144,000 a day: time, id, status, latency, cost, app, model, endpoint; a daily wave, one in two hundred fails), rolls
all of it up with `anchorwatch health fill`'s code, and times ticks at the end of the 40th day and of the last one.
"""

import argparse
import statistics
import time
from datetime import UTC, datetime, timedelta

import psycopg
import sqlalchemy as sa
from psycopg import sql

from anchorwatch.settings import Settings, home, load_rule_file
from anchorwatch.steps.health import fill, tick
from anchorwatch.warehouse import embedded, make_engine
from anchorwatch.warehouse.initialise import initialise

DATABASE = "bench_health"
A_DAY = 144_000
FIRST = datetime(2025, 11, 1, tzinfo=UTC)
TICKS = 24
EARLY_DAYS = 40
SETTINGS = Settings.model_validate(
    {
        "logging_policy": "complete",
        "source": {"table": "raw_log"},
        "segments": ["app", "model", "endpoint"],
        "health": {"delay_minutes": 0},
    }
)
TABLE = """
CREATE UNLOGGED TABLE raw_log (
    request_id TEXT, requested_at TIMESTAMPTZ, status TEXT, latency_ms DOUBLE PRECISION, cost_usd DOUBLE PRECISION,
    app TEXT, model TEXT, endpoint TEXT)
"""
# A density of 1 + .6 sin over the day, by moving evenly spaced moments; every other value from a hash of the number.
DAY = sa.text("""
INSERT INTO raw_log
SELECT
    :day || '-' || n,
    CAST(:start AS TIMESTAMPTZ) + INTERVAL '1 day' * LEAST(GREATEST(u - 0.08 * SIN(2 * PI() * u), 0), 0.9999999),
    CASE WHEN h % 200 = 0 THEN 'error' ELSE 'ok' END,
    100 * EXP(0.5 * SQRT(-2 * LN((h % 9973 + 1) / 9975.0)) * COS(2 * PI() * (h / 9973 % 9967) / 9967.0)),
    0.001 + (h % 997) / 1e6,
    'app-' || h % 3, 'model-' || h / 3 % 3, CASE WHEN h % 5 = 0 THEN '/search' ELSE '/chat' END
FROM (
    SELECT n, n / CAST(:rows AS DOUBLE PRECISION) AS u, ABS(HASHINT8(n + 1000003 * CAST(:number AS BIGINT))) AS h
    FROM GENERATE_SERIES(0, :rows - 1) AS n
) AS numbered
""")


def fresh_engine() -> sa.Engine:
    """Make the database anew."""
    embedded.start()
    admin = f"host={home() / 'pg'} user=postgres dbname=postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        name = sql.Identifier(DATABASE)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER anchorwatch").format(name))
    return make_engine(url=url())


def url() -> str:
    """Return the database's URL."""
    return f"postgresql+psycopg://anchorwatch@/{DATABASE}?host={home() / 'pg'}"


def make_log(engine: sa.Engine, first: int, last: int) -> None:
    """Write the raw rows of some days."""
    for number in range(first, last):
        start = FIRST + timedelta(days=number)
        with engine.begin() as connection:
            connection.execute(DAY, {"start": start, "day": f"{start:%m%d}", "rows": A_DAY, "number": number})
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS raw_log_requested_at ON raw_log (requested_at)")
        connection.exec_driver_sql("ANALYZE raw_log")


def measure(engine: sa.Engine, days: int) -> None:
    """Time ticks over the two hours that end with a day; the first of each hour makes that hour's baselines."""
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    seconds = []
    for number in range(TICKS):
        at = FIRST + timedelta(days=days, minutes=5 * (number - TICKS + 1))
        started = time.perf_counter()
        tick(engine, SETTINGS, load_rule_file(None), at, at)
        seconds.append(time.perf_counter() - started)
    with engine.connect() as connection:
        raw = connection.exec_driver_sql("SELECT COUNT(*) FROM raw_log").scalar_one()
        rolled = connection.exec_driver_sql("SELECT SUM(n) FROM health_5min WHERE segment_name = 'all'").scalar_one()
        buckets, bins = (
            connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar_one()  # noqa: S608
            for table in ("health_5min", "health_latency")
        )
    print(
        f"| {days} | {raw:,} | {rolled:,} | {buckets:,} | {bins:,} | {statistics.median(seconds[1:]):.2f} | "
        f"{max(seconds[1:]):.2f} | {seconds[0]:.2f} |",
        flush=True,
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--again", action="store_true", help="Only time the ticks again, on what an earlier run made.")
    options = parser.parse_args()
    days = options.days
    if options.again:
        embedded.start()
        measure(make_engine(url=url()), days)
        return
    engine = fresh_engine()
    initialise(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLE)
    print("| days | raw rows | rolled up | buckets | bins kept | tick, median s | slowest s | first s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    done = 0
    for until in sorted({min(EARLY_DAYS, days), days}):
        started = time.perf_counter()
        make_log(engine, done, until)
        made = time.perf_counter()
        fill(engine, SETTINGS, (FIRST + timedelta(days=done)).date(), (FIRST + timedelta(days=until - 1)).date())
        rows = (until - done) * A_DAY
        print(f"({rows:,} rows made in {made - started:.0f} s, rolled up in {time.perf_counter() - made:.0f} s)")
        measure(engine, until)
        done = until
    engine.dispose()


if __name__ == "__main__":
    main()
