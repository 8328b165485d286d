"""Rows to judge: made up from a seed, each different, about as long as a support answer over a few passages."""

import argparse
import json
import random
from pathlib import Path

TOPICS = ("invoices", "passwords", "exports", "webhooks", "seats", "backups", "regions", "trials", "roles", "alerts")
VERBS = ("change", "delete", "share", "restore", "limit", "schedule", "rename", "merge", "audit", "disable")


def rows(count: int, seed: int = 7) -> list[dict[str, object]]:
    """Return rows with request_id, prompt, context and response."""
    rng = random.Random(seed)
    return [_row(number, rng) for number in range(count)]


def _row(number: int, rng: random.Random) -> dict[str, object]:
    topic, verb = rng.choice(TOPICS), rng.choice(VERBS)
    passages = [_passage(topic, rng) for _ in range(4)]
    days = rng.randint(2, 90)
    passages[rng.randrange(4)] += f" Customers may {verb} {topic} within {days} days of case {number}."
    return {
        "request_id": f"row-{number:06d}",
        "prompt": f"Case {number}: how long do I have to {verb} my {topic}, and what happens afterwards?",
        "context": passages,
        "response": (
            f"You may {verb} your {topic} within {days} days. Afterwards the {topic} are kept read-only, and an "
            f"administrator of your workspace has to ask support to {verb} them for you."
        ),
    }


def _passage(topic: str, rng: random.Random) -> str:
    sentences = [
        f"The {rng.choice(TOPICS)} page lists {topic} by owner and by the day they were last used.",
        f"An administrator can {rng.choice(VERBS)} {topic} for everybody in the workspace.",
        f"Plans above {rng.randint(5, 500)} seats keep {topic} for {rng.randint(30, 900)} days.",
        f"Support answers questions about {topic} within {rng.randint(1, 48)} hours on working days.",
        f"To {rng.choice(VERBS)} {topic}, open the settings and choose the entry of the same name.",
    ]
    return " ".join(rng.sample(sentences, 4))


def main() -> None:
    """Write rows as JSONL."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    with options.output.open("w", encoding="utf-8") as file:
        for row in rows(options.count):
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
