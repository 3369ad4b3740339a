"""The benchmarks run, and their arithmetic is right."""

import gc
import importlib
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from benchmark_runs import FOLDER, SERVERS, run
from redis_servers import require_redis

pytestmark = pytest.mark.any_python


@pytest.fixture(scope="module")
def smoke():
    # Those take as long as all others: test_hub_benchmarks has them.
    without = [f"--without={name}" for name in SERVERS]
    return run("--form", "smoke", *without).splitlines()


def test_the_first_line_says_on_what_machine_with_what_versions(smoke):
    assert " cores, CPython " in smoke[0]
    assert "waitress 3." in smoke[0]
    assert "; eilogin 0." in smoke[0]
    assert smoke[0].endswith("form: smoke")


@pytest.mark.parametrize(
    ("start", "goal"),
    [
        ("request, five filters, memory:", "6.20"),
        ("request, three app cookies, memory:", "6.20"),
        ("request, five filters, sqlite:", "1.80"),
        ("page with the warning, in process", None),
        ("page with a policy, over waitress", "1.15"),
        ("answer verified, our checks", "3.80"),
        ("answer verified, both opinions", "0.45"),
        ("answer built and signed", "1.50"),
        ("login at a participant, sqlite:", None),
        ("the same, second_opinion = false", None),
        ("request, five filters, redis:", "1.40"),
        ("2,000 visitors, memory:", "1.30"),
        ("2,000 visitors, sqlite:", "1.30"),
        ("2,000 visitors, redis:", "1.30"),
        ("sessions ended by subject, 1,000 live", "1.50"),
        ("sessions ended by subject, 100,000 live", "1.50"),
        ("sessions ended by subject, redis:, 100,000 live", "1.50"),
        ("page during a refresh of 10,000, p50", None),
        ("page during a refresh of 10,000, p99", "1.30"),
        ("LogoutRequest executed and answered, memory:", "1.00"),
        ("LogoutRequest executed and answered, sqlite:", "1.00"),
        ("LogoutRequest executed and answered, redis:", "1.00"),
        ("logout told to 100, 30 slow ", "1.10"),
        ("100 ready messages sent at once, 30 slow", None),
        ("logout told to 100, 30 slow, 20 dead", "1.10"),
        ("100 logouts at once", "1.00"),
        ("SSO answer by POST, memory:", None),
        ("SSO answer by POST, sqlite:", "4.50"),
        ("last healthy one told, with dead ones by without", "1.50"),
        ("metadata of 1,000 entities read", "2.00"),
        ("key looked up first, 1,000", "1.00"),
        ("key looked up again, 1,000", "1.00"),
        ("key looked up, 1,000 against 10", "1.10"),
        ("metadata of 10,000 entities read", "2.00"),
        ("key looked up first, 10,000", "1.00"),
        ("key looked up again, 10,000", "1.00"),
        ("key looked up, 10,000 against 10", "1.10"),
        ("started, 10,000", "1.00"),
        ("MB kept (not µs), 10,000", "0.30"),
    ],
)
def test_each_line_has_its_figures_and_its_goal(smoke, start, goal):
    if "redis" in start:
        require_redis()
    (line,) = [line for line in smoke if line.startswith(start)]
    this, floor, ratio, *rest = line.removeprefix(start).split()
    assert float(this.replace(",", "")) > 0
    assert float(floor.replace(",", "")) > 0
    assert float(ratio.rstrip("!")) > 0
    assert goal is None or goal in rest


@pytest.mark.parametrize(
    ("start", "goals"),
    [
        ("waitress, 8: bare application", []),
        ("waitress, 8: SELECT by hand", []),
        ("waitress, 8: Beaker, memory", []),
        ("waitress, 8: eilogin, memory:", ["1.15", "1.10"]),
        ("waitress, 8: eilogin, sqlite:", ["1.55", "1.10"]),
        ("waitress, 8: eilogin, redis:", ["1.60"]),
        ("gunicorn gthread, 8: dictionary by hand", []),
        ("gunicorn gthread, 8: eilogin, memory:", ["1.12", "1.10"]),
        ("gunicorn gthread, 8: eilogin, sqlite:", ["1.35", "1.10"]),
        ("Apache, 8: mod_auth_mellon", []),
    ],
)
def test_load_has_its_figures_and_its_goals(smoke, start, goals):
    require_redis()
    (line,) = [line for line in smoke if line.startswith(f"{start} ")]
    figures = line.removeprefix(start).split()
    assert all(float(figure.replace(",", "").rstrip("!")) > 0 for figure in figures)
    assert len(figures) >= 5
    assert set(goals) <= set(figures[5:])


@pytest.mark.parametrize(
    "name", ["attributes", "allow_attributes", "bind_address = warn", "metrics_token"]
)
def test_usual_option_has_the_time_that_it_adds(smoke, name):
    (line,) = [line for line in smoke if line.startswith(f"{name} ")]
    with_it, plain, added, limit = line.removeprefix(name).split()
    assert float(with_it.replace(",", "")) > 0
    assert float(plain) > 0
    assert float(added.rstrip("!").replace(",", "")) < float(with_it.replace(",", ""))
    assert limit == "2.00"


def test_one_of_them_can_be_run_alone():
    lines = run("--form", "smoke", "--only", "sign").splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("answer built and signed")


@pytest.mark.parametrize(("place", "most"), [("site", 10), ("hub", 15)])
@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_a_session_takes_more_bytes_than_its_text_and_not_many_times_as_many(
    smoke, place, most, kind
):
    require_redis()
    start = f"session at a {place}, {kind}: "
    (line,) = [line for line in smoke if line.startswith(start)]
    each, text = (int(n.replace(",", "")) for n in line.removeprefix(start).split())
    assert text < each < most * text


@pytest.mark.real
def test_a_failover_is_measured_with_wait_and_without():
    require_redis()
    heading, *lines = run("--quick", program="failover.py").splitlines()
    assert heading.split()[-1] == "median"
    assert len(lines) % 2 == 0
    for without, with_ in zip(lines[::2], lines[1::2], strict=True):
        assert "without WAIT" in without
        assert "with WAIT" in with_


def test_help_names_every_benchmark():
    said = run("--help")
    for name in (
        "request-memory",
        "waitress",
        "verify",
        "received",
        "logout",
        "look-up",
    ):
        assert f"  {name} " in said


# --- the arithmetic -----------------------------------------------------------------


@pytest.fixture
def measuring(monkeypatch):
    """The module, with a clock that only what is called moves."""
    monkeypatch.syspath_prepend(FOLDER)
    measuring = importlib.import_module("measuring")
    monkeypatch.setattr(measuring, "time", Stopwatch())
    yield measuring
    del sys.modules["measuring"], sys.modules["measured_tables"]


class Stopwatch:
    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def work(self, *durations):
        """A call that takes these times in turn, over and over."""
        taken = list(durations)

        def call():
            taken.append(taken.pop(0))
            self.now += taken[-1]

        return call


def bench_of(measuring, variants, samples=1, quantile=0.5):
    @contextmanager
    def setting(folder, size):
        yield variants

    row = measuring.Row(
        name="a line", this="this", floor="floor", peer="peer", quantile=quantile
    )
    return measuring.Bench(
        name="a", what="b", rows=(row,), setting=setting, samples=samples
    )


def figures(measuring, bench, rounds=3, **size):
    return measuring.measure(bench, Path(), measuring.Size(rounds=rounds, **size))[0]


def times(figure):
    """In seconds: of this, and of the floor."""
    values = figure.values["this µs"], figure.values["floor µs"]
    return tuple(pytest.approx(value / 1e6) for value in values)


def nothing():
    pass


def test_times_are_the_medians_of_the_rounds(measuring):
    work = measuring.time.work
    variants = {
        "this": measuring.Variant(work(6.0, 9.0, 60.0), before=nothing),
        "floor": measuring.Variant(work(2.0, 3.0, 10.0), before=nothing),
        "peer": measuring.Variant(work(12.0, 18.0, 30.0), before=nothing),
    }
    figure = figures(measuring, bench_of(measuring, variants))
    assert times(figure) == (9.0, 3.0)
    assert (figure.ratio, figure.peer_ratio) == (3.0, 0.5)


def test_ratios_are_of_figures_taken_in_the_same_round(measuring):
    work = measuring.time.work
    # A machine that slows down: the medians' ratio would be 4.
    variants = {
        "this": measuring.Variant(work(2.0, 8.0, 40.0), before=nothing),
        "floor": measuring.Variant(work(1.0, 2.0, 20.0), before=nothing),
        "peer": measuring.Variant(work(1.0), before=nothing),
    }
    assert figures(measuring, bench_of(measuring, variants)).ratio == 2.0


def test_variants_take_turns(measuring):
    order = []
    variants = {
        name: measuring.Variant(
            measuring.time.work(1.0), before=lambda name=name: order.append(name)
        )
        for name in ("this", "floor", "peer")
    }
    figures(measuring, bench_of(measuring, variants), rounds=2)
    assert order == ["this", "floor", "peer"] * 2


def test_benchmark_does_not_time_its_setup(measuring):
    work = measuring.time.work
    one = measuring.Variant(work(1.0), before=work(50.0))
    variants = dict.fromkeys(("this", "floor", "peer"), one)
    assert times(figures(measuring, bench_of(measuring, variants)))[0] == 1.0


def test_a_variant_may_say_itself_how_long_it_took(measuring):
    work = measuring.time.work
    calls = []

    def call():
        calls.append(1)
        work(50.0)()
        return 6.0

    one = measuring.Variant(call, says_seconds=True)
    two = measuring.Variant(lambda: 2.0, says_seconds=True)
    variants = {"this": one, "floor": two, "peer": two}
    figure = figures(measuring, bench_of(measuring, variants))
    assert times(figure)[0] == 6.0
    assert figure.ratio == 3.0
    assert len(calls) == 3


def test_short_calls_are_timed_many_together(measuring):
    calls = []
    work = measuring.time.work(0.000_01)
    one = measuring.Variant(lambda: (calls.append(1), work()))
    variants = dict.fromkeys(("this", "floor", "peer"), one)
    figure = figures(measuring, bench_of(measuring, variants), stretch=0.01)
    assert times(figure)[0] == 0.000_01
    assert len(calls) > 3 * 3 * 900


@pytest.mark.parametrize(
    ("quantile", "expected"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)]
)
def test_a_quantile_is_one_of_the_samples(measuring, quantile, expected):
    work = measuring.time.work
    samples = [float(n) for n in range(100, 0, -1)]
    variants = {
        name: measuring.Variant(work(*samples)) for name in ("this", "floor", "peer")
    }
    bench = bench_of(measuring, variants, samples=100, quantile=quantile)
    assert times(figures(measuring, bench))[0] == expected


def load_bench(measuring, variants, *rows, columns=("requests/s", "MB")):
    @contextmanager
    def setting(folder, size):
        yield {name: measuring.Variant(call) for name, call in variants.items()}

    return measuring.Bench(
        name="a",
        what="b",
        rows=rows,
        setting=setting,
        columns=columns,
        compared="µs",
        ratios=("bare/this", "peer/this"),
    )


def loads(*rates, **more):
    """A call that says each of these requests/s in turn."""
    said = list(rates)
    return lambda: {"requests/s": said[0], "µs": 1e6 / said.pop(0), **more}


def test_benchmark_with_columns_shows_the_figures_that_its_calls_return(measuring):
    variants = {
        "bare": loads(1000.0, 4000.0, 2000.0),
        "memory": loads(500.0, 1000.0, 800.0, MB=99.0),
    }
    rows = (
        measuring.Row(name="bare", this="bare"),
        measuring.Row(
            name="memory:", this="memory", floor="bare", goal=2.0, limits={"MB": 90.0}
        ),
    )
    bench = load_bench(measuring, variants, *rows)
    lines = measuring.measure(bench, Path(), measuring.Size(rounds=3))
    assert measuring.table_of(bench, lines).text().splitlines() == [
        "         requests/s      MB  at most  bare/this  goal",
        "bare          2,000",
        "memory:         800  99.00!    90.00      2.50!  2.00",
    ]


def test_a_table_without_floors_has_no_ratio(measuring):
    row = measuring.Row(name="start", this="start")
    bench = load_bench(measuring, {"start": loads(1.0)}, row, columns=("requests/s",))
    lines = measuring.measure(bench, Path(), measuring.Size(rounds=1))
    assert measuring.table_of(bench, lines).headings == ("requests/s",)


def test_work_that_is_done_adds_up_to_the_whole(measuring):
    done = []
    variants = {"this": loads(1.0, 1.0), "other": loads(1.0, 1.0)}
    row = measuring.Row(name="start", this="this")
    bench = load_bench(measuring, variants, row, columns=("requests/s",))
    measuring.measure(bench, Path(), measuring.Size(rounds=2), done.append)
    assert done == [0.25] * 4


def test_a_benchmark_takes_no_more_rounds_than_it_wants(measuring):
    bench = bench_of(
        measuring,
        dict.fromkeys(
            ("this", "floor", "peer"), measuring.Variant(lambda: 1.0, says_seconds=True)
        ),
    )
    done = []
    measuring.measure(
        replace(bench, most_rounds=2), Path(), measuring.Size(rounds=9), done.append
    )
    assert len(done) == 2 * 3


def test_the_collector_is_off_while_timing_and_on_again_after(measuring):
    seen = []
    one = measuring.Variant(
        lambda: (seen.append(gc.isenabled()), measuring.time.work(1.0)())
    )
    variants = dict.fromkeys(("this", "floor", "peer"), one)
    figures(measuring, bench_of(measuring, variants))
    assert not any(seen)
    assert gc.isenabled()
