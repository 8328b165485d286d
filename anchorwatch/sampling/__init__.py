"""Which logged rows the judge sees, with probabilities that are known and kept."""

from anchorwatch.sampling.draw import SampleCounts, draw_sample

__all__ = ["SampleCounts", "draw_sample"]
