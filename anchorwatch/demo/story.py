"""The demo from beginning to end: simulate, load, backfill, one live day, and what was found."""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from anchorwatch.demo import outage, telling
from anchorwatch.demo.airflow_process import AirflowApi, airflow_environment, airflow_running, connection_variable
from anchorwatch.demo.older_days import run_older_day
from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread, receiver_app, self_signed_certificate
from anchorwatch.errors import TransientError
from anchorwatch.health.buckets import bucket_floor
from anchorwatch.loading import load_file
from anchorwatch.settings import bundled, home, load_settings
from anchorwatch.simulator import SimulationPlan, parse_event, simulate
from anchorwatch.steps.estimate import estimate
from anchorwatch.steps.health import fill
from anchorwatch.warehouse import connect, embedded, make_engine
from anchorwatch.warehouse.initialise import initialise

DAG = "nightly_evaluation"
HEALTH_DAG = "health"
DAYS = 35
AIRFLOW_DAYS = 14
EVENTS = (
    "made_up x4 day=-9 model=sim-small change.prompt_version=p8",
    "latency x1.6 day=-7 app=doc-search",
    "quality x5 day=-1",
)
WAIT_SECONDS = 900
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the demo's servers listen, all on 127.0.0.1."""

    judge: int
    slack: int
    pagerduty: int
    airflow: int


class Demo:
    """Runs the demo and tells it on a console."""

    def __init__(self, console: Console, seed: int) -> None:
        self.console = console
        # A home of its own: the demo starts from scratch, and must not touch anybody's data.
        os.environ["ANCHORWATCH_HOME"] = str(home() / "demo")
        self.seed = seed
        self.last_day = datetime.now(UTC).date() - timedelta(days=1)
        self.ports = Ports(free_port(8089), free_port(8090), free_port(8443), free_port(8080))
        self.events: list[dict[str, Any]] = []
        self.received: list[str] = []
        self.estimated_from, self.estimated_usd = self.last_day, 0.0
        self.alerts_of_the_night = 0
        self.outage_at = bucket_floor(datetime.now(UTC))
        self.provider_is_well = False

    def run(self, *, stay: bool) -> bool:
        """Run everything; return whether all stated drifts were found."""
        started = time.monotonic()
        with ExitStack() as stack:
            self._prepare(stack)
            days = [self.last_day - timedelta(days=n) for n in range(DAYS - 1, -1, -1)]
            older, newer = days[:-AIRFLOW_DAYS], days[-AIRFLOW_DAYS:]
            self._run_older_days(older)
            self._estimate(newer)
            api = stack.enter_context(self._airflow())
            self._backfill(api, newer[:-1])
            self._live_day(api, newer[-1])
            self.alerts_of_the_night = len(self.received)
            self._outage(api)
            all_found = self._tell(time.monotonic() - started)
            if stay:
                self._stay()
        return all_found

    def _prepare(self, stack: ExitStack) -> None:
        self.console.rule("Anchorwatch demo: everything below is simulated, the pipeline is real")
        shutil.rmtree(home() / "airflow", ignore_errors=True)
        embedded.remove()
        embedded.start()
        stack.callback(embedded.stop)
        self._write_config()
        engine = make_engine()
        initialise(engine, load_settings())
        plan = SimulationPlan(self.last_day, days=DAYS, seed=self.seed, events=[parse_event(text) for text in EVENTS])
        with self._progress() as progress:
            bar = progress.add_task("simulating days", total=DAYS)
            files = simulate(
                plan, home() / "simulated" / "log.parquet", lambda day: progress.update(bar, completed=day)
            )
            bar = progress.add_task("loading rows", total=files.n_logged)
            counts = load_file(engine, files.log, progress=lambda rows: progress.advance(bar, rows))
        engine.dispose()
        self.events = json.loads(files.events.read_text(encoding="utf-8"))
        self.console.print(
            f"Simulated {files.n_requests:,} requests over {DAYS} days; {counts.loaded:,} were logged "
            "(10 %, and every error and flagged one) and loaded."
        )
        for event in self.events:
            where = ", ".join(f"{k}={v}" for k, v in event["where"].items()) or "all traffic"
            self.console.print(
                f"  stated drift: {event['kind']} x{event['factor']:g} in {where} from {event['first_day']}"
            )
        self._start_judge(stack)

    def _write_config(self) -> None:
        config = yaml.safe_load((bundled("config") / "demo.yaml").read_text(encoding="utf-8"))
        config["judge"]["base_url"] = f"http://127.0.0.1:{self.ports.judge}/v1"
        config["alerts"]["pagerduty"]["base_url"] = f"https://127.0.0.1:{self.ports.pagerduty}"
        config["providers"] = [{"name": outage.PROVIDER, "url": f"http://127.0.0.1:{self.ports.slack}"}]
        config["alerts"]["link_base_url"] = f"http://127.0.0.1:{self.ports.airflow}"
        path = home() / "anchorwatch.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        os.environ["ANCHORWATCH_CONFIG"] = str(path)
        os.environ.pop("ANCHORWATCH_WAREHOUSE_URL", None)

    def _start_judge(self, stack: ExitStack) -> None:
        command = [sys.executable, "-m", "anchorwatch.cli", "simulate-judge", "--port", str(self.ports.judge)]
        process = subprocess.Popen(command)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{self.ports.judge}/v1/models")
                return
            except httpx.HTTPError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise TransientError("the simulated judge did not start") from None
                time.sleep(0.1)

    def _run_older_days(self, days: list[date]) -> None:
        self.console.print(f"The first {len(days)} days run without Airflow, by the same steps, to save time:")
        with self._progress() as progress, ProcessPoolExecutor(PROCESSES) as pool:
            bar = progress.add_task("days, command line", total=len(days))
            waiting = [pool.submit(run_older_day, day, self.last_day) for day in days]
            for done in as_completed(waiting):
                done.result()
                progress.advance(bar)

    def _estimate(self, days: list[date]) -> None:
        """Say what judging the days for Airflow will cost, before it is paid."""
        engine = make_engine()
        found = estimate(engine, load_settings(), days, self.last_day + timedelta(days=1))
        engine.dispose()
        self.estimated_from, self.estimated_usd = days[0], sum(day.cost_usd or 0 for day in found)
        self.console.print(
            f"Judging the next {len(days)} days will cost an estimated {self.estimated_usd:.2f} USD at invented prices "
            f"({sum(day.calls for day in found):,} calls, {sum(day.cached for day in found):,} answers cached already)."
        )

    def _airflow(self) -> Any:
        certificate = self_signed_certificate(home() / "receiver.pem")
        environment = airflow_environment(self.ports.airflow) | {
            "SSL_CERT_FILE": str(certificate),
            # Unpausing would also start the newest scheduled day, which is the live day's part here.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW_CONN_ANCHORWATCH_SLACK": connection_variable(
                "slackwebhook", host=f"http://127.0.0.1:{self.ports.slack}/services", password="T0/B0/demo"
            ),
            "AIRFLOW_CONN_ANCHORWATCH_PAGERDUTY": connection_variable("pagerduty_events", password="demo-key"),
        }
        self.console.print("Starting Airflow ...")
        return _airflow_with_receiver(self, environment, certificate)

    def _backfill(self, api: AirflowApi, days: list[date]) -> None:
        api.create_pool(slots=2)
        api.unpause(DAG)
        api.create_backfill(DAG, days[0].isoformat(), days[-1].isoformat(), max_active_runs=3)
        self.console.print(f"Airflow backfills {len(days)} days; a backfill never sends an alert:")
        self._wait_for_runs(api, lambda run_id: run_id.startswith("backfill"), len(days))

    def _live_day(self, api: AirflowApi, day: date) -> None:
        self.console.print(f"The last day, {day}, is a manual run: its alerts go to the local receiver.")
        run_id = api.trigger(DAG, run_date=day.isoformat())
        self._wait_for_runs(api, lambda found: found == run_id, 1)

    def _outage(self, api: AirflowApi) -> None:
        """Let the provider fail for half an hour, and look at it three times through the DAG `health`."""
        # Old enough that its last bucket can be read.
        self.outage_at = bucket_floor(datetime.now(UTC) - timedelta(minutes=5))
        engine = make_engine()
        load_file(engine, outage.write_log(home() / "simulated" / "outage.jsonl", self.outage_at, self.seed))
        fill(engine, load_settings(), self.last_day - timedelta(days=28), self.last_day)
        engine.dispose()
        self.console.print(
            f"An outage in the last hour, simulated: 40 % of requests fail and the rest is slow, for "
            f"{outage.BEGINS - outage.ENDS} minutes. The DAG {HEALTH_DAG} looks at it three times; its incident"
        )
        api.unpause(HEALTH_DAG)
        for what, minutes_ago in outage.TICKS:
            self.provider_is_well = minutes_ago == 0
            at = self.outage_at - timedelta(minutes=minutes_ago)
            self.console.print(f" {what}, at {at:%H:%M} UTC:")
            # The job reads what is older than health.delay_minutes.
            run_id = api.trigger(HEALTH_DAG, at=(at + timedelta(minutes=2)).isoformat())
            self._wait_for_runs(api, lambda found, wanted=run_id: found == wanted, 1, HEALTH_DAG)

    def _wait_for_runs(self, api: AirflowApi, ours: Any, expected: int, dag: str = DAG) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        with self._progress() as progress:
            bar = progress.add_task("runs, Airflow", total=expected)
            while True:
                states = {run_id: state for run_id, state in api.run_states(dag).items() if ours(run_id)}
                progress.update(bar, completed=sum(state == "success" for state in states.values()))
                failed = [run_id for run_id, state in states.items() if state == "failed"]
                if failed:
                    tasks = ", ".join(api.failed_tasks(dag, failed[0]))
                    raise TransientError(
                        f"run {failed[0]} failed in {tasks}; its log is in the Airflow UI and {home()}"
                    )
                if sum(state == "success" for state in states.values()) == expected:
                    return
                if time.monotonic() > deadline:
                    raise TransientError(f"the runs did not end within {WAIT_SECONDS} s; see {home() / 'airflow.log'}")
                time.sleep(1)

    def _tell(self, seconds: float) -> bool:
        engine = make_engine()
        with connect(engine) as connection:
            seen = telling.look(connection, self.events, self.estimated_from)
        engine.dispose()
        all_found = telling.found(self.console, seen, DAYS)
        self.console.print(f"  alerts received on the last day: {self.alerts_of_the_night} (sent by a backfill: 0)")
        has_lived = telling.incident(self.console, seen)
        telling.cost(self.console, seen, AIRFLOW_DAYS, self.estimated_usd)
        self.console.print(f"  took {seconds:.0f} s")
        telling.where_to_look(self.console, f"http://127.0.0.1:{self.ports.airflow}/dags/{DAG}", self.last_day)
        return has_lived and all_found

    def _stay(self) -> None:
        self.console.print("Running until Ctrl-C; the commands above work in another terminal.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            self.console.print("Stopping ...")

    def on_alert(self, channel: str, body: dict[str, Any]) -> None:
        """Print an alert as it arrives."""
        text = (
            body["text"]
            if channel == "slack"
            else f"{body['event_action']}: {body.get('payload', {}).get('summary', '') or body['dedup_key']}"
        )
        self.received.append(channel)
        self.console.print(f"  [bold]{channel}[/bold] received: ", end="")
        self.console.print(text, markup=False)

    def _progress(self) -> Progress:
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self.console)


def _airflow_with_receiver(demo: Demo, environment: dict[str, str], certificate: Path) -> Any:
    stack = ExitStack()
    app = receiver_app(demo.on_alert, lambda: outage.status_page(demo.outage_at, is_over=demo.provider_is_well))
    stack.enter_context(ServerThread(app, demo.ports.slack))
    stack.enter_context(ServerThread(app, demo.ports.pagerduty, certificate))
    return _Entered(stack, airflow_running(environment, demo.ports.airflow))


class _Entered:
    """Airflow and the servers it talks to, entered and left together."""

    def __init__(self, stack: ExitStack, airflow: Any) -> None:
        self._stack = stack
        self._airflow = airflow

    def __enter__(self) -> AirflowApi:
        try:
            api: AirflowApi = self._stack.enter_context(self._airflow)
        except BaseException:
            self._stack.close()
            raise
        return api

    def __exit__(self, *exc: object) -> None:
        self._stack.close()
