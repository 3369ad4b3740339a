"""No filter loads code of a hub, of the commands, or of a store that is not used."""

import subprocess
import sys
from importlib.metadata import distribution

import pytest

POINTS = distribution("eilogin").entry_points.select(group="paste.filter_app_factory")
UNUSED = {"beaker", "click", "eilogin.cli", "eilogin.hub", "redis", "waitress"}


@pytest.mark.parametrize("name", [point.module for point in POINTS])
def test_loads_no_foreign_code(name):
    code = f"import sys, {name}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert name in done.stdout.split()
    assert UNUSED.isdisjoint(done.stdout.split())
