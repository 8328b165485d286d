"""`python -m anchorwatch.cli`, for processes that start others without a script on PATH."""

from anchorwatch.cli import main

main()
