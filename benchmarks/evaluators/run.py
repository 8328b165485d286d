"""Every evaluator against labels, beside its peers: one command, the tables of docs/evaluators.md.

    python benchmarks/evaluators/run.py --data ../shared/data            everything (about five minutes)
    python benchmarks/evaluators/run.py --data ../shared/data --only refusal,judges
    python benchmarks/evaluators/run.py --data ../shared/data --no-peers

`--data` is a folder with labels/ (xstest, llmdrift, halueval, llmbar, pandalm) and logs/ (drift_dev with its truth).
Peers are installed on the first run, each into an environment of its own (`--envs`). No LLM is asked.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import sets  # noqa: E402
from environments import environment  # noqa: E402
from judges import judges  # noqa: E402

from anchorwatch.metrics.agreement import auroc, confusion, measures, share  # noqa: E402
from evaluators import Interaction, Score, get_evaluator, names  # noqa: E402
from evaluators.redaction import Redactor  # noqa: E402

SPEED_ROWS = 3000


def main() -> None:
    """Print the tables that were asked for."""
    options = _options()
    wanted = options.only.split(",") if options.only else list(_PARTS)
    for name in wanted:
        _PARTS[name](options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", help=f"comma separated: {', '.join(_PARTS)}")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--envs", type=Path, default=HERE / ".envs")
    return parser.parse_args()


def _refusal(options: argparse.Namespace) -> None:
    frame, task = sets.xstest(options.data)
    _head("Refusal: XSTest, full refusal against full compliance")
    _row("refusal", _ours("refusal", task), task.bad)
    for model in sorted(frame["model"].unique()):
        chosen = (frame["model"] == model).tolist()
        _row(f"refusal, {model}", _pick(_ours("refusal", task), chosen), _pick(task.bad, chosen))
    _row("XSTest's string match", (frame["strmatch_label"] != "2_full_refusal").astype(float).tolist(), task.bad)
    judged = frame["gpt4_label"].isin(["1_full_compliance", "2_full_refusal"])
    gpt4 = (frame["gpt4_label"] != "2_full_refusal").astype(float)
    _row(f"GPT-4 as recorded ({int((~judged).sum())} other replies left out)", gpt4[judged].tolist(),
         _pick(task.bad, judged.tolist()))  # fmt: skip
    _row("GPT-4 as recorded, other replies count as answered", gpt4.tolist(), task.bad)
    _peers(options, task)
    log = sets.drift_log(options.data)
    known = log[log["t_refused"].notna()]
    for segment, group in known.groupby("segment"):
        rows = [{"prompt": p, "response": o} for p, o in zip(group["prompt"], group["output"], strict=True)]
        bad = (group["t_refused"] == 1).tolist()
        _row(f"refusal, {segment} of the log's truth", _ours("refusal", sets.Task("refusal", rows, bad)), bad)
    task = sets.halueval(options.data)
    found = sum(value == 0 for value in _ours("refusal", task))
    print(f"\nOn HaluEval's {len(task.rows)} general answers it calls {found / len(task.rows):.1%} refusals.")


def _harm(options: argparse.Namespace) -> None:
    task = sets.xstest_harm(options.data)
    _head("Harm: XSTest, an unsafe prompt that was answered (labels: prompt type and people's `final_label`)")
    for name in ("missing_refusal", "harmful_content"):
        # A row without a score is one that the evaluator has nothing against.
        _row(name, [1.0 if value is None else value for value in _ours(name, task)], task.bad)


def _correctness(options: argparse.Namespace) -> None:
    task = sets.correctness(sets.drift_log(options.data))
    _head("Correctness: LLMDrift primes and happy numbers against the truth column")
    _row("ground_truth_agreement", _ours("ground_truth_agreement", task), task.bad)
    _peers(options, task)


def _format(options: argparse.Namespace) -> None:
    task = sets.formats(sets.drift_log(options.data))
    _head("Format: LLMDrift's four kinds of questions against the truth column")
    _row("format_validity", _ours("format_validity", task), task.bad)
    _peers(options, task)


def _grounding(options: argparse.Namespace) -> None:
    titles = {
        "number": "one number is changed",
        "sentence": "a sentence of another answer is added",
        "paraphrase": "nothing is wrong, one half has two words more a sentence (0.5 is right)",
    }
    for kind, title in titles.items():
        task = sets.fabricated(options.data, kind)
        _head(f"Grounding, simulated: {title} ({len(task.rows)} rows)")
        for name in ("grounding", "sentence_support"):
            _graded(name, task)
        _peers(options, task)
    task = sets.halueval(options.data)
    _head("Grounding: HaluEval, hallucinations that people marked; no context, the question stands in for it")
    for name in ("grounding", "sentence_support"):
        _graded(name, task)


def _private(options: argparse.Namespace) -> None:
    pii, secrets = sets.planted()
    _head("Personal data, simulated: invented values and look-alikes")
    _row("pii_leak", _ours("pii_leak", pii), pii.bad)
    _peers(options, pii)
    _head("Secrets, simulated: invented values and look-alikes")
    _row("secret_leak", _ours("secret_leak", secrets), secrets.bad)


def _attacks(options: argparse.Namespace) -> None:
    injections = yaml.safe_load((HERE.parents[1] / "tests" / "hostile" / "judge_injections.yaml").read_text("utf-8"))
    log = sets.drift_log(options.data)
    rows = [{"prompt": text, "response": "no"} for text in [*injections, *log["prompt"]]]
    bad = [True] * len(injections) + [False] * len(log)
    _head("Injection attempts: 46 written for our own tests (not independent), against the prompts of a real log")
    _row("injection_attempt", _ours("injection_attempt", sets.Task("attack", rows, bad)), bad)


def _quiet(options: argparse.Namespace) -> None:
    """How often the evaluators that should be quiet on an ordinary log are not."""
    log = sets.drift_log(options.data)
    rows = [{"prompt": p, "response": o} for p, o in zip(log["prompt"], log["output"], strict=True)]
    task = sets.Task("log", rows, [False] * len(rows))
    print(
        "\n### Flagged on a real log without such labels (9,466 rows)\n\n"
        "| evaluator | flagged | unscored |\n|---|---|---|"
    )
    for name in ("repetition", "language_match", "pii_leak", "secret_leak", "injection_attempt", "injection_success",
                 "harmful_content"):  # fmt: skip
        values = _ours(name, task)
        scored = [value for value in values if value is not None]
        flagged = sum(value == 0 for value in scored)
        print(f"| {name} | {flagged} of {len(scored)}: {share(flagged, len(scored))} | {len(values) - len(scored)} |")


def _speed(options: argparse.Namespace) -> None:
    log = sets.drift_log(options.data).sample(SPEED_ROWS, random_state=1)
    rows = [
        Interaction(f"r{n}", p, o, context=(p,), ground_truth="4")
        for n, (p, o) in enumerate(zip(log["prompt"], log["output"], strict=True))
    ]
    mean = sum(len(row.response) for row in rows) / len(rows)
    print(f"\n### Speed on one core: {SPEED_ROWS} real rows, {mean:.0f} characters of answer on average\n")
    print("| evaluator | rows/s |\n|---|---|")
    for name in names():
        _, function = get_evaluator(name)
        print(f"| {name} | {_rate(function, rows):,.0f} |")
    print(f"| redaction of an answer | {_rate(lambda row: Redactor().redact(row.response), rows):,.0f} |")


def _rate(function: Callable[[Interaction], Any], rows: Sequence[Interaction]) -> float:
    function(rows[0])
    started = time.process_time()
    for row in rows:
        function(row)
    return len(rows) / (time.process_time() - started)


def _ours(name: str, task: sets.Task) -> list[float | None]:
    return [score.value for score in _scores(name, task)]


def _scores(name: str, task: sets.Task) -> list[Score]:
    _, function = get_evaluator(name, **(task.options if name == "format_validity" else {}))
    found = []
    for n, row in enumerate(task.rows):
        context = (row["context"],) if "context" in row else ()
        fields = {key: row.get(key) for key in ("ground_truth", "query_type")}
        found.append(function(Interaction(f"r{n}", row["prompt"], row["response"], context=context, **fields)))
    return found


def _peers(options: argparse.Namespace, task: sets.Task) -> None:
    """Score the same rows with whatever a peer has for the task; a peer that fails says so in the table."""
    if options.no_peers:
        return
    for peer, spec in yaml.safe_load((HERE / "peers.yaml").read_text(encoding="utf-8")).items():
        script = HERE / "peers" / f"{peer}_peer.py"
        if f'"{task.name}"' not in script.read_text(encoding="utf-8"):
            continue
        python = environment(peer, spec["packages"], options.envs)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in task.rows), encoding="utf-8")
            done = subprocess.run(
                [python, str(script), task.name, str(file)], capture_output=True, text=True, timeout=1800, cwd=folder
            )
        line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        if line is None:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            print(f"| {peer} | failed: {last[:100]} | | | | |")
            continue
        for method, scores in json.loads(line.removeprefix("RESULT ")).items():
            _row(f"{peer} {method}", scores, task.bad)


def _head(title: str) -> None:
    print(f"\n### {title}\n")
    print("| | n | AUROC | balanced accuracy | F1 | kappa |\n|---|---|---|---|---|---|")


def _row(
    name: str, scores: Sequence[float | None], bad: Sequence[bool], verdicts: Sequence[bool] | None = None
) -> None:
    """Print a row. Scores that are no verdicts have an AUROC alone, unless `verdicts` says which rows are bad."""
    rows = [(s, b, n) for n, (s, b) in enumerate(zip(scores, bad, strict=True)) if s is not None]
    values, labels = [score for score, _, _ in rows], [is_bad for _, is_bad, _ in rows]
    area = auroc([1 - value for value in values], labels)
    cells = ["", "", ""]
    if verdicts is not None or all(value in (0.0, 1.0) for value in values):
        said = [verdicts[n] if verdicts is not None else value < 1.0 for value, _, n in rows]
        found = measures(confusion(said, labels))
        cells = [str(found[key]) for key in ("balanced_accuracy", "f1", "kappa")]
    print(f"| {name} | {len(values)} | {area} | " + " | ".join(cells) + " |", flush=True)


def _graded(name: str, task: sets.Task) -> None:
    """Print the row of an evaluator whose score is a share: its label `unsupported` is the verdict."""
    scores = _scores(name, task)
    _row(name, [score.value for score in scores], task.bad, [score.label == "unsupported" for score in scores])


def _pick(values: Sequence[Any], chosen: Sequence[bool]) -> list[Any]:
    return [value for value, is_chosen in zip(values, chosen, strict=True) if is_chosen]


_PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "refusal": _refusal, "harm": _harm, "correctness": _correctness, "format": _format, "grounding": _grounding,
    "private": _private, "attacks": _attacks, "quiet": _quiet,
    "judges": lambda options: judges(options.data), "speed": _speed,
}  # fmt: skip

if __name__ == "__main__":
    random.seed(7)
    main()
