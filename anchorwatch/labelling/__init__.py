"""People's labels: which rows they get, what their words are worth, and where they are kept."""
