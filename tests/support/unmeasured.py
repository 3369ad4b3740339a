"""Processes that coverage does not follow.

Those that work for long, and at what other tests reach too, are two to three times as
quick; and one that is killed leaves no half of its figures.
"""

import os


def unmeasured() -> dict[str, str]:
    """The environment for such a process."""
    return {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
