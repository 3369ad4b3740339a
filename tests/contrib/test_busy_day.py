"""The simulated day runs, and prints whether the hub held."""

import pytest
from benchmark_runs import run

pytestmark = [pytest.mark.any_python, pytest.mark.real]


def test_busy_day_prints_each_hour_and_whether_the_hub_held():
    heading, *hours, verdict = run(
        "--quick", "--store", "sqlite:", program="busy_day.py"
    ).splitlines()
    assert heading.split()[-3:] == ["MB", "a", "process"]
    assert [hour.split()[0] for hour in hours] == [
        f"{number:02}-{number + 1:02}" for number in range(24)
    ]
    assert verdict.startswith("held: ")
