"""The benchmarks that start many servers run."""

import pytest
from benchmark_runs import SERVERS, run
from redis_servers import require_redis

pytestmark = [pytest.mark.any_python, pytest.mark.real]


@pytest.fixture(scope="module")
def smoke():
    only = [f"--only={name}" for name in SERVERS]
    return run("--form", "smoke", *only).splitlines()


@pytest.mark.parametrize(
    ("start", "goal"),
    [
        ("POST, memory: 1 process ", None),
        ("POST, sqlite: 2 processes", "1.10"),
        ("POST, sqlite: 4 processes", None),
        ("POST, redis: 4 processes", None),
        ("artifact, memory: 1 process ", None),
        ("artifact, sqlite: 1 process ", None),
        ("artifact, redis: 2 processes", None),
        ("sign-in, sqlite: 1 process ", None),
        ("sign-in, sqlite: 4 processes", None),
        ("sign-in, redis: 2 processes", None),
        ("hub of 8 threads", "150"),
        ("hub of 32 threads ", "150"),
        ("hub of 32 threads, MALLOC_ARENA_MAX=2", "150"),
        ("start, waitress, site", None),
        ("start, gunicorn, hub", None),
        ("eilogin --help", "0.25"),
        ("eilogin --version", "0.25"),
        ("worker, site ", None),
        ("worker, hub, --preload", None),
    ],
)
def test_each_hub_and_start_has_its_figures_and_its_goal(smoke, start, goal):
    if "redis" in start:
        require_redis()
    # Two tables have some of the loads.
    lines = [line for line in smoke if line.startswith(start)]
    assert lines
    for line in lines:
        cells = line.removeprefix(start).split()
        assert all(float(cell.rstrip("!").replace(",", "")) > 0 for cell in cells)
        assert goal is None or goal in cells
