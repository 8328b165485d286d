"""The demo: simulated logs, real Airflow, a local receiver for its alerts. Also how `anchorwatch airflow` runs it."""
