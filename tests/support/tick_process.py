"""One tick of the five-minute job in a process of its own, to be killed by the tests at any moment.

python tick_process.py MOMENT       an ISO moment, which is the clock too
"""

import sys
from datetime import datetime

from health_world import BOOK, SETTINGS

from anchorwatch.steps.health import tick
from anchorwatch.warehouse import make_engine

if __name__ == "__main__":
    moment = datetime.fromisoformat(sys.argv[1])
    engine = make_engine()
    print("ready", flush=True)
    tick(engine, SETTINGS, BOOK, moment, moment)
