"""The command line. Exit code 0: done; 1: it failed and may be tried again; 2: fix the call or the configuration."""

from anchorwatch.cli.app import main

__all__ = ["main"]
