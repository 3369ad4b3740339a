"""Who may be signed in at a participant with several hubs, and until when.

A model for tests: rules as a person would tell them, with no code of ours in them.
Instants are seconds; browsers, hubs and citizens are names.
"""

from dataclasses import dataclass, field, replace
from math import inf

MINUTE = 60
#: By how much clocks may differ, and how long a message lasts.
SKEW, MESSAGE = MINUTE, 2 * MINUTE
#: How long she may take at a hub, and how long its answer waits for her browser.
UNDER_WAY, WAITS = 30 * MINUTE, 2 * MINUTE
#: How long a login that is used leads to its page, and how many a browser has.
SPENT_FOR, MOST_TABS = 2 * MINUTE, 5
#: Artifacts that are taken to a hub for one login.
MOST_ARTIFACTS = 3
#: When a session of which nothing is seen is over, and when any is.
IDLE, LONGEST = 15 * MINUTE, 120 * MINUTE
#: That she was seen is written so often, and no more.
WRITTEN_EACH = MINUTE
LEVELS = ("basis", "midden")

#: What may come of an answer: she is signed in; she is asked first; it was used before;
#: it came to a silent question, and she goes on as who she was; it is refused.
IN, ASKED, SPENT, ON, REFUSED = "in", "asked", "spent", "on", "refused"


@dataclass(eq=False)
class Question:
    """A login under way, in the tab of one browser."""

    browser: str
    handle: str
    request_id: str
    hub: str
    asked: float
    target: str
    level: str = LEVELS[0]
    is_forced: bool = False
    is_passive: bool = False
    #: Whether a hub sent an answer by itself, and this stands in a question's place.
    is_unsolicited: bool = False
    #: The login that the browser had then.
    begun_as: object = None
    is_taken: bool = False
    artifacts: int = 0

    def is_too_old(self, now: float) -> bool:
        return now - self.asked >= UNDER_WAY


@dataclass(eq=False)
class Answer:
    """What is said in the name of a hub; only what is sound is signed by it."""

    id: str
    hub: str
    #: Of the question that it answers; "" of none.
    request_id: str
    name: str
    index: str
    level: str
    issued: float
    proven: float
    session_ends: float | None
    is_sound: bool = True
    #: Whether nothing of it is signed: then what brings it must be, an artifact's.
    is_bare: bool = False

    def is_in_time(self, now: float) -> bool:
        lives = self.session_ends is None or self.session_ends > now
        return lives and is_recent(self.issued, now)


@dataclass(eq=False)
class Session:
    """She is signed in; ``family`` is the same after a step-up."""

    hub: str
    name: str
    index: str
    level: str
    started: float
    ends: float
    confirmed: float
    ahead: float
    written: float
    seen: float
    indexes: set[str]
    family: object
    is_idle: bool = False

    def is_of(self, hub: str, name: str, index: str | None) -> bool:
        named = index is None or index in self.indexes
        return named and (self.hub, self.name) == (hub, name)


@dataclass
class Model:
    """What is true now; the clock is set by who uses it."""

    now: float
    #: Sessions that live, by cookie value, idle or not.
    sessions: dict[str, Session] = field(default_factory=dict)
    #: The cookie value that each browser brings.
    cookies: dict[str, str | None] = field(default_factory=dict)
    #: Logins under way that each browser holds: until when, by handle.
    tabs: dict[str, dict[str, float]] = field(default_factory=dict)
    #: The same of answers that it has brought and nobody asked for.
    unasked: dict[str, dict[str, float]] = field(default_factory=dict)
    #: Answers that wait for a browser: until when, by handle and ID.
    waiting: dict[tuple[str, str], float] = field(default_factory=dict)
    #: The latest instant at which somebody was logged out: what was said of her until
    #: then signs nobody in.
    marks: dict[tuple[str, str, str | None], float] = field(default_factory=dict)
    #: By the cookie value of before a step-up, what it goes on as, and until when a
    #: logout with it still finds that.
    renewed: dict[str, tuple[object, float]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    #: The session that each browser can still log out, though it is gone here.
    hints: dict[str, Session] = field(default_factory=dict)
    #: The families of which a browser has logged out: their hints are spent.
    spent_hints: list[object] = field(default_factory=list)
    #: The browsers that have logged out and not signed in again.
    left: set[str] = field(default_factory=set)

    # --- who is signed in -----------------------------------------------------------

    def who(self, browser: str) -> Session | None:
        """The session of a browser; one that is found to be over stays so."""
        session = self.to_end(browser)
        if session is None:
            return None
        seen = max(session.written, session.seen)
        session.is_idle = session.is_idle or self.now > seen + IDLE
        return None if session.is_idle else session

    def to_end(self, browser: str) -> Session | None:
        """The same, idle or not."""
        token = self.cookies[browser]
        session = self.sessions.get(token or "")
        if session is not None and session.ends <= self.now:
            del self.sessions[token or ""]
            return None
        return session

    def is_seen(self, browser: str) -> None:
        """She looks at a page."""
        session = self.who(browser)
        if session is None:
            return
        session.seen = self.now
        if self.now - session.written > WRITTEN_EACH:
            session.written = self.now

    def loses_its_cookies(self, browser: str) -> None:
        self.cookies[browser] = None
        self.hints.pop(browser, None)
        self.tabs[browser].clear()
        self.unasked[browser].clear()

    # --- a login begins -------------------------------------------------------------

    def begins(self, browser: str, question: Question) -> None:
        session = self.who(browser)
        question.begun_as = None if session is None else session.family
        tabs = self.tabs[browser]
        live = [handle for handle, until in tabs.items() if until > self.now]
        for handle in sorted(live, reverse=True)[MOST_TABS - 1 :]:
            del tabs[handle]
        tabs[question.handle] = self.now + UNDER_WAY

    def holds(self, browser: str, question: Question) -> bool:
        if question.is_unsolicited:
            return self.unasked[browser].get(question.handle, 0.0) > self.now
        until = self.tabs[browser].get(question.handle, 0.0)
        return until > self.now and not question.is_too_old(self.now)

    # --- an answer comes ------------------------------------------------------------

    def is_believed(self, question: Question, answer: Answer) -> bool:
        """Whether an answer is the hub's, to this question, and in time."""
        return (
            answer.is_sound
            and answer.request_id == question.request_id
            and answer.is_in_time(self.now)
        )

    def posted(self, browser: str, question: Question, answer: Answer) -> bool:
        """Whether an answer by POST waits for the browser now."""
        if question.is_too_old(self.now) or not self.is_believed(question, answer):
            return False
        if answer.is_bare:
            return False
        if question.is_unsolicited:
            if answer.id in self.used:
                return False
            self.unasked[browser][question.handle] = self.now + WAITS
        self._keep(question, answer)
        return True

    def _keep(self, question: Question, answer: Answer) -> None:
        name = (question.handle, answer.id)
        if self.waiting.get(name, 0.0) <= self.now:
            self.waiting[name] = self.now + WAITS

    def fetched(
        self, browser: str, question: Question, answer: Answer, *, agreed: bool = False
    ) -> str:
        """What comes of it when a browser fetches it."""
        if self.waiting.get((question.handle, answer.id), 0.0) <= self.now:
            return REFUSED
        if not self.holds(browser, question):
            return REFUSED
        if question.is_taken:
            return SPENT
        if answer.hub != question.hub or not answer.is_in_time(self.now):
            return REFUSED
        return self._taken(browser, question, answer, agreed=agreed)

    def resolved(
        self, browser: str, question: Question, answer: Answer | None, hub: str
    ) -> str:
        """The same of an artifact of a hub; that has no answer for it (any more)."""
        if not self.holds(browser, question):
            return REFUSED
        if question.is_taken:
            return SPENT
        refused = ON if question.is_passive else REFUSED
        if hub != question.hub or question.artifacts == MOST_ARTIFACTS:
            return refused
        question.artifacts += 1
        if answer is None or not self.is_believed(question, answer):
            return refused
        if answer.hub != question.hub:
            return refused
        verdict = self._taken(browser, question, answer, agreed=False)
        if verdict == ASKED:
            self._keep(question, answer)
        return verdict

    def _taken(
        self, browser: str, question: Question, answer: Answer, *, agreed: bool
    ) -> str:
        refused = ON if question.is_passive else REFUSED
        if not agreed and self._needs_word(browser, question):
            return ON if question.is_passive else ASKED
        if LEVELS.index(answer.level) < LEVELS.index(question.level):
            return refused
        if question.is_forced and answer.proven < question.asked - SKEW:
            return refused
        question.is_taken = True
        if answer.id in self.used:
            return refused
        self.used.add(answer.id)
        session = self._said(browser, answer)
        self._may_be_looked_for(browser, answer, session)
        if session.ends <= self.now or self._is_marked(answer):
            return refused
        return IN

    def _needs_word(self, browser: str, question: Question) -> bool:
        """Whether nobody asked for it, or she is in by another hub since she did."""
        current = self.who(browser)
        return question.is_unsolicited or (
            current is not None
            and current.hub != question.hub
            and current.family is not question.begun_as
        )

    def _is_marked(self, answer: Answer) -> bool:
        return any(
            self.marks.get((answer.hub, answer.name, index), -inf) >= answer.issued
            for index in (None, answer.index)
        )

    def signs_in(
        self, browser: str, question: Question, answer: Answer, token: str
    ) -> None:
        """What was found to be ``IN``, with the cookie that the browser got."""
        idle = self._idle_of(browser, answer)
        session = self._said(browser, answer)
        if self.who(browser) is not None or idle is not None:
            del self.sessions[self.cookies[browser] or ""]
        self.sessions[token] = session
        self.cookies[browser] = token
        self.hints[browser] = replace(session)
        self.left.discard(browser)
        if not question.is_unsolicited:
            self.tabs[browser][question.handle] = self.now + SPENT_FOR

    def has_left(self, browser: str) -> bool:
        """Whether a browser, or another one with its cookie, has logged out."""
        hint = self.hints.get(browser)
        is_spent = hint is not None and hint.family in self.spent_hints
        return browser in self.left or is_spent

    def leaves_unused(self, question: Question, answer: Answer) -> None:
        """An answer that was found to be ``IN``, and that was not used."""
        question.is_taken = False
        self.used.discard(answer.id)

    def _same(self, browser: str, answer: Answer) -> Session | None:
        """Her session in this browser, if it is of whom the answer names."""
        current = self.who(browser)
        if current is None or not current.is_of(answer.hub, answer.name, None):
            return None
        return current

    def _may_be_looked_for(
        self, browser: str, answer: Answer, session: Session
    ) -> None:
        """A logout with the cookie of before finds what took its place."""
        token = self.cookies[browser] or ""
        _, until = self.renewed.get(token, (None, 0.0))
        same = self._same(browser, answer) or self._idle_of(browser, answer)
        if same is not None and until <= self.now:
            self.renewed[token] = (session.family, self.now + IDLE)

    def _idle_of(self, browser: str, answer: Answer) -> Session | None:
        """Her session in this browser that goes on because it was only idle.

        With nothing of what was proven in it, and not for less than that.
        """
        session = self._idle_at_any_level(browser, answer)
        if session is None or LEVELS.index(answer.level) < LEVELS.index(session.level):
            return None
        return session

    def _idle_at_any_level(self, browser: str, answer: Answer) -> Session | None:
        """Her idle session in this browser: the two hours count from its start."""
        session = self.to_end(browser)
        if self.who(browser) is not None or session is None:
            return None
        return session if session.is_of(answer.hub, answer.name, None) else None

    def _said(self, browser: str, answer: Answer) -> Session:
        """The session that an answer speaks of, with what was known of her before."""
        same, idle = self._same(browser, answer), self._idle_of(browser, answer)
        before = same or self._idle_at_any_level(browser, answer)
        now, said = self.now, answer.session_ends
        gone_on = same or idle
        started = now if before is None else min(now, before.started)
        if said is None:
            said = inf if same is None else same.ends
        known = [answer.level] if same is None else [answer.level, same.level]
        return Session(
            answer.hub,
            answer.name,
            answer.index,
            level=max(known, key=LEVELS.index),
            started=started,
            ends=min(said, started + LONGEST),
            confirmed=now,
            ahead=max(0.0, answer.issued - now, same.ahead if same else 0.0),
            written=now,
            seen=now,
            indexes={answer.index} | (gone_on.indexes if gone_on else set()),
            family=gone_on.family if gone_on else object(),
        )

    # --- a logout -------------------------------------------------------------------

    def logs_out(self, browser: str) -> None:
        """She logs out here; the browser has no cookie afterwards."""
        token = self.cookies[browser] or ""
        session = self.to_end(browser)
        if session is None and token in self.renewed:
            family, until = self.renewed[token]
            heirs = [s for s in self.sessions.values() if s.family is family]
            heirs = [s for s in heirs if s.ends > self.now]
            session = heirs[0] if heirs and until > self.now else None
        session = session or self._hinted(browser)
        if session is not None:
            self.spent_hints.append(session.family)
            at = self.now + session.ahead
            self._end(session.hub, session.name, session.index, at)
        self.cookies[browser] = None
        self.hints.pop(browser, None)
        self.left.add(browser)

    def _hinted(self, browser: str) -> Session | None:
        """The session that a browser without one can still log out."""
        hint = self.hints.get(browser)
        if hint is None or hint.ends <= self.now or hint.family in self.spent_hints:
            return None
        return hint

    def logged_out_by(
        self, hub: str, name: str, index: str | None, issued: float, request: str
    ) -> int | None:
        """A hub's own LogoutRequest: how many sessions it ends, None where refused."""
        if not is_recent(issued, self.now):
            return None
        if request in self.used:
            return 0
        self.used.add(request)
        return self._end(hub, name, index, issued)

    def _end(self, hub: str, name: str, index: str | None, issued: float) -> int:
        whom = (hub, name, index)
        self.marks[whom] = max(issued, self.marks.get(whom, issued))
        ended = [t for t, s in self.sessions.items() if s.is_of(*whom)]
        for token in ended:
            del self.sessions[token]
        return len(ended)


def is_recent(issued: float, now: float) -> bool:
    """Whether a message is not too old, nor from a future that no skew explains."""
    return issued - SKEW <= now < issued + MESSAGE + SKEW
