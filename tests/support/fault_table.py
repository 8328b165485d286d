"""The table at the end of a run: fault, how often it was tried, what was lost and duplicated."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    total: dict[str, list[int]] = {}
    for report in (*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())):
        for name, value in report.user_properties:
            if name == "fault" and report.when == "call":
                fault, *numbers = value
                total[fault] = [a + b for a, b in zip(total.get(fault, (0, 0, 0)), numbers, strict=True)]
    if total:
        terminalreporter.section("faults")
        terminalreporter.line("| fault | tried | lost | duplicated |")
        terminalreporter.line("|---|---|---|---|")
        for fault, (tried, lost, duplicated) in sorted(total.items()):
            terminalreporter.line(f"| {fault} | {tried} | {lost} | {duplicated} |")
