"""Whether the numbers keep their promise, by simulation.

    python benchmarks/statistics/run.py                 every part
    python benchmarks/statistics/run.py percentiles     one part, or several
    python benchmarks/statistics/run.py percentiles --tuning    the seeds that were looked at while building

Each part is a module here with a function `print_tables(seed, repeats)`, which calls the product's own code.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

PARTS = {
    # name: (module, what it shows)
    "percentiles": ("percentiles", "percentiles under shifts of the mix: false alarms and delays, before and after"),
}
SEED, TUNING_SEED = 20262, 11


def main() -> None:
    """Print the tables of the parts that were asked for, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shown = "; ".join(f"{name}: {text}" for name, (_, text) in PARTS.items())
    parser.add_argument("parts", nargs="*", metavar="part", help=shown)
    parser.add_argument("--tuning", action="store_true", help="the seed that was looked at while building")
    parser.add_argument("--repeats", type=int, help="each part has its own default")
    options = parser.parse_args()
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part '{unknown[0]}'; there are {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        module, text = PARTS[name]
        print(f"\n## {name}\n\n{text}\n", flush=True)
        import_module(module).print_tables(TUNING_SEED if options.tuning else SEED, options.repeats)


if __name__ == "__main__":
    main()
