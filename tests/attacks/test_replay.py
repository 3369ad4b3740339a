"""One answer of the hub makes one session, however often and wherever it is brought.

ATTACKS.md G8: sixteen threads, and two processes that share a store.
"""

import multiprocessing
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eilogin.testing import Browser, Federation
from eilogin.visit import under_way

THREADS = 16
MINE = "https://stad.test/mijn"


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"user=[{environ.get('REMOTE_USER', '')}]".encode()]


def make(folder, store):
    # Each federation makes keys of its own; processes of one site share a secret.
    secret = "known to all processes"
    options = {"stad.test": {"acs": "post", "store": store, "secret": secret}}
    return Federation(folder, {"stad.test": app}, options=options)


@pytest.fixture(params=["memory:", "sqlite"])
def federation(request, tmp_path):
    store = request.param
    if store == "sqlite":
        store = f"sqlite:///{tmp_path}/stad.db"
    return make(tmp_path, store)


def sessions_made(responses):
    return [
        cookie
        for response in responses
        for cookie in response.headers.getall("Set-Cookie")
        if re.match(r"__Host-eilogin=[^;]{20,}", cookie)
    ]


@pytest.fixture
def answered(federation):
    """A browser that holds the cookie of its login, and an answer not yet fetched."""
    return with_an_answer(federation)


def with_an_answer(federation):
    browser = federation.browser()
    browser.visit(MINE)
    browser.stops_before = "answer="
    browser.press("Inloggen", username="anna", password="demo-anna")
    browser.stops_before = None
    assert "answer=" in browser.url
    return browser


def bring(browser, address):
    return browser.fetch(address, **{"Sec-Fetch-Mode": "navigate"})


def twin_of(browser):
    """Another tab, which holds the same cookies until one of them gets others."""
    twin = Browser(browser.app)
    for name, value in browser.cookies("stad.test").items():
        twin.set_cookie("stad.test", name, value)
    return twin


def test_of_sixteen_threads_one_gets_a_session(answered):
    address = answered.url
    twins = [twin_of(answered) for _ in range(THREADS)]

    with ThreadPoolExecutor(THREADS) as threads:
        responses = list(threads.map(lambda twin: bring(twin, address), twins))
    assert len(sessions_made(responses)) == 1
    assert {response.status_int for response in responses} == {303}


def test_of_two_at_the_same_moment_the_late_one_is_led_to_the_page(
    federation, answered, monkeypatch
):
    address, early, in_time = answered.url, twin_of(answered), []
    claim = under_way.claim

    def claim_too_late(environ, pending):
        monkeypatch.setattr(under_way, "claim", claim)
        in_time.append(bring(early, address))
        return claim(environ, pending)

    monkeypatch.setattr(under_way, "claim", claim_too_late)
    late = bring(answered, address)
    assert (late.status_int, late.location) == (303, MINE)
    assert sessions_made([late]) == []
    assert len(sessions_made(in_time)) == 1
    sessions = federation.apps["stad.test"].sessions
    login = sessions.find(early.cookie("stad.test", "__Host-eilogin"))
    assert sessions.store.find(login.who.label()) == [login.key]


def test_brought_again_after_a_logout_it_makes_none(answered):
    address = answered.url
    answered.follow(address)
    assert answered.url == MINE
    answered.visit("https://stad.test/eilogin/logout")
    for _ in range(2):
        answered.visit(address)
        assert answered.page.status_int == 400
    answered.visit(MINE)
    assert answered.url.startswith("https://inloggen.test/")


def in_another_process(folder, address, cookies, results):
    """Serve the same site from the same store, and bring the same answer."""
    own = Path(folder, str(os.getpid()))
    own.mkdir()
    browser = make(own, f"sqlite:///{folder}/stad.db").browser()
    for name, value in cookies.items():
        browser.set_cookie("stad.test", name, value)
    results.put(len(sessions_made([bring(browser, address)])))


def test_of_two_processes_one_gets_a_session(tmp_path):
    answered = with_an_answer(make(tmp_path, f"sqlite:///{tmp_path}/stad.db"))
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(
            target=in_another_process,
            args=(str(tmp_path), answered.url, answered.cookies("stad.test"), results),
        )
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    made = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    results.close()
    assert sorted(made) == [0, 1]
