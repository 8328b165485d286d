"""Which streams changed: baselines, evidence that adds up over days, rules, and the outcome for every segment."""
