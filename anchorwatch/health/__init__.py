"""The last minutes: roll-ups of the raw logs, their baselines, and the rules of the five-minute job."""
