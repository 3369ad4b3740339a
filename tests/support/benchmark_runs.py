"""Runs of the commands in ``contrib/benchmarks``."""

import subprocess
import sys
from pathlib import Path

from unmeasured import unmeasured

FOLDER = Path(__file__).parents[2] / "contrib" / "benchmarks"
#: Benchmarks that start many servers.
SERVERS = (
    *("hub-load", "hub-load-others", "hub-memory"),
    *("start", "command", "worker-memory"),
)


def run(*arguments, program="run.py"):
    """Run a command of the folder; return what it prints."""
    command = [sys.executable, "-W", "error::ResourceWarning", FOLDER / program]
    done = subprocess.run(
        [*command, *arguments],
        env=unmeasured(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
