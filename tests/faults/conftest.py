"""What the fault tests count, printed as a table at the end: fault, tries, lost, duplicated."""

from collections.abc import Callable

import pytest

_COUNTED: dict[str, list[int]] = {}
Count = Callable[..., None]


@pytest.fixture
def count() -> Count:
    """Add tries of a fault, and what was lost and duplicated in them; none of either may be."""

    def add(fault: str, *, tried: int = 1, lost: int = 0, duplicated: int = 0, allowed: int = 0) -> None:
        total = _COUNTED.setdefault(fault, [0, 0, 0])
        for at, number in enumerate((tried, lost, duplicated)):
            total[at] += number
        assert lost == 0, f"{fault}: lost {lost}"
        assert duplicated <= allowed, f"{fault}: duplicated {duplicated}"

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _COUNTED:
        terminalreporter.section("faults")
        terminalreporter.line("| fault | tried | lost | duplicated |")
        terminalreporter.line("|---|---|---|---|")
        for fault, (tried, lost, duplicated) in sorted(_COUNTED.items()):
            terminalreporter.line(f"| {fault} | {tried} | {lost} | {duplicated} |")
