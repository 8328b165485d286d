"""The engine of Anchorwatch: how the nightly evaluation is done, whoever calls it."""

__version__ = "0.1.0"
