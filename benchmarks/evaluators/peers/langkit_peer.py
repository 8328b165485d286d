"""langkit: its regular expressions for personal data; its other checks load models from a hub."""

from common import Row, run
from langkit import regexes


def patterns(rows: list[Row]) -> list[float]:
    regexes.init()
    loader = regexes.pattern_loader
    groups = loader.get_regex_groups()
    found = []
    for row in rows:
        hit = any(expression.search(row["response"]) for group in groups for expression in group["expressions"])
        found.append(0.0 if hit else 1.0)
    return found


run({"pii": {"regexes": patterns}})
