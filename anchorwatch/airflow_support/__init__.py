"""The only part of the package that knows Airflow: connections, run identity, and errors as Airflow wants them."""
