# ruff: noqa: PLR0913, PLR0917 - what hypothesis draws are arguments
"""Two browsers, two hubs, and whatever order things come in: who is signed in?

Attacks G9 and G17. The applications are the real ones, the messages are made with
the keys of the hubs; after every step the participant is asked, by each browser, whom
it sees, and a model of who may be signed in (:mod:`sign_in_model`) has to agree.
"""

import re
from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from hub_speaker import SECOND_HUB
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from lxml import etree
from parties import new_party_key
from sign_in_model import (
    ASKED,
    IN,
    LEVELS,
    MINUTE,
    ON,
    REFUSED,
    SKEW,
    Answer,
    Model,
    Question,
)
from two_hubs import FIRST_HUB, LOGOUT, SITE, SLO, SOAP, TwoHubs

from eilogin.saml import bindings, messages, safe_xml
from eilogin.saml.assurance_levels import DIGID

NOON = 1_800_000_000
HUBS = (FIRST_HUB, SECOND_HUB)
BROWSERS = ("at home", "at work")
#: Who has a copy of every cookie that ever was.
THIEF = "a thief"
NAMES = ("anna", "bram")
INDEXES = ("_s1", "_s2")
#: The number that the page of a refusal has.
REFERENCE = re.compile(r"\b[2-9A-Z]{3}-[2-9A-Z]{3}\b")
#: Of no session at all.
MADE_UP = "ab" + "x" * 43

browsers = st.sampled_from(BROWSERS)
hubs = st.sampled_from(HUBS)
names = st.sampled_from(NAMES)
indexes = st.sampled_from(INDEXES)
levels = st.sampled_from(LEVELS)
#: Which of what there is, counted from the latest.
which = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5])
ways = st.sampled_from(["post", "post", "later", "artifact", "artifact", "not yet"])
#: Mostly what is well made.
FAULTS = ("other key", "tampered", "unsigned")
faults = st.sampled_from([""] * 6 + [*FAULTS])
#: By how much the clock of a hub is off, and by how much too much.
clocks = st.sampled_from([0, 0, 0, 30 - SKEW, SKEW])
OFF = {"early": 2 * SKEW, "late": -3 * MINUTE}
#: What may be wrong with an answer to a question.
WRONG = ("hub", "browser", "level", "proof", *FAULTS, *OFF)
#: And with a LogoutRequest: it may name her as another hub does, too.
WRONG_LOGOUT = ("hub", "named by", "name", "index", "index", *FAULTS, *OFF)
#: By how much the clock goes on, in seconds.
STEPS = (0, 1, 50, 3 * MINUTE, 3 * MINUTE, 11 * MINUTE, 16 * MINUTE)
#: Between two logins that begin: of those of one instant, chance says which is older,
#: and what is drawn next must not hang on that. Whole in binary and in milliseconds.
MOMENT = 1 / 8
#: How long a hub says that a session lasts.
lives = st.sampled_from([120 * MINUTE] * 4 + [20 * MINUTE, 1, None])


@dataclass
class Brought:
    """An answer as it can be brought, again and again: the question is its tab's."""

    question: Question
    answer: Answer
    element: etree._Element
    #: The hub that has it, and the artifact for it.
    hub: str
    artifact: str
    #: Once it waits, the address at which a browser fetches it.
    url: str = ""


@dataclass
class LogoutRequest:
    hub: str
    name: str
    index: str | None
    issued: float
    id: str
    named_by: str
    fault: str


def other_than(one, found):
    """The other one of two."""
    return next(other for other in found if other != one)


@seed(1)
class SignInMachine(RuleBasedStateMachine):
    """What citizens, hubs and attackers do; and the model of it."""

    key = new_party_key("ander.test")
    #: Our own checks have to hold without a second opinion.
    options: ClassVar = {"unsolicited": "true", "second_opinion": "false"}

    def __init__(self) -> None:
        super().__init__()
        self.travel = time_machine.travel(NOON, tick=False)
        self.clock = self.travel.start()
        self.newest = NOON
        self.world = TwoHubs(self.key, (*BROWSERS, THIEF), **self.options)
        self.model = Model(
            NOON,
            cookies=dict.fromkeys(BROWSERS),
            tabs={browser: {} for browser in BROWSERS},
            unasked={browser: {} for browser in BROWSERS},
        )
        self.questions: list[Question] = []
        self.brought: list[Brought] = []
        self.requests: list[LogoutRequest] = []
        #: Every cookie value that ever was.
        self.tokens: list[str] = [MADE_UP]
        #: By the ID of an assertion, how many sessions came of it.
        self.sessions_of: dict[str, int] = {}
        #: The page on which a browser is asked whether it wants to sign in.
        self.word: dict[str, Brought] = {}
        self.pages = count(1)

    def teardown(self) -> None:
        self.world.close()
        self.travel.stop()

    # --- logins ---------------------------------------------------------------------

    @initialize(hub=hubs, name=names)
    def somebody_is_signed_in(self, hub, name) -> None:
        self.she_signs_in("at home", hub, name, "_s1", "basis", False, "", 7200, "post")

    @rule(browser=browsers, hub=hubs, level=levels, fresh=st.booleans())
    def she_goes_to_a_hub(self, browser, hub, level, fresh) -> None:
        query = {"level": level, **({"fresh": "yes"} if fresh else {})}
        self.move(MOMENT)
        target = self.new_page()
        self.world.begin(browser, hub, target, **query)
        self.went(browser, target)

    @rule(browser=browsers, minutes=st.sampled_from([0, 0, 1, 9, 10, 11, 14]))
    def she_opens_a_page(self, browser, minutes) -> None:
        """A while later: her hub is asked silently if its word is ten minutes old."""
        self.move(minutes * MINUTE + MOMENT)
        target = self.new_page()
        self.world.browsers[browser].visit(f"{SITE}{target}")
        self.went(browser, target)

    @rule(
        browser=browsers,
        hub=hubs,
        name=names,
        index=indexes,
        level=levels,
        fresh=st.booleans(),
        wrong=st.sampled_from([""] * 6 + [*WRONG]),
        life=lives,
        way=ways,
    )
    def she_signs_in(
        self, browser, hub, name, index, level, fresh, wrong, life, way
    ) -> None:
        """All as it should be but for one thing, or not even that."""
        before = len(self.questions)
        self.she_goes_to_a_hub(browser, hub, level, fresh)
        if len(self.questions) > before:
            self.a_hub_answers(0, name, index, level, wrong, 0, life, way)

    @precondition(lambda self: self.questions)
    @rule(
        question=which,
        name=names,
        index=indexes,
        level=levels,
        wrong=st.sampled_from([""] * 6 + [*WRONG]),
        clock=clocks,
        life=lives,
        way=ways,
    )
    def a_hub_answers(
        self, question, name, index, level, wrong, clock, life, way
    ) -> None:
        """The same of any question that is there, whatever came between."""
        asked = self.pick(self.questions, question)
        hub = other_than(asked.hub, HUBS) if wrong == "hub" else asked.hub
        clock = OFF.get(wrong, clock)
        level = "basis" if wrong == "level" else level
        brought = self.make(asked, hub, name, index, level, wrong, clock, life)
        self.brought.append(brought)
        if way != "not yet":
            mine = asked.browser
            browser = other_than(mine, BROWSERS) if wrong == "browser" else mine
            self.bring(browser, brought, way)

    @precondition(lambda self: self.brought)
    @rule(
        browser=browsers,
        brought=which,
        way=st.sampled_from(["post", "later", "artifact", "fetch"]),
    )
    def it_is_brought_again(self, browser, brought, way) -> None:
        self.bring(browser, self.pick(self.brought, brought), way)

    @precondition(lambda self: self.brought)
    @rule(brought=which, before=st.integers(0, 4))
    def it_is_brought_after_artifacts_of_nothing(self, brought, before) -> None:
        """By its own browser; the hub knows none of those."""
        brought = self.pick(self.brought, brought)
        browser = brought.question.browser
        for _ in range(before):
            made_up = replace(brought, artifact=self.world.hubs[brought.hub].artifact())
            self.bring(browser, made_up, "artifact")
        self.bring(browser, brought, "artifact")

    @precondition(lambda self: self.brought and len(self.questions) > 1)
    @rule(browser=browsers, brought=which, question=which)
    def it_is_brought_for_another_question(self, browser, brought, question) -> None:
        old = self.pick(self.brought, brought)
        other = self.pick(self.questions, question)
        mixed = Brought(other, old.answer, old.element, old.hub, old.artifact)
        self.bring(browser, mixed, "post")

    @rule(
        browser=browsers,
        pages=st.sampled_from([2, 6, 9]),
        index=indexes,
        is_answered=st.booleans(),
    )
    def she_stays(self, browser, pages, index, is_answered) -> None:
        """She opens one page after another, and her hub confirms her each time."""
        for _ in range(pages):
            before, session = len(self.questions), self.model.who(browser)
            self.she_opens_a_page(browser, 14)
            if session is None:
                return
            if is_answered and len(self.questions) > before:
                name = session.name
                self.a_hub_answers(0, name, index, "basis", "", 0, 7200, "post")

    @rule(browser=browsers, hub=hubs, name=names, index=indexes, agrees=st.booleans())
    def she_thinks_better_of_it(self, browser, hub, name, index, agrees) -> None:
        """She signs in at another hub than the one that she went to, which is late."""
        more = (name, index, "basis", True, "", 7200)
        self.she_signs_in(browser, hub, *more, "not yet")
        late = self.brought[-1]
        self.she_signs_in(browser, other_than(hub, HUBS), *more, "post")
        self.bring(browser, late, "post")
        if agrees and browser in self.word:
            self.she_says_yes([*self.word][::-1].index(browser), 0)

    @rule(
        browser=browsers,
        hub=hubs,
        name=names,
        fault=faults,
        clock=clocks,
        fetched_by=browsers,
        agrees=st.booleans(),
    )
    def a_hub_sends_her_unasked(
        self, browser, hub, name, fault, clock, fetched_by, agrees
    ) -> None:
        target = self.new_page()
        nobody = Question(
            browser,
            f"unasked {target}",
            "",
            hub,
            self.model.now,
            target,
            is_unsolicited=True,
        )
        brought = self.make(nobody, hub, name, "_s1", "basis", fault, clock, 7200)
        self.brought.append(brought)
        self.bring(browser, brought, "later")
        if brought.url:
            self.bring(fetched_by, brought, "fetch")
        if agrees and fetched_by in self.word:
            self.she_says_yes([*self.word][::-1].index(fetched_by), 0)

    @precondition(lambda self: self.word)
    @rule(browser=which, minutes=st.sampled_from([0, 0, 1, 2]))
    def she_says_yes(self, browser, minutes) -> None:
        """To signing in, on the page that asks whether she wants to."""
        self.move(minutes * MINUTE)
        browser = self.pick([*self.word], browser)
        brought = self.word.pop(browser)
        question, answer = brought.question, brought.answer
        verdict = self.model.fetched(browser, question, answer, agreed=True)
        self.world.browsers[browser].press("Inloggen")
        self.comes_of_it(browser, brought, verdict)

    @precondition(lambda self: self.questions)
    @rule(browser=browsers, question=which, hub=hubs, signed=st.booleans())
    def she_cancels(self, browser, question, hub, signed) -> None:
        asked, party = self.pick(self.questions, question), self.world.hubs[hub]
        element = party.refusal(self.request_of(asked))
        self.world.post(
            browser, party.signed(element) if signed else element, asked.handle
        )
        self.went(browser, asked.target)

    # --- logouts --------------------------------------------------------------------

    @rule(
        browser=browsers,
        from_another_site=st.booleans(),
        cookie=st.sampled_from([None, None, 0, 1]),
    )
    def she_logs_out(self, browser, from_another_site, cookie=None) -> None:
        """Not by a link of another site; maybe with the cookie of before a step-up."""
        window = self.world.browsers[browser]
        if cookie is not None:
            self.its_cookies_change(browser, cookie)
        if from_another_site:
            window.visit("https://ander.test/")
            window.follow(LOGOUT)
        else:
            self.model.logs_out(browser)
            window.visit(f"{LOGOUT}?next=/weg")
        self.went(browser, "/weg")

    @precondition(lambda self: self.model.sessions)
    @rule(
        browser=browsers,
        session=which,
        number=st.integers(0, 1),
        wrong=st.sampled_from([""] * 5 + [*WRONG_LOGOUT]),
        clock=clocks,
        with_index=st.booleans(),
        way=st.sampled_from(["soap", "redirect", "post"]),
    )
    def a_hub_logs_her_out(
        self, browser, session, number, wrong, clock, with_index, way
    ) -> None:
        """Who is signed in somewhere; with at most one thing that is wrong."""
        session = self.pick([*self.model.sessions.values()], session)
        hub, name = session.hub, session.name
        # Those of before a step-up are good still.
        index = self.pick(sorted(session.indexes), number)
        request = LogoutRequest(
            other_than(hub, HUBS) if wrong == "hub" else hub,
            other_than(name, NAMES) if wrong == "name" else name,
            other_than(index, INDEXES) if wrong == "index" else index,
            self.model.now + OFF.get(wrong, clock),
            messages.new_id(),
            named_by=other_than(hub, HUBS) if wrong == "named by" else "",
            fault=wrong if wrong in FAULTS else "",
        )
        if not (with_index or wrong == "index"):
            request.index = None
        self.requests.append(request)
        self.send(request, way, browser)

    @precondition(lambda self: self.requests)
    @rule(
        request=which,
        way=st.sampled_from(["soap", "redirect", "post"]),
        browser=browsers,
        seconds=st.sampled_from([None, 1, 1, 100]),
    )
    def it_is_sent_again(self, request, way, browser, seconds) -> None:
        """After she has signed in anew, or at once: it ends nothing more."""
        request = self.pick(self.requests, request)
        if seconds is not None:
            self.move(seconds)
            whom = (request.hub, request.name, request.index or "_s1")
            self.she_signs_in(browser, *whom, "basis", True, "", 7200, "post")
        self.send(request, way, browser)

    @precondition(lambda self: self.model.sessions)
    @rule(
        browser=browsers,
        seconds=st.sampled_from([0, 1, 100]),
        with_index=st.booleans(),
        by_herself=st.booleans(),
        way=st.sampled_from(["post", "artifact", "fetch"]),
    )
    def she_logs_out_while_an_answer_is_on_its_way(
        self, browser, seconds, with_index, by_herself, way
    ) -> None:
        """The hub has answered in one tab, and she logs out in another one."""
        session = self.model.who(browser)
        if session is None:
            return
        hub, name, index = session.hub, session.name, session.index
        first = "later" if way == "fetch" else "not yet"
        self.she_signs_in(browser, hub, name, index, "basis", True, "", 7200, first)
        if by_herself:
            self.she_logs_out(browser, from_another_site=False)
        else:
            live = [*self.model.sessions.values()]
            number = len(live) - 1 - live.index(session)
            self.a_hub_logs_her_out(browser, number, 0, "", 0, with_index, "soap")
        self.move(seconds)
        self.it_is_brought_again(browser, 0, way)

    @rule(browser=browsers, hub=hubs, is_asked=st.booleans())
    def a_hub_says_that_she_is_logged_out(self, browser, hub, is_asked) -> None:
        """In answer to nothing, or to a logout of hers; it ends nothing here."""
        trail = self.world.browsers[browser].trail
        asked = next((url for url in trail if "/slo?SAMLRequest=" in url), None)
        request_id = messages.new_id()
        if asked is not None and is_asked:
            received = bindings.read_redirect(asked.partition("?")[2])
            request_id = safe_xml.parse(received.octets).get("ID")
        party = self.world.hubs[hub]
        response = messages.LogoutResponse(
            id=messages.new_id(),
            issued=self.model.now,
            issuer=hub,
            status=messages.Status(),
            in_response_to=request_id,
            destination=SLO,
        )
        element = messages.write_logout_response(response)
        url = party.by_redirect(SLO, "SAMLResponse", element)
        self.world.browsers[browser].visit(url)
        self.went(browser, "")

    # --- cookies and clocks -----------------------------------------------------------

    @rule(browser=browsers, token=st.sampled_from([*range(6), None]))
    def its_cookies_change(self, browser, token) -> None:
        """To one that was copied, is over, or was made up; or all are thrown away."""
        if token is None:
            self.world.browsers[browser].forget("stad.test")
            self.model.loses_its_cookies(browser)
            return
        token = self.pick(self.tokens, token)
        self.world.give(browser, token)
        self.model.cookies[browser] = token

    @rule(
        seconds=st.sampled_from([*STEPS, 121 * MINUTE]),
        back=st.sampled_from([0, 0, 1, SKEW // 2, SKEW - 1]),
    )
    def time_passes(self, seconds, back) -> None:
        """And the clock is set back: in all by less than clocks may differ."""
        self.move(seconds)
        self.move(-min(back, self.model.now - (self.newest - SKEW + 1)))

    def move(self, seconds) -> None:
        self.clock.shift(seconds)
        self.model.now += seconds
        self.newest = max(self.newest, self.model.now)

    # --- what is true after every step ------------------------------------------------

    @invariant()
    def the_participant_sees_whom_the_model_says(self) -> None:
        for browser in BROWSERS:
            assert self.world.token(browser) == self.model.cookies[browser]
            assert self.world.whom_it_sees(browser) == self.expected(browser)
        for token in self.tokens:
            self.model.cookies[THIEF] = token
            self.world.give(THIEF, token)
            assert self.world.whom_it_sees(THIEF) == self.expected(THIEF)

    @invariant()
    def the_store_has_these_sessions_and_no_others(self) -> None:
        for hub in HUBS:
            for name in NAMES:
                sessions = self.model.sessions.values()
                hers = [one for one in sessions if one.is_of(hub, name, None)]
                assert self.world.sessions_of(hub, name) == len(hers)

    @invariant()
    def an_assertion_makes_one_session_at_most(self) -> None:
        assert all(made == 1 for made in self.sessions_of.values())

    def expected(self, browser) -> str | None:
        """What the application says to a browser."""
        session = self.model.who(browser)
        if session is None:
            return None
        return f"{session.name}!unspecified!{session.hub} {session.level}"

    # --- small parts ------------------------------------------------------------------

    @staticmethod
    def pick(found, number):
        return found[-1 - number % len(found)]

    def new_page(self) -> str:
        """Each login leads to a page of its own, so that none is one too many there."""
        return f"/mijn/{next(self.pages)}"

    def make(self, asked, hub, name, index, level, fault, clock, life) -> Brought:
        """An answer in the name of a hub, with all that is wrong with it."""
        party = self.world.hubs[hub]
        issued = self.model.now + clock
        answer = Answer(
            messages.new_id(),
            hub,
            asked.request_id,
            name,
            index,
            level,
            issued,
            issued - (5 * MINUTE if fault == "proof" else 0),
            None if life is None else issued + life,
            is_sound=fault not in {"other key", "tampered"},
            is_bare=fault == "unsigned",
        )
        assertion = party.assertion(
            self.request_of(asked),
            name,
            id=answer.id,
            issued=issued,
            confirmation_ends=issued + 120,
            not_before=issued - 60,
            not_on_or_after=issued + 120,
            authn_instant=answer.proven,
            session_index=index,
            session_ends=answer.session_ends,
            level_class=DIGID.class_of(level),
        )
        if fault == "other key":
            self.world.hubs[other_than(hub, HUBS)].signed(assertion)
        elif fault != "unsigned":
            party.signed(assertion)
        request = self.request_of(asked)
        element = party.response(request, assertion, issued=issued)
        if fault == "tampered":
            octets = safe_xml.serialize(element).replace(f">{name}<".encode(), b">eva<")
            element = etree.fromstring(octets)
        artifact = self.world.hubs[hub].artifact()
        self.world.hubs[hub].answers[artifact] = etree.fromstring(
            safe_xml.serialize(element)
        )
        return Brought(asked, answer, element, hub, artifact)

    @staticmethod
    def request_of(asked: Question) -> messages.AuthnRequest:
        """What of a question an answer goes by."""
        return messages.AuthnRequest(
            id=asked.request_id,
            issued=asked.asked,
            issuer=f"{SITE}/eilogin/metadata",
            destination="",
            acs_url=f"{SITE}/eilogin/acs",
        )

    def bring(self, browser, brought, way) -> None:
        """Have a browser bring an answer, and compare what comes of it."""
        if way == "fetch" and brought.url:
            verdict = self.model.fetched(browser, brought.question, brought.answer)
            self.world.browsers[browser].visit(brought.url)
        elif way == "artifact" and not brought.question.is_unsolicited:
            verdict = self.bring_artifact(browser, brought)
        else:
            verdict = self.bring_by_post(browser, brought, is_fetched=way != "later")
        self.comes_of_it(browser, brought, verdict)

    def bring_by_post(self, browser, brought, *, is_fetched) -> str | None:
        question, answer = brought.question, brought.answer
        is_kept = self.may_be(question) and self.model.posted(browser, question, answer)
        verdict = None
        if not is_kept:
            # What came to a silent question, its own browser goes on without.
            is_on = question.is_passive and self.model.holds(browser, question)
            verdict = ON if is_on else REFUSED
        elif is_fetched:
            verdict = self.model.fetched(browser, question, answer)
        window = self.world.browsers[browser]
        if is_kept:
            window.stops_before = "answer="
        handle = question.target if question.is_unsolicited else question.handle
        self.world.post(browser, brought.element, handle)
        window.stops_before = None
        if is_kept:
            assert "/eilogin/acs?answer=" in window.url, window.text
            brought.url = window.url
            if is_fetched:
                window.follow(window.url)
        return verdict

    def bring_artifact(self, browser, brought) -> str:
        # Or it waits for what another request of this browser may get.
        self.move(3)
        question, hub = brought.question, brought.hub
        there = brought.artifact in self.world.hubs[hub].answers
        answer = brought.answer if there else None
        verdict = self.model.resolved(browser, question, answer, hub)
        acs = f"{SITE}/eilogin/acs"
        url = bindings.artifact_url(acs, brought.artifact, question.handle)
        self.world.browsers[browser].visit(url)
        return verdict

    def may_be(self, question) -> bool:
        return "unsolicited" in self.options or not question.is_unsolicited

    def comes_of_it(self, browser, brought, verdict) -> None:
        window, question = self.world.browsers[browser], brought.question
        if verdict == IN and self.may_need_proof(browser, question):
            # Nobody is signed in, and the answer is not spent.
            self.model.leaves_unused(question, brought.answer)
            verdict = ON if question.is_passive else REFUSED
        if verdict == IN:
            token = self.world.token(browser)
            assert token is not None
            assert token not in self.tokens, "a new one at each login"
            self.tokens.append(token)
            self.model.signs_in(browser, question, brought.answer, token)
            made = self.sessions_of.get(brought.answer.id, 0) + 1
            self.sessions_of[brought.answer.id] = made
            assert window.url == f"{SITE}{question.target}"
        anew = self.begins_anew(browser)
        if verdict == REFUSED and anew is None:
            self.was_refused(browser)
        if anew is not None and "again=yes" in str(self.world.browsers[browser].trail):
            assert verdict == REFUSED, "only what is lost begins anew"
        self.went(browser, question.target)
        if verdict == ASKED:
            assert window.title.startswith("Wilt u inloggen bij"), window.text
            self.word[browser] = brought

    def may_need_proof(self, browser, question) -> bool:
        """Whether a browser was not signed in because it has logged out before.

        Until a hub confirms that logout, only a fresh proof signs it in.
        """
        has_left = self.model.has_left(browser) and not question.is_forced
        token = self.world.token(browser)
        return has_left and (token is None or token in self.tokens)

    def begins_anew(self, browser) -> str | None:
        """Where a login leads that began anew, or None: nobody is signed in by that.

        Who is signed in by then is at that page already.
        """
        trail = self.world.browsers[browser].trail
        begun = [url for url in trail if "&again=yes" in url]
        if not begun:
            here = [u.removeprefix(SITE) for u in trail if u.startswith(SITE)]
            return next((u for u in here if not u.startswith("/eilogin/")), None)
        assert len(begun) == 1, trail
        return parse_qs(urlsplit(begun[0]).query)["next"][0]

    def went(self, browser, target) -> None:
        """What a step of a browser shows beside what it was for."""
        window = self.world.browsers[browser]
        self.word.pop(browser, None)
        assert window.page.status_int < 500, window.text
        asked = self.world.asked(browser)
        if asked is not None:
            anew = self.begins_anew(browser)
            self.note_question(browser, anew or target, *asked)
        if self.world.site.seen or (asked is not None and asked[1].is_passive):
            self.model.is_seen(browser)
        for user in self.world.site.seen:
            assert self.expected(browser).startswith(f"{user} ")
        self.world.site.seen.clear()

    def note_question(self, browser, target, hub, request, handle) -> None:
        wants_more = DIGID.class_of("midden") in request.level_classes
        question = Question(
            browser,
            handle,
            request.id,
            hub,
            self.model.now,
            target,
            level="midden" if wants_more else "basis",
            is_forced=request.force_authn,
            is_passive=request.is_passive,
        )
        if question.is_passive:
            session = self.model.who(browser)
            assert session is not None
            assert self.model.now - session.confirmed >= 10 * MINUTE
        self.questions.append(question)
        self.model.begins(browser, question)

    def send(self, request: LogoutRequest, way, browser) -> None:
        """Have a hub's LogoutRequest come in, and compare what it ends."""
        party = self.world.hubs[request.hub]
        key = party.key
        if request.fault == "other key":
            party.key = self.world.hubs[other_than(request.hub, HUBS)].key
        destination = SOAP if way == "soap" else SLO
        element = party.logout_request(
            messages.NameID(request.name, name_qualifier=request.named_by),
            destination,
            *([] if request.index is None else [request.index]),
            id=request.id,
            issued=request.issued,
        )
        is_done = False
        ended = None
        if not request.fault:
            name = request.name
            if request.named_by not in ("", request.hub):
                name = f"{name} of another"
            ended = self.model.logged_out_by(
                request.hub, name, request.index, request.issued, request.id
            )
        if way == "soap":
            body = bindings.wrap_soap(self.broken(party, element, request.fault))
            answer = self.world.send_soap(body)
            is_done = answer.status_int == 200
            assert is_done or "soap-env:Client" in answer.text
        elif way == "redirect":
            url = party.by_redirect(SLO, "SAMLRequest", element)
            if request.fault in ("tampered", "unsigned"):
                url = (
                    url[:-8] + "AAAAAAAA"
                    if request.fault == "tampered"
                    else (url.partition("&SigAlg=")[0])
                )
            self.world.browsers[browser].visit(url)
            is_done = self.is_answered(browser)
        else:
            octets = safe_xml.serialize(self.broken(party, element, request.fault))
            fields = bindings.post_fields("SAMLRequest", octets, "")
            self.world.send_form(browser, SLO, fields)
            is_done = self.is_answered(browser)
        party.key = key
        assert is_done == (ended is not None)
        if way != "soap":
            self.went(browser, "")

    def is_answered(self, browser) -> bool:
        window = self.world.browsers[browser]
        if any("SAMLResponse=" in url for url in window.trail):
            return True
        self.was_refused(browser)
        return False

    def was_refused(self, browser) -> None:
        """A calm page, with a number by which the log has the cause."""
        window = self.world.browsers[browser]
        assert 400 <= window.page.status_int < 500, window.text
        assert REFERENCE.search(window.text), window.text

    @staticmethod
    def broken(party, element, fault) -> etree._Element:
        if fault == "unsigned":
            return element
        element = party.signed(element)
        if fault == "tampered":
            octets = safe_xml.serialize(element).replace(
                b'Version="2.0"', b'Version="2.0" '
            )
            id_ = element.get("ID").encode()
            octets = octets.replace(id_, b"_other" + id_[6:])
            return etree.fromstring(octets)
        return element


@seed(1)
class StrictMachine(SignInMachine):
    """The same where no hub may send anybody unasked, and python3-saml judges too."""

    options: ClassVar = {}


@pytest.fixture(autouse=True)
def _same_examples_in_a_whole_run(monkeypatch):
    """Hypothesis draws constants of all loaded modules, which other tests load."""
    monkeypatch.setattr(providers, "_get_local_constants", providers.Constants)


FIXED = settings(
    max_examples=40,
    stateful_step_count=40,
    report_multiple_bugs=False,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSignIn = SignInMachine.TestCase
TestSignIn.settings = FIXED
TestStrictly = StrictMachine.TestCase
TestStrictly.settings = settings(FIXED, max_examples=10)
