"""``python -m api.cli``: as ``sojourn``."""

from api.cli import main

main()
