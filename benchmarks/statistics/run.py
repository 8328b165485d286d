"""Whether the numbers keep their promise, by simulation: coverage of intervals, false alarms, how long they last.

    python benchmarks/statistics/run.py                 every part
    python benchmarks/statistics/run.py corrected       one part, or several
    python benchmarks/statistics/run.py corrected --tuning    the seeds that were looked at while building

Each part is a module here with a function `print_tables(seed, repeats)`, which calls the product's own code. Seeds are
fixed. Settings were chosen with other seeds than the reported one, which was run when the code stood.
"""

import argparse
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


@dataclass(frozen=True)
class Part:
    """A part of the benchmark: what it shows, the reported seed, and the one that was looked at while building."""

    shows: str
    seed: int
    tuning_seed: int


PARTS = {
    "corrected": Part("corrected values: coverage before, across and after a drop; a judge that changes", 20270, 1511),
    "rules": Part(
        "rules and the budget: evidence needed, nights until found, false alarms, before and after", 20263, 31
    ),
    "percentiles": Part("percentiles under shifts of the mix: false alarms and delays, before and after", 20262, 11),
    "change": Part("intervals of a change: coverage at the alarm and on later nights", 20281, 11),
    "alarms": Part("how long false alarms are open, and whether lasting drops stay open", 20291, 7),
}


def main() -> None:
    """Print the tables of the parts that were asked for, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shown = "; ".join(f"{name}: {part.shows}" for name, part in PARTS.items())
    parser.add_argument("parts", nargs="*", metavar="part", help=shown)
    parser.add_argument("--tuning", action="store_true", help="the seed that was looked at while building")
    parser.add_argument("--repeats", type=int, help="simulated nights a cell; each part has its own default")
    options = parser.parse_args()
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part '{unknown[0]}'; there are {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        part = PARTS[name]
        print(f"\n## {name}\n\n{part.shows}\n", flush=True)
        import_module(name).print_tables(part.tuning_seed if options.tuning else part.seed, options.repeats)


if __name__ == "__main__":
    main()
