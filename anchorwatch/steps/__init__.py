"""The night in steps, the same from Airflow, the command line and a notebook. Import what you need from its modules."""
