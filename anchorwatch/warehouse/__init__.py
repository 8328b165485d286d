"""The database: where it is, what is in it, and how rows go in and out."""

from anchorwatch.warehouse.engine import connect, make_engine, reader_url, told_errors, warehouse_url
from anchorwatch.warehouse.queries import query
from anchorwatch.warehouse.rows import copy_rows

__all__ = ["connect", "copy_rows", "make_engine", "query", "reader_url", "told_errors", "warehouse_url"]
