"""Who is signed in where in a federation: at its hub, and at its participants.

A model for tests: rules as a person would tell them, with no code of ours in them. A
logout is the citizen's: her sessions end in all browsers, and at all participants that
hear of it.
"""

from dataclasses import dataclass, field

MINUTE = 60
IDLE, LONGEST = 15 * MINUTE, 120 * MINUTE
#: The hub is asked silently where its word is older.
KEEP_ALIVE = 10 * MINUTE


@dataclass(eq=False)
class HubSession:
    """She has signed in, in one browser; hosts that ``told`` names were told of it."""

    citizen: str
    ends: float
    seen: float
    told: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Session:
    """She is signed in at one participant, because of what the hub has told it."""

    host: str
    citizen: str
    of: HubSession
    started: float
    ends: float
    confirmed: float
    seen: float


@dataclass
class FederationModel:
    """What is true now; the clock and ``down`` are set by who uses it."""

    now: float
    #: Hosts that no message from server to server reaches.
    down: set[str] = field(default_factory=set)
    at_hub: dict[str, HubSession] = field(default_factory=dict)
    #: By browser and host, the session whose cookie it brings.
    cookies: dict[tuple[str, str], Session] = field(default_factory=dict)
    #: By browser and host, the session that its logout hint names: enough to log out.
    hints: dict[tuple[str, str], Session] = field(default_factory=dict)
    #: Browsers and hosts whose last logout the hub did not confirm, for it knew no such
    #: session: the next login there needs a fresh proof.
    marked: set[tuple[str, str]] = field(default_factory=set)
    #: All that live at participants, whether a browser has their cookie or not.
    sessions: list[Session] = field(default_factory=list)

    # --- who is signed in -----------------------------------------------------------

    def hub_knows(self, browser: str) -> HubSession | None:
        """Whom the hub would log out in a browser: the idle limit is aside."""
        session = self.at_hub.get(browser)
        return session if session is not None and session.ends > self.now else None

    def hub_serves(self, browser: str) -> HubSession | None:
        """Whom it signs in without asking."""
        session = self.hub_knows(browser)
        is_idle = session is not None and self.now > session.seen + IDLE
        return None if is_idle else session

    def to_end(self, browser: str, host: str) -> Session | None:
        session = self.cookies.get((browser, host))
        is_live = session in self.sessions and session.ends > self.now
        return session if is_live else None

    def who(self, browser: str, host: str) -> Session | None:
        session = self.to_end(browser, host)
        is_idle = session is not None and self.now > session.seen + IDLE
        return None if is_idle else session

    # --- signing in -----------------------------------------------------------------

    def signs_in(self, browser: str, citizen: str) -> set[tuple[str, HubSession]]:
        """At the hub; who is to be told of the logout of another one before her."""
        before, told = self.hub_knows(browser), set()
        if before is not None and before.citizen != citizen:
            told = self.ends_at_hub(before.citizen)
            before = None
        if before is None:
            before = HubSession(citizen, self.now + LONGEST, self.now)
        before.seen = self.now
        self.at_hub[browser] = before
        return told

    def hub_tells(self, browser: str, host: str) -> None:
        """The hub's word about who is signed in there makes a session at a host."""
        known = self.at_hub[browser]
        known.seen = self.now
        known.told.add(host)
        current = self.who(browser, host)
        started = self.now
        if current is not None:
            self.sessions.remove(current)
            if current.citizen == known.citizen:
                started = current.started
        ends = min(known.ends, started + LONGEST)
        made = Session(host, known.citizen, known, started, ends, self.now, self.now)
        self.sessions.append(made)
        self.cookies[browser, host] = self.hints[browser, host] = made
        self.marked.discard((browser, host))

    # --- logging out ----------------------------------------------------------------

    def ends_at_hub(self, citizen: str) -> set[tuple[str, HubSession]]:
        """All her sessions there end; who has been told of each."""
        ended = [b for b, s in self.at_hub.items() if s.citizen == citizen]
        gone = [self.at_hub.pop(browser) for browser in ended]
        live = [session for session in gone if session.ends > self.now]
        return {(host, session) for session in live for host in session.told}

    def hears(self, told: set[tuple[str, HubSession]]) -> set[tuple[str, HubSession]]:
        """Participants are told from server to server; whom that does not reach."""
        missed = {one for one in told if one[0] in self.down}
        self.ends(told - missed)
        return missed

    def ends(self, told: set[tuple[str, HubSession]]) -> None:
        """What participants were told of is over there."""
        self.sessions = [s for s in self.sessions if (s.host, s.of) not in told]

    def leaves(self, browser: str, host: str) -> set[tuple[str, HubSession]]:
        """She logs out at a participant; whom the hub has to tell then."""
        hinted = self.hints.pop((browser, host), None)
        session = self.to_end(browser, host) or hinted
        self.cookies.pop((browser, host), None)
        if session is None:
            return set()
        self.ends({(host, session.of)})
        if self.knows_at_hub(session):
            self.marked.discard((browser, host))
        else:
            self.marked.add((browser, host))
        return self.asked_to_end(host, session)

    def knows_at_hub(self, session: Session) -> bool:
        """Whether the hub still has the session of which a participant was told."""
        return session.of in self.at_hub.values() and session.of.ends > self.now

    def asked_to_end(self, host: str, session: Session) -> set[tuple[str, HubSession]]:
        """A participant asks the hub for a logout; whom that has to tell."""
        if not self.knows_at_hub(session):
            return set()
        told = self.ends_at_hub(session.citizen)
        return told - {(host, session.of)}
