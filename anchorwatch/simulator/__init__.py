"""A seeded simulator of LLM traffic with stated drifts, for the demo, tests and benchmarks.

Everything it makes is invented and says so: its model names begin with `sim-`.
"""

from anchorwatch.simulator.events import DriftEvent, parse_event, read_events
from anchorwatch.simulator.simulate import SimulationPlan, simulate

__all__ = ["DriftEvent", "SimulationPlan", "parse_event", "read_events", "simulate"]
