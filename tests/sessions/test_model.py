"""Any sequence of logins, logouts and time, against a model of who may be logged in."""

from dataclasses import dataclass
from math import nextafter

import time_machine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from eilogin.errors import LoginEnded
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store

NOON = 1_800_000_000
MINUTE = 60
IDLE = 15 * MINUTE
LONGEST = 120 * MINUTE

names = st.sampled_from(["anna", "bert"])
indexes = st.sampled_from(["a", "b"])
browsers = st.sampled_from(["at home", "at work"])


@dataclass
class Expected:
    name: str
    #: Those of the logins that it carries on count too.
    indexes: set[str]
    family: str
    ends: float
    seen: float
    #: The limit passed, and somebody looked.
    is_idle: bool = False


class SessionsMachine(RuleBasedStateMachine):
    """Two citizens, two browsers; a token that died is tried for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.travel = time_machine.travel(NOON, tick=False)
        self.clock = self.travel.start()
        self.now = float(NOON)
        self.sessions = Sessions(open_store("memory:"), idle=IDLE, max_session=LONGEST)
        self.tokens: dict[str, str] = {}
        self.dead: set[str] = set()
        #: By token, the logins that are not ended and not over.
        self.live: dict[str, Expected] = {}
        self.marks: dict[tuple[str, str | None], float] = {}
        self.families: set[str] = set()

    def teardown(self) -> None:
        self.travel.stop()

    @staticmethod
    def subject(name: str) -> Subject:
        return Subject("hub", "here", name)

    def may_be(self, name: str, index: str, issued: float) -> bool:
        marks = (self.marks.get((name, None)), self.marks.get((name, index)))
        return all(mark is None or mark < issued for mark in marks)

    def bury(self, tokens: list[str], *, is_same: bool = False) -> None:
        """These are over; what was kept with them is too, but for a step-up."""
        for token in tokens:
            value = self.sessions.store.get(self.live.pop(token).family)
            assert value == ("hers" if is_same else None)
        self.dead.update(tokens)

    @initialize()
    def somebody_is_logged_in(self) -> None:
        self.an_answer_comes_in("at home", "anna", "a", 0)

    @rule(browser=browsers, name=names, index=indexes, age=st.integers(0, 120))
    def an_answer_comes_in(self, browser, name, index, age) -> None:
        issued = self.now - age
        here = self.tokens.get(browser, "")
        old = self.sessions.find_beyond_idle(here)
        login = Login(
            self.subject(name),
            "basis",
            self.now,
            self.now + LONGEST,
            self.now,
            session_index=index,
        )
        try:
            token = self.sessions.create_login(login, issued=issued, replaces=old)
        except LoginEnded:
            assert not self.may_be(name, index, issued)
            return
        assert self.may_be(name, index, issued)
        made = self.sessions.find(token)
        assert made is not None
        is_same = old is not None and old.who.name_id == name
        if is_same:
            assert made.family == old.family
            assert made.ends == min(self.now + LONGEST, old.started + LONGEST)
        else:
            assert made.family not in self.families
        self.families.add(made.family)
        self.sessions.store_with(made, made.family, "hers", made.ends)
        carried_on = self.live[here].indexes if is_same else set()
        if old is not None:
            self.bury([here], is_same=is_same)
        self.live[token] = Expected(
            name, {index} | carried_on, made.family, made.ends, self.now
        )
        self.tokens[browser] = token

    @rule(browser=browsers)
    def she_asks_for_a_page(self, browser) -> None:
        login = self.sessions.find(self.tokens.get(browser, ""))
        if login is not None:
            self.sessions.touch(login)
            self.live[self.tokens[browser]].seen = self.now

    @rule(browser=browsers)
    def she_logs_out_everywhere(self, browser) -> None:
        token = self.tokens.get(browser, "")
        login = self.sessions.find_beyond_idle(token)
        if login is not None:
            self.sessions.end_citizen(login)
            name = self.live[token].name
            self.mark((name, None), nextafter(self.now, 0.0))
            self.bury(self.of(name))

    @rule(name=names, index=st.none() | indexes, age=st.integers(-60, 60))
    def the_hub_says_so(self, name, index, age) -> None:
        issued = self.now - age
        named = [] if index is None else [index]
        self.sessions.end_subject(self.subject(name), named, issued=issued)
        self.mark((name, index), issued)
        self.bury(self.of(name, index))

    def mark(self, whom: tuple[str, str | None], issued: float) -> None:
        self.marks[whom] = max(issued, self.marks.get(whom, issued))

    def of(self, name: str, index: str | None = None) -> list[str]:
        return [
            token
            for token, expected in self.live.items()
            if expected.name == name and index in {None, *expected.indexes}
        ]

    @rule(seconds=st.sampled_from([1, 59, 61, 5 * MINUTE, IDLE, IDLE + 1]))
    def time_passes(self, seconds) -> None:
        self.clock.shift(seconds)
        self.now += seconds
        over = [token for token, login in self.live.items() if login.ends <= self.now]
        for token in over:
            del self.live[token]
        self.dead.update(over)

    @rule(seconds=st.integers(1, 20 * MINUTE))
    def the_clock_is_stepped_back_and_put_right(self, seconds) -> None:
        self.who_is_logged_in_is_as_expected()
        was_idle = {t for t, login in self.live.items() if login.is_idle}
        self.clock.shift(-seconds)
        for token in was_idle | self.dead:
            assert self.sessions.find(token) is None
        self.clock.shift(seconds)

    @invariant()
    def who_is_logged_in_is_as_expected(self) -> None:
        for token in self.dead:
            assert self.sessions.find_beyond_idle(token) is None
        for token, expected in self.live.items():
            expected.is_idle |= self.now - expected.seen > IDLE
            login = self.sessions.find_beyond_idle(token)
            assert login is not None
            assert login.who == self.subject(expected.name)
            assert self.sessions.is_live(login)
            assert (self.sessions.find(token) is None) == expected.is_idle


TestSessions = SessionsMachine.TestCase
TestSessions.settings = settings(max_examples=50)
