"""Recorded replies of judges: read by our parser, and the published figures made again from them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import sets

from anchorwatch.metrics.agreement import confusion, share
from evaluators import shipped_rubrics
from evaluators.verdicts import NoVerdict, read_verdict


def judges(data: Path) -> None:
    """Print all three tables."""
    rubric = shipped_rubrics()["preference"]
    counts: dict[str, Counter[str]] = {}
    for name, text, recorded in sets.judge_replies(data):
        try:
            verdict: Any = read_verdict(rubric, text)
            kind = "same" if verdict == recorded else "other" if recorded else "recorded as none"
        except NoVerdict as problem:
            kind = str(problem)
        counts.setdefault(name, Counter())[kind] += 1
    kinds = ("same", "other", "recorded as none", "judge_left_it_out", "judge_wrong_value")
    print("\n### Recorded judge replies, read by our parser (only the last 120 characters were recorded)\n")
    print("| replies | n | read as its authors did | otherwise | read, where they read none | empty | no verdict |")
    print("|---|---|---|---|---|---|---|")
    for name, found in counts.items():
        print(f"| {name} | {found.total()} | " + " | ".join(str(found[kind]) for kind in kinds) + " |")
    _llmbar(data)
    _pandalm(data)


def _llmbar(data: Path) -> None:
    recorded = pd.read_parquet(data / "labels" / "llmbar" / "llmbar.parquet")
    gold = pd.read_parquet(data / "labels" / "llmbar" / "instances.parquet").set_index("idx")["gold"].astype(int)
    print(
        "\n### LLMBar Natural: accuracy and positional agreement of recorded judges (published for GPT-4 in brackets)\n"
    )
    print("| judge | prompt | accuracy, mean of both orders | agreement of the orders | first place wins |")
    print("|---|---|---|---|---|")
    for (judge, prompt), group in recorded.groupby(["judge", "prompt_method"]):
        truth = group["idx"].map(gold)
        given, swapped = (pd.to_numeric(group[name], errors="coerce") for name in ("winner", "winner_swapped"))
        accuracy = ((given == truth).mean() + (swapped == truth).mean()) / 2
        same = share(int((given == swapped).sum()), len(group))
        first = share(int((given == 1).sum() + (swapped == 2).sum()), int(given.notna().sum() + swapped.notna().sum()))
        published = _PUBLISHED.get(prompt, "") if judge == "GPT-4" else ""
        print(f"| {judge} | {prompt} | {accuracy:.1%} | {same} {published} | {first} |")


_PUBLISHED = {
    "Vanilla_NoRules": "(93.5 / 97.0)", "Vanilla": "(95.5 / 95.0)", "CoT": "(94.5 / 91.0)", "Swap": "(94.5 / 97.0)",
    "Swap_CoT": "(94.0 / 100.0)", "Metrics": "(93.0 / 94.0)", "Reference": "(95.5 / 97.0)",
    "Metrics_Reference": "(96.0 / 96.0)",
}  # fmt: skip
"""LLMBar's table for GPT-4 on Natural, accuracy / agreement (Zeng et al. 2024), as remembered, not looked up."""


def _pandalm(data: Path) -> None:
    pairs = pd.read_parquet(data / "labels" / "pandalm" / "pandalm.parquet")
    people = pairs[["annotator1", "annotator2", "annotator3"]].astype(int)
    majority = people.mode(axis=1)[0].astype(int)
    print("\n### PandaLM: recorded judges against the majority of three people (published in brackets)\n")
    print("| judge | accuracy | macro precision | macro recall | macro F1 | kappa |\n|---|---|---|---|---|---|")
    published = {"gpt_result": "(71.07 / 58.79 / 57.36 / 57.55)", "pandalm_result": "(66.77 / 57.38 / 57.50 / 57.43)"}
    for column, figures in published.items():
        # As published: what is no verdict counts as a tie.
        said = pd.to_numeric(pairs[column].replace({"Tie": 0, "garbage": 0})).astype(int)
        precision, recall, f1 = _macro(majority.tolist(), said.tolist())
        accuracy = (said == majority).mean()
        kappa = _nominal_kappa(majority.tolist(), said.tolist())
        cells = " | ".join(f"{value:.2%}" for value in (accuracy, precision, recall, f1))
        print(f"| {column} {figures} | {cells} | {kappa:.3f} |")
    kappas = [
        _nominal_kappa(people.iloc[:, a].tolist(), people.iloc[:, b].tolist()) for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    print(
        "\nPeople with each other, kappa: "
        + ", ".join(f"{kappa:.2f}" for kappa in kappas)
        + " (published 0.85, 0.88, 0.86)"
    )


def _macro(truth: list[int], said: list[int]) -> tuple[float, float, float]:
    parts = []
    for value in (0, 1, 2):
        table = confusion([s == value for s in said], [t == value for t in truth])
        precision = table.hits / max(table.hits + table.false_alarms, 1)
        recall = table.hits / max(table.hits + table.misses, 1)
        parts.append((precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)))
    precision, recall, f1 = (sum(part[n] for part in parts) / 3 for n in range(3))
    return precision, recall, f1


def _nominal_kappa(first: list[int], second: list[int]) -> float:
    values = sorted(set(first) | set(second))
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    chance = sum(first.count(v) * second.count(v) for v in values) / len(first) ** 2
    return (observed - chance) / (1 - chance)
