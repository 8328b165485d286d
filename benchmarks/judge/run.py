"""The judge beside its peers: one command, one table, everything on this machine against one local server.

    python benchmarks/judge/run.py                      200 rows, clean and with faults, all peers
    python benchmarks/judge/run.py --rows 5000 --only ours,autoevals
    python benchmarks/judge/run.py --memory 100000      peak memory of ours
    python benchmarks/judge/run.py --kill 5             SIGKILL at random points, and what resuming paid

Peers are installed on the first run, each into an environment of its own under benchmarks/judge/.envs.
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from environments import environment  # noqa: E402

PORT = 9917
FAULTS = {"429": 0.05, "500": 0.02, "malformed": 0.01}
COLUMNS = (
    "| | rows/s | calls/row | input tokens/row | CPU ms/row | peak MB | rows kept |\n|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Run what was asked for and print Markdown."""
    options = _options()
    peers = yaml.safe_load((HERE / "peers.yaml").read_text(encoding="utf-8"))
    names = options.only.split(",") if options.only else ["ours", *peers]
    with _server(options.latency_ms), tempfile.TemporaryDirectory() as folder:
        if options.kill:
            _kill(options.kill, Path(folder), options.concurrency)
            return
        if options.memory:
            _table("memory", ["ours"], peers, _rows(folder, options.memory), options, {})
            return
        source = _rows(folder, options.rows)
        for title, faults in (("clean", {}), ("5 % 429, 2 % 500, 1 % malformed", FAULTS)):
            if title == "clean" or not options.clean_only:
                _table(title, names, peers, source, options, faults)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    parser.add_argument("--only", help="names, comma separated; 'ours' is one of them")
    parser.add_argument("--clean-only", action="store_true", help="leave the run with faults out")
    parser.add_argument("--timeout-seconds", type=float, default=1800.0, help="for each run")
    parser.add_argument("--envs", type=Path, default=HERE / ".envs", help="where the peers' environments are")
    parser.add_argument("--memory", type=int, metavar="ROWS", help="only ours, only to see its peak memory")
    parser.add_argument("--kill", type=int, metavar="TIMES", help="only ours, killed and resumed")
    return parser.parse_args()


@contextmanager
def _server(latency_ms: float) -> Iterator[None]:
    command = [sys.executable, str(HERE / "server.py"), "--port", str(PORT), "--latency-ms", str(latency_ms)]
    process = subprocess.Popen(command)
    try:
        for _ in range(100):
            try:
                _control()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _control(faults: dict[str, float] | None = None) -> dict[str, int]:
    """Return the server's counters; given faults, start them anew."""
    data = None if faults is None else json.dumps(faults).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/control", data=data) as response:
        counters: dict[str, int] = json.loads(response.read())
    return counters


def _rows(folder: str, count: int) -> Path:
    path = Path(folder) / f"rows_{count}.jsonl"
    subprocess.run([sys.executable, str(HERE / "rows.py"), str(count), str(path)], check=True)
    return path


def _table(
    title: str,
    names: list[str],
    peers: dict[str, Any],
    source: Path,
    options: argparse.Namespace,
    faults: dict[str, float],
) -> None:
    count = sum(1 for _ in source.open(encoding="utf-8"))
    print(
        f"\n**{title}**: {count} rows, concurrency {options.concurrency}, {options.latency_ms:g} ms\n\n{COLUMNS}",
        flush=True,
    )
    for name in names:
        python = sys.executable if name == "ours" else environment(name, peers[name]["packages"], options.envs)
        script = HERE / "ours.py" if name == "ours" else HERE / "peers" / f"{name}_peer.py"
        _control(faults)
        print(_line(name, [python, str(script), str(source), str(options.concurrency)], count, options), flush=True)


def _line(name: str, command: list[str], count: int, options: argparse.Namespace) -> str:
    log = HERE / f".last_{name}.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=_env(), start_new_session=True)
        used = _wait(process.pid, options.timeout_seconds)
    if used is None:
        return f"| {name} | no result after {options.timeout_seconds:.0f} s | | | | | |"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = [line for line in lines if line.startswith("RESULT ")]
    if not found:
        return f"| {name} | failed, see {log.name} | | | | | |"
    result, server = json.loads(found[-1].removeprefix("RESULT ")), _control()
    cpu = result.get("cpu_seconds", used.ru_utime + used.ru_stime)
    return (
        f"| {name} | {count / result['seconds']:.1f} | {server['calls'] / count:.2f} | "
        f"{server['input_tokens'] / count:.0f} | {1000 * cpu / count:.1f} | {used.ru_maxrss / 1024:.0f} | "
        f"{result['scored']} of {count} |"
    )


def _wait(pid: int, seconds: float) -> resource.struct_rusage | None:
    """Wait for a process; return what it used, or None after ending one that took too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, _, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return used
        time.sleep(0.2)
    os.killpg(pid, signal.SIGKILL)
    os.wait4(pid, 0)
    return None


def _env() -> dict[str, str]:
    url = f"http://127.0.0.1:{PORT}/v1"
    return {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_BASE": url, "OPENAI_API_KEY": "none"}


def _kill(times: int, folder: Path, concurrency: int) -> None:
    """Score a file, killed again and again; print what was asked more often than needed."""
    count, rng = 3000, random.Random(7)
    source, output = _rows(str(folder), count), folder / "scores.jsonl"
    command = [sys.executable, "-m", "anchorwatch.cli", "evaluate", "--input", str(source), "--output", str(output)]
    command += ["--concurrency", str(concurrency)]
    _control({})
    for n in range(times):
        process = subprocess.Popen(command, env=_env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        asked = _control()["calls"] + rng.randint(50, 400)
        while _control()["calls"] < asked and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        print(f"kill {n + 1}: after {_control()['calls']} calls", flush=True)
    subprocess.run(command, env=_env(), check=True, stdout=subprocess.DEVNULL)
    lines = sum(1 for _ in output.open(encoding="utf-8"))
    extra = _control()["calls"] - count
    print(f"{count} rows, {lines} scores, {times} kills: {extra} calls beyond the necessary, "
          f"{concurrency * times} were the most that could be in flight")  # fmt: skip


if __name__ == "__main__":
    main()
