"""Imports the heavy libraries once in the scheduler, so that LocalExecutor's forked tasks have them already.

Great Expectations takes three seconds to import and openai one, for every task that needs them. Copy this
import into `$AIRFLOW_HOME/config/airflow_local_settings.py` on a single machine; other executors start
fresh processes and gain nothing.
"""

import sys


def preload() -> None:
    """Import what tasks need, in the scheduler process only."""
    if "scheduler" not in sys.argv:
        return
    import numpy  # noqa: F401
    from scipy import special  # noqa: F401

    import anchorwatch.airflow_support.channels
    import anchorwatch.airflow_support.nightly
    import anchorwatch.alerting
    import anchorwatch.metrics
    import anchorwatch.quality_gate
    import anchorwatch.sampling
    import anchorwatch.scoring  # noqa: F401
    from anchorwatch.settings.shipped import shipped_files, versions

    # Tasks run the modules as they are now: their identity is of now, too, whatever becomes of the files.
    shipped_files()
    versions()
