"""The page Sizing recommends what the last measurement needs."""

import json
import re

import pytest
from benchmark_runs import FOLDER
from manual_blocks import MANUAL

#: Of the visitors of a day, those of the busiest hour.
BUSIEST = 0.12
#: A visitor's sign-in and two logins, and for the logout a fifth more.
VISIT, LOGOUT = ("sign-in", "POST", "artifact"), 1.2
#: The highest load of a processor.
MOST = 0.6

PAGE = (MANUAL / "production/sizing.rst").read_text()
ROWS = re.findall(r"(?m)^([0-9,]+) +([0-9.]+) +([0-9]+) +([0-9.]+) GB", PAGE)


def figures(name):
    """The figures of each row of a measured table, by their headings."""
    table = json.loads((FOLDER / "results.json").read_text())["tables"][name]
    return {
        row: dict(zip(table["headings"], cells, strict=True))
        for row, *cells in table["rows"]
    }


def a_day(row):
    visitors, rate, processes, memory = row
    return int(visitors.replace(",", "")), float(rate), int(processes), float(memory)


def test_the_page_has_each_size():
    sizes = [a_day(row)[0] for row in ROWS]
    assert sizes == [1_000, 100_000, 1_000_000, 10_000_000]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_processes_of_a_hub_carry_the_peak(row):
    visitors, rate, processes, _ = a_day(row)
    assert rate == pytest.approx(visitors * BUSIEST / 3600, rel=0.12)
    of_load = figures("hub-load") | figures("hub-load-others")
    cpu = sum(of_load[f"{kind}, redis: 2 processes"]["CPU ms"] for kind in VISIT)
    assert rate * cpu / 1000 * LOGOUT <= processes * MOST


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_memory_of_a_hub_is_enough_for_a_burst(row):
    _, _, processes, memory = a_day(row)
    burst = figures("hub-memory")["hub of 8 threads"]["MB at its end"]
    assert processes * burst / 1000 <= memory
