"""Ended means ended: what Beaker's sessions get wrong, at each place that eilogin runs.

contrib/architecture.rst lists what was measured with Beaker 1.14.1. Each of it is a
test here, in one process, in several workers of gunicorn, and over two machines.
"""

import threading
from urllib.parse import urlsplit

import pytest

# What a token looks like; nobody ever got this one.
INVENTED = "ab" + "invented-by-a-client-43-characters-long-ABC"
assert len(INVENTED) == 45


def set_cookies(response):
    headers = response.headers.getall("Set-Cookie")
    return [h for h in headers if h.startswith("__Host-eilogin=") and "=;" not in h]


@pytest.fixture
def anna(place):
    return place.citizen()


# --- a slow request in flight ---------------------------------------------------------


def test_a_slow_request_that_a_logout_overtakes_logs_nobody_in_again(
    place, anna, hold_up
):
    token = anna.log_in()
    others = place.lying.count() if place.lying else 0
    anna.visit("/mijn?put=plums")
    if place.lying:
        assert place.lying.count() == others + 1
    else:
        assert any("plums" in record for record in place.stored())
    with hold_up(place, token, "pears") as go_on:
        anna.log_out()
        answer = go_on()
    assert "basket=[plums pears]" in answer.text, "it came before the logout"
    assert set_cookies(answer) == []
    assert not place.is_known(token)
    anna.visit("/mijn")
    assert anna.is_asked_for_password
    if not place.store_url.startswith("redis"):
        # There it cannot be reached any more, and goes a little later.
        assert not any("plums" in record for record in place.stored())
    if place.lying:
        assert place.lying.count() == others
    place.let_pass(0.1)
    anna.log_in()
    assert anna.basket == ""


def test_a_slow_request_puts_nothing_into_the_session_of_the_next_login(
    place, anna, hold_up
):
    token = anna.log_in()
    with hold_up(place, token, "pears") as go_on:
        anna.log_out()
        place.let_pass(0.1)
        again = anna.log_in()
        anna.visit("/mijn?put=figs")
        go_on()
    assert not place.is_known(token)
    assert place.is_known(again)
    anna.visit("/mijn")
    assert anna.basket == "figs"
    anna.log_out()


def test_a_slow_request_is_not_lost_because_she_steps_up_meanwhile(
    place, anna, hold_up
):
    token = anna.log_in()
    with hold_up(place, token, "pears") as go_on:
        stepped_up = anna.log_in("/zwaar")
        go_on()
    assert stepped_up != token
    assert not place.is_known(token)
    anna.visit("/mijn")
    assert anna.basket == "pears"
    anna.log_out()


# --- ids ------------------------------------------------------------------------------


def test_an_id_that_a_client_invents_is_not_adopted(place, anna):
    assert not place.is_known(INVENTED)
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", INVENTED)
    token = anna.log_in()
    assert token != INVENTED
    assert place.is_known(token)
    assert not place.is_known(INVENTED), "not by the login either"
    anna.log_out()
    assert not place.is_known(INVENTED)


def test_the_id_before_another_login_is_dead_after_it(place, anna):
    hers = anna.log_in()
    # The hub has forgotten her, and somebody else sits down at this browser.
    anna.browser.set_cookie("inloggen.test", "__Host-eilogin", INVENTED)
    bram = place.citizen()
    bram.browser = anna.browser
    his = bram.log_in("/zwaar")
    assert hers != his
    assert not place.is_known(hers)
    assert place.is_known(his)


def test_the_id_before_a_step_up_is_dead_after_it(place, anna):
    before = anna.log_in()
    after = anna.log_in("/zwaar")
    assert before != after
    assert not place.is_known(before)
    assert place.is_known(after)


def test_the_id_before_a_keep_alive_is_dead_after_it(place, anna):
    before = anna.at("waak.test").log_in()
    place.let_pass(1.1)
    after = anna.visit("/mijn")
    assert len(anna.browser.trail) > 1, "the hub was asked"
    assert anna.user
    assert before != after
    assert not place.is_known(before, "waak.test")
    assert place.is_known(after, "waak.test")


def test_a_cookie_that_is_replayed_after_a_logout_logs_nobody_in(place, anna):
    token = anna.log_in()
    anna.visit("/mijn?put=it")
    anna.log_out()
    for path in ("/open", "/mijn", "/zwaar"):
        for mode in ("navigate", "cors"):
            answer = place.ask(path, token, Sec_Fetch_Mode=mode)
            assert "user=[anna" not in answer.text
            assert "basket=[it]" not in answer.text
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", token)
    anna.visit("/mijn")
    assert anna.is_asked_for_password


# --- life -----------------------------------------------------------------------------


def test_a_session_is_over_at_its_limits_and_stays_over(place):
    short = place.citizen().at("kort.test")
    still = place.citizen().at("stil.test")
    tokens = {short.host: short.log_in(), still.host: still.log_in()}
    for _ in range(3):
        assert place.is_known(tokens["kort.test"], "kort.test")
        place.let_pass(0.8)
    place.let_pass(0.8)
    for host, token in tokens.items():
        assert not place.is_known(token, host), host
    for visitor in (short, still):
        visitor.visit("/mijn")
        assert not place.is_known(tokens[visitor.host], visitor.host)


# --- two overlapping writes -----------------------------------------------------------


def ask_for_step_up(tab):
    tab.browser.stops_before = "answer="
    tab.visit("/zwaar")


def prove(tab):
    tab.type_password()
    assert "answer=" in tab.browser.url


def bring_the_answer(tab):
    tab.browser.stops_before = None
    tab.browser.follow(tab.browser.url)
    assert tab.token or not tab.user


@pytest.mark.parametrize("before", range(4))
def test_a_step_up_in_one_tab_and_a_logout_in_another_in_every_order(
    place, anna, before
):
    anna.log_in()
    tab, other = anna.tab(), anna.tab()
    steps = [ask_for_step_up, prove, bring_the_answer]
    for step in steps[:before]:
        step(tab)
    assert tab.token
    other.log_out()
    assert not other.browser.cookie("uwv.test", "__Host-eilogin")
    for step in steps[before:]:
        # A password that she types after the logout would log her in, and rightly so.
        if step is not prove and not tab.is_asked_for_password:
            step(tab)
    assert len(tab.tokens) == (2 if before == 3 else 1)
    assert not any(place.is_known(token) for token in tab.tokens)
    tab.browser.stops_before = None
    tab.visit("/mijn")
    assert tab.is_asked_for_password


def at_once(*calls):
    barrier = threading.Barrier(len(calls))
    outcomes = [None] * len(calls)

    def run(number, call):
        barrier.wait()
        outcomes[number] = call()

    threads = [
        threading.Thread(target=run, args=(number, call))
        for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_a_step_up_and_a_logout_at_the_same_time(place):
    for _ in range(10):
        anna = place.citizen()
        anna.log_in()
        tab = anna.tab()
        tab.browser.stops_before = "answer="
        tab.visit("/zwaar")
        tab.type_password()
        cookies = tab.browser.cookies("uwv.test")
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        address = urlsplit(tab.browser.url)

        def bring(path, header=header):
            return place.ask(
                path, Cookie=header, Sec_Fetch_Mode="navigate", Sec_Fetch_Site="none"
            )

        answer, logout = at_once(
            lambda: bring(f"{address.path}?{address.query}"),  # noqa: B023
            lambda: bring("/eilogin/logout"),
        )
        made = [text.split("=", 1)[1].split(";")[0] for text in set_cookies(answer)]
        assert logout.status_int in (200, 302)
        assert not any(place.is_known(token) for token in {*made, *anna.tokens})


def test_of_a_logout_with_the_id_before_a_step_up_nobody_stays_logged_in(place, anna):
    """The browser sent it just before the other tab's answer brought the new one."""
    before = anna.log_in()
    after = anna.log_in("/zwaar")
    assert place.is_known(after)
    place.ask("/eilogin/logout", before, Sec_Fetch_Site="none")
    assert not place.is_known(after)


# --- what is sent by who was never here -----------------------------------------------


#: A page for everybody, a page for who is logged in, and what a script asks there.
FOR_STRANGERS = [
    ("/open", "cors", 200),
    ("/mijn", "navigate", 302),
    ("/mijn", "cors", 401),
]


def test_ten_thousand_invented_cookies_leave_nothing_in_the_store(place):
    before = set(place.stored())
    for number in range(place.many):
        token = f"{number % 256:02x}{number:043d}"
        path, mode, status = FOR_STRANGERS[number % 3]
        answer = place.ask(path, token, Sec_Fetch_Mode=mode)
        assert answer.status_int == status
        assert set_cookies(answer) == []
    # What was there may be over meanwhile, and gone.
    assert set(place.stored()) <= before


ODD = {
    "words without a value": "null; {ours}",
    "more words": "; ;null;; {ours}; undefined;",
    "brackets in a name": "x[y]=1; {ours}; x[z]=2",
    "JSON": 'a={{"b":1}}; {ours}',
    "JSON with semicolons": 'a={{"b":"1; 2"; "c":[1,2]}}; {ours}',
    "quotes that do not end": 'a="b; {ours}',
    "quoted semicolons": 'a="1; 2; 3"; {ours}',
    "a backslash": "a=\\073\\; {ours}",
    "no blank between": "a=1;{ours};b=2",
    "many blanks": "a=1;   \t {ours}   ;b=2",
    "letters of other alphabets": "na\xefve=caf\xe9; {ours}; \xff=\xfe",
    "signs that no cookie has": "a,b@c=<>()/?:; {ours}",
    "our name inside of a value": "a=x__Host-eilogin=y; {ours}",
    "64 KB before it": "big=" + 64 * 1024 * "x" + "; {ours}",
    "64 KB after it": "{ours}; big=" + 64 * 1024 * "x",
    "a thousand cookies": "".join(f"c{n}=1; " for n in range(1000)) + "{ours}",
    "ours twice, the same": "{ours}; {ours}",
}


def test_odd_cookies_beside_it_do_not_lose_the_session(place, anna):
    token = anna.log_in()
    user = anna.user
    for name, header in ODD.items():
        cookies = header.format(ours=f"__Host-eilogin={token}")
        answer = place.ask("/mijn", Cookie=cookies)
        assert f"user=[{user}]" in answer.text, name
    for forged in (f"__Host-eilogin={token[:-1]}", f"__Host-eilogin={token}x",
                   f"__Host-eilogin={token}; __Host-eilogin={INVENTED}",
                   f"\xa0__Host-eilogin={token}", f"__host-eilogin={token}",
                   f"__Host-eilogin={token.swapcase()}"):  # fmt: skip
        answer = place.ask("/open", Cookie=forged)
        assert "user=[]" in answer.text, forged
