"""Log files into `llm_requests`: every row is loaded, recognised as repeated, or rejected with a reason."""

from anchorwatch.loading.load import LoadCounts, load_file

__all__ = ["LoadCounts", "load_file"]
