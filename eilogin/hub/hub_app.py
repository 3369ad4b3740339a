"""The hub as a WSGI app: its options, its addresses, its own page.

It stands behind ``session`` and ``trust``, which give it the federation session and
the members::

    [pipeline:inloggen]
    pipeline = inloggen-session inloggen-trust inloggen-hub

    [app:inloggen-hub]
    use = egg:eilogin#hub
    citizens = %(here)s/var/citizens.json
    name_id_key = file:%(here)s/var/name-id.key
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import model_validator
from webob import Response

from eilogin import config
from eilogin.config import (
    Count,
    Flag,
    LongSecret,
    MetricsToken,
    Options,
    ReadableFile,
    Seconds,
    Words,
    is_loopback,
    option,
    read,
)
from eilogin.errors import ConfigurationError, NotFound, Refused, Unavailable
from eilogin.hub.digid.digid_logout import DigidSingleLogout
from eilogin.hub.digid.digid_sso import DigidSingleSignOn
from eilogin.hub.digid.reauthentication import DigidPresence
from eilogin.hub.digid.sector_numbers import SectorLines
from eilogin.hub.hub_worker import AtWork, Worker
from eilogin.hub.logout.logout_propagation import Propagation
from eilogin.hub.logout.single_logout import SingleLogout
from eilogin.hub.participants.attribute_release import (
    AttributeNames,
    Release,
    ReleaseLines,
)
from eilogin.hub.participants.logout_bindings import WayLines, Ways
from eilogin.hub.participants.name_ids import FORMATS, NameAttributes, Names
from eilogin.hub.participants.response_protection import EncryptLines, SignLines
from eilogin.hub.participants.signed_in_services import (
    is_answered,
    services_of,
    where_in,
)
from eilogin.hub.signin import rehearsal
from eilogin.hub.signin.citizens import Citizens
from eilogin.hub.signin.password_signin import SignIn
from eilogin.hub.signin.upstream_signin import SignInAbove, subject_here
from eilogin.hub.sso.activity_intake import Activity
from eilogin.hub.sso.response_writing import Answers
from eilogin.hub.sso.single_sign_on import SingleSignOn
from eilogin.participant.login.pending_logins import require_store
from eilogin.participant.logout import pending_logouts
from eilogin.participant.logout.pending_logouts import PendingLogouts
from eilogin.saml.sector_names import BSN
from eilogin.sessions import Login, Participant
from eilogin.stores import logout_reserve
from eilogin.web import environ as env
from eilogin.web.limits.slots import USUAL
from eilogin.web.metrics_address import Numbers
from eilogin.web.outbound_messages import soap_fault
from eilogin.web.pages.page_languages import language_of
from eilogin.web.pages.page_rendering import Pages, note_refusal, with_hsts
from eilogin.web.requests import allow_only, read_form, require_own_form, wants_page
from eilogin.web.site_urls import root, see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: Options that mean something with ``profile = digid`` alone, or without it alone, by
#: whether it is there; and what is expected where one is out of place.
_OUT_OF_PLACE: Mapping[bool, Mapping[str, str]] = {
    True: {
        name: f"expected none with 'profile = digid': DigiD {does}"
        for name, does in {
            "logout_scope": (
                "identifies the citizen and no session, so all sessions of the citizen"
                " end"
            ),
            "confirm_logout": "asks if the citizen is signed in at several services",
            "logout_binding": "sends every LogoutRequest over SOAP",
            "logout_in_browser": "sends every LogoutRequest over SOAP",
        }.items()
    },
    False: dict.fromkeys(
        ("sectors", "inactive", "rehearsal"),
        "expected 'profile = digid' in the filter 'trust'",
    ),
}
#: What a tester may choose for the answer that comes next, whatever that is to.
_OF_NEXT = rehearsal.CHOICES + rehearsal.OF_LOGOUT

#: The addresses at which a page may come before what they show.
_PAGES = ("home", "login", "sso")

#: The addresses whose page gives way to that of a pending logout.
_SHOWN = ("home", "login")

#: The addresses of a logout, which a full store still accepts.
_LOGOUTS = ("logout", "slo", "slo_soap")

#: What it is in the audit log that is refused at an address; a login at any other one.
_EVENTS = {
    "logout": "logout",
    "slo": "logout",
    "slo_soap": "logout",
    # Whoever scrapes with an old token is no citizen who cannot log in.
    "metrics": "address",
    "activity": "address",
}


class HubOptions(Options, name="hub"):
    """What ``[app:…] use = egg:eilogin#hub`` understands."""

    sign_in: Literal["own", "above"] = option(
        "Chooses who signs citizens in. ``own``: this hub. ``above``: "
        "another hub, through the filters of a participant that stand "
        "before this hub (``hub_inside``).",
        default="own",
    )
    citizens: ReadableFile | None = option(
        "Names the JSON file with the citizens who can sign in. Required with ``own``.",
        default=None,
        shown="none",
    )
    passed_on_to: Words = option(
        "Lists the entityIDs of the participants that may get a login from "
        "the hub above. These are the applications that its connection is "
        "meant for. Required with ``above``.",
        default=(),
        shown="none",
    )
    name_id_key: LongSecret = option(
        "Derives NameIDs from this secret. If you change it, no participant "
        "recognises its users any more. At least 16 bytes; the value "
        "itself, ``env:NAME``, ``file:PATH`` or ``credential:NAME``."
    )
    logout_timeout: Seconds = option(
        "Limits how long each participant may take to confirm a logout. "
        "Duration, such as ``5s``.",
        default="5s",
    )
    logouts_at_once: Count = option(
        "Limits how many logouts of a process wait for participants at the "
        "same time. Another logout waits a few seconds, and then shows a "
        "page that retries by itself. Whole number; keep it below the "
        "number of server threads, because a participant that hangs holds "
        "one thread for each.",
        default=USUAL,
    )
    logout_scope: Literal["citizen", "browser"] = option(
        "Chooses which sessions a logout ends: all sessions of the "
        "``citizen`` in all browsers, or those of the ``browser`` with the "
        "logout. Not with ``profile = digid``.",
        default="citizen",
    )
    confirm_logout: Flag = option(
        "Asks the citizen after a logout at one service whether to log out "
        "of all services, and lists them. Without a yes, the other sessions "
        "go on. ``profile = digid`` always asks.",
        default=False,
    )
    show_session: Flag = option(
        "Shows which services are signed in already in this browser, before "
        "a login goes on to another service. The citizen goes on, or says "
        "that the session belongs to another person, which logs that person "
        "out everywhere. The page shows the username of the session to anybody "
        "who uses this browser. Not with ``sign_in = above``.",
        default=False,
    )
    work: Flag = option(
        "Runs the logout retry queue and ends sessions at ``max_session``, "
        "in a thread of each process that begins with its first request. "
        "With ``false`` only ``eilogin work`` does both.",
        default=True,
    )
    logout_binding: WayLines = option(
        "Chooses how participants get a LogoutRequest. Each line has an "
        "entityID or ``*``, and ``soap`` (only from server to server) or "
        "``browser`` (only through the citizen's browser). Without a line, "
        "the hub uses SOAP first, and then the browser if SOAP fails.",
        default={},
        shown="none",
    )
    logout_in_browser: Literal["frames", "one-by-one"] = option(
        "Chooses how the citizen's browser delivers LogoutRequests. "
        "``frames`` uses hidden frames of one page; browsers send no "
        "cookies of participants there. ``one-by-one`` leads the browser to "
        "each participant in turn, with its cookies. If a participant does "
        "not lead back, the browser stays there, and the hub continues at "
        "the next visit.",
        default="frames",
    )
    name_id: Literal["persistent", "transient", "email", "unspecified"] = option(
        "Chooses the NameID format for participants that choose none in "
        "their request or metadata. ``persistent`` is the same at every "
        "login, ``transient`` differs in every session. ``email`` and "
        "``unspecified`` take an attribute.",
        default="persistent",
    )
    name_id_attributes: NameAttributes = option(
        "Chooses the attribute for these formats. Each line has ``email`` "
        "or ``unspecified``, and an attribute. The participant must be "
        "allowed to get that attribute.",
        default={"email": "mail"},
        shown="``email mail``",
    )
    nameless: Words = option(
        "Lists the entityIDs of participants that get no NameID, only "
        "attributes. No logout can reach them.",
        default=(),
        shown="none",
    )
    release: ReleaseLines = option(
        "Says which participants get which attributes. Each line has an "
        "entityID, ``category:`` with the URI of an entity category, or "
        "``*``, and names of attributes. ``requested`` means those that its "
        "metadata asks for, ``required`` those that it marks as required. "
        "An entityID's own line counts alone; else the lines of its "
        "categories; else ``*``.",
        default={"*": ("requested",)},
        shown="``* requested``",
    )
    default_attributes: config.Names = option(
        "Lists the attributes that ``requested`` means for a participant "
        "whose metadata asks for none. Names, separated by blanks.",
        default=("name",),
        shown="``name``",
    )
    attribute_names: AttributeNames = option(
        "Renames attributes for participants. Each line has our name and "
        "theirs, such as ``mail urn:oid:0.9.2342.19200300.100.1.3``. A "
        "NameFormat may stand behind them: ``uri``, ``basic`` or "
        "``unspecified``.",
        default={},
        shown="our own names",
    )
    sign: SignLines = option(
        "Chooses what the hub signs: ``assertion``, ``response`` or "
        "``both``. One word for all participants, or lines of an entityID "
        "(``*`` for the rest) and a word. If a participant's metadata asks "
        "for signed assertions, the hub always signs the assertion.",
        default={},
        shown="``both``",
    )
    encrypt: EncryptLines = option(
        "Encrypts assertions: ``off``; ``when-possible`` if the "
        "participant's metadata has a key; ``required``, so that a "
        "participant without a key gets no login. One word for all "
        "participants, or lines of an entityID (``*`` for the rest) and a "
        "word. A participant with a key that lists only algorithms which "
        "eilogin does not write (CBC, RSA 1.5) gets no login.",
        default={},
        shown="``off``",
    )
    encrypt_name_id: Flag = option(
        "Encrypts the NameID of a LogoutRequest for participants whose "
        "metadata has a key for that.",
        default=False,
    )
    metrics_token: MetricsToken | None = option(
        "Publishes the metrics of this hub at ``/metrics`` for Prometheus. "
        "The client sends this secret (``Authorization: Bearer …``); "
        "without it the address answers 404. At least 16 bytes; the value "
        "itself, ``env:NAME``, ``file:PATH`` or ``credential:NAME``.",
        default=None,
        shown="none",
    )
    demo: Flag = option(
        "Shows the demo citizens on the sign-in page, with their passwords "
        "and codes. A button for each fills in the form. Only on a loopback "
        "address or below ``.test``.",
        default=False,
    )
    sectors: SectorLines = option(
        "With ``profile = digid``: chooses the number by which a "
        "participant knows a citizen. Each line has an entityID or ``*``, "
        "and sector codes, the preferred one first: ``s00000000`` (BSN) or "
        "``s00000001`` (SOFI).",
        default={"*": (BSN,)},
        shown="``* s00000000``",
    )
    inactive: Words = option(
        "With ``profile = digid``: lists the entityIDs of participants "
        "whose connection is not active. They get no login (RequestDenied).",
        default=(),
        shown="none",
    )
    rehearsal: Flag = option(
        "With ``profile = digid``: lets a tester choose on the pages how "
        "DigiD answers. Only on a loopback address or below ``.test``.",
        default=False,
    )

    @model_validator(mode="after")
    def _says_who_can_sign_in(self) -> "HubOptions":
        if self.sign_in == "own" and self.citizens is None:
            raise ValueError("citizens: is required with sign_in = own")
        if self.sign_in == "above" and not self.passed_on_to:
            raise ValueError(
                "passed_on_to: is required with sign_in = above, because only these"
                " participants get a login"
            )
        return self


class Hub:
    """The app; ``options`` say who can sign in."""

    eilogin_part = "hub"

    def __init__(self, options: HubOptions) -> None:
        self.pages = Pages("eilogin.hub")
        self._options = options
        self._names = _names(options)
        self._propagation = Propagation(
            options.logout_timeout,
            Ways(options.logout_binding),
            encrypts=options.encrypt_name_id,
        )
        self._logout = logout = SingleLogout(
            self.pages,
            self._propagation,
            is_below=options.sign_in == "above",
            at_once=options.logouts_at_once,
            of_browser=options.logout_scope == "browser",
            asks_first=options.confirm_logout,
            one_by_one=options.logout_in_browser == "one-by-one",
        )
        self._numbers = Numbers(options.metrics_token)
        self._worker = Worker() if options.work else None
        self._known: AtWork | None = None
        self._pending = PendingLogouts(self._carry_out, _end_that_one)
        self._rehearses = options.rehearsal
        sign_in = self._sign_in(options)
        self._id_of = sign_in.id_of
        sso = SingleSignOn(
            sign_in,
            self.pages,
            self._names,
            Release(
                options.release, options.default_attributes, options.attribute_names
            ),
            Answers(options.sign, options.encrypt),
            logout.make_way if options.show_session else None,
            options.passed_on_to if options.sign_in == "above" else None,
        )
        self._addresses: Mapping[str, Callable[[WSGIEnvironment], Response]] = {
            "home": self._home,
            "health": self._health,
            "metrics": self._measured,
            "login": sign_in.respond,
            "sso": _looked_at(sso.respond),
            "artifact": sso.resolve,
            "logout": logout.everywhere,
            "slo": _looked_at(logout.respond),
            "slo_soap": logout.respond_soap,
            "activity": Activity().respond,
        }
        self._as_digid = {**self._addresses, **self._addresses_of_digid(sign_in)}

    def _addresses_of_digid(
        self, sign_in: SignIn | SignInAbove
    ) -> Mapping[str, "Callable[[WSGIEnvironment], Response]"]:
        """What answers in the place of the others with ``profile = digid``."""
        if not isinstance(sign_in, SignIn):
            return {}
        logout = DigidSingleLogout(
            self.pages,
            self._propagation,
            rehearses=self._rehearses,
            at_once=self._options.logouts_at_once,
        )
        sso = DigidSingleSignOn(
            sign_in,
            self.pages,
            self._names,
            logout.make_way,
            sectors=self._options.sectors,
            inactive=self._options.inactive,
            shows_session=self._options.show_session,
            rehearses=self._options.rehearsal,
        )
        return {
            "sso": _looked_at(sso.respond),
            "artifact": sso.resolve,
            "slo": _looked_at(logout.respond),
            "slo_soap": logout.respond_soap,
            "activity": _not_as_digid,
        }

    def _sign_in(self, options: HubOptions) -> SignIn | SignInAbove:
        logout = self._logout
        if options.sign_in == "above" or options.citizens is None:
            end_unseen = logout.endings.end_unseen
            return SignInAbove(self._names, logout.make_way, end_unseen)
        citizens = Citizens.load(options.citizens)
        return SignIn(
            citizens,
            self.pages,
            logout.make_way_in_room,
            logout.endings.slots.slot,
            logout.endings.end_unseen,
            is_demo=options.demo,
            rehearses=options.rehearsal,
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one of the hub's addresses."""
        if pending_logouts.is_there(environ):
            return self._pending.respond(environ, start_response, self._answer)
        return self._answer(environ, start_response)

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        try:
            answer = self._respond(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refusal(environ, error)
        return with_hsts(environ, answer)(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        address = environ.get(env.ADDRESS)
        event = _EVENTS.get(address or "", "login")
        is_soap = address in ("slo_soap", "artifact", "activity")
        # DigiD has nothing to say to who is nobody (DIGID.md 1.6).
        is_told = not isinstance(error, NotFound)
        if is_soap and is_told and environ["REQUEST_METHOD"] == "POST":
            return soap_fault(error, note_refusal(error, event, environ))
        kept = pending_logouts.begun(environ, error) if address == "logout" else []
        answer = self.pages.refuse(
            environ,
            error,
            event=event,
            again=_again(environ, error),
            ways_back=list(_ways_back(environ, error)),
            is_pending=bool(kept),
        )
        answer.headerlist.extend(kept)
        return answer

    def _respond(self, environ: "WSGIEnvironment") -> Response:
        if env.ENDED in environ:
            return self._ended_above(environ)
        if env.OPERATOR in environ:
            operator: env.Operator = environ[env.OPERATOR]
            operator.hub = self._at_work(environ)
            operator.above = environ.get(env.LOGOUT)
            return Response(status=204)
        address = env.address(environ) or ""
        if address not in self._addresses:
            raise NotFound("no address of the hub")
        # Whoever works for this hub, each of its processes sees who has left.
        hub = self._at_work(environ)
        if self._worker is not None:
            self._worker.see(hub)
        own = env.trust(environ).own
        for name, expected in contradictions(
            self._options, own.public_url, is_digid=own.is_digid
        ):
            raise ConfigurationError(f"{name}: {expected}")
        first = self._in_place_of_other(environ, address)
        if first is not None:
            return first
        return self._answer_at(environ, address)

    def _answer_at(self, environ: "WSGIEnvironment", address: str) -> Response:
        is_digid = env.trust(environ).own.is_digid
        addresses = self._as_digid if is_digid else self._addresses
        if address not in _LOGOUTS:
            return addresses[address](environ)
        with logout_reserve.for_logout():
            answer = addresses[address](environ)
        if address == "logout" and environ["REQUEST_METHOD"] == "POST":
            answer.headerlist.extend(pending_logouts.let_go(environ))
        return answer

    def _carry_out(self, environ: "WSGIEnvironment") -> Response:
        """Carry out the pending logout of this browser; a page where one is shown."""
        try:
            with logout_reserve.for_logout():
                answer = self._logout.carry_out(environ)
        except Unavailable:
            return Response(status=pending_logouts.NOT_YET)
        is_page = env.address(environ) in _SHOWN and wants_page(environ)
        if answer is None or not is_page:
            cookies = [] if answer is None else pending_logouts.cookies_of(answer)
            answer = Response(status=pending_logouts.DONE)
            answer.headerlist.extend(cookies)
        answer.headerlist.extend(pending_logouts.let_go(environ))
        return answer

    def _in_place_of_other(
        self, environ: "WSGIEnvironment", address: str
    ) -> Response | None:
        """What comes before a page, where somebody else has left this browser."""
        login = env.session_or_none(environ)
        if login is None:
            return None
        own = env.trust(environ).own
        is_page = address in _PAGES and environ["REQUEST_METHOD"] == "GET"
        page = this_page(environ, own.public_url) if is_page else root(own.public_url)
        first = self._logout.mind(environ, login, page)
        return first if is_page else None

    def _ended_above(self, environ: "WSGIEnvironment") -> Response:
        """End here what has ended above, and tell all of it."""
        with logout_reserve.for_logout():
            return self._ended_here_too(environ, environ[env.ENDED])

    def _ended_here_too(self, environ: "WSGIEnvironment", ended: env.Ended) -> Response:
        endings = self._logout.endings
        is_told = not ended.logins or endings.end_subjects(
            environ,
            {subject_here(environ, login.who, self._names) for login in ended.logins},
            [login.name for login in ended.logins],
            partial(self._logout.lead, environ, ended.through),
        )
        ended.is_everywhere = is_told and endings.is_known(
            environ,
            {subject_here(environ, one.who, self._names) for one in ended.before},
            {one.name for one in ended.before},
        )
        return Response(status=204)

    def _at_work(self, environ: "WSGIEnvironment") -> AtWork:
        """This hub as it is without a visitor, with the members of this moment."""
        trust = env.trust(environ)
        if self._known is None:
            self._known = AtWork(
                environ,
                self._logout.endings,
                self._propagation,
                self._names,
                self._id_of,
            )
        elif self._known.trust.federation is not trust.federation:
            self._known.follow(trust)
        return self._known

    def _health(self, environ: "WSGIEnvironment") -> Response:
        # HAProxy looks by OPTIONS, where it is not told otherwise.
        allow_only(environ, "GET", "HEAD", "OPTIONS")
        answer = Response(text="ok\n", content_type="text/plain")
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    def _measured(self, environ: "WSGIEnvironment") -> Response:
        """What :mod:`eilogin.metrics` has, for who brings the token and nobody else."""
        hub = self._at_work(environ)
        return self._numbers.respond(
            environ, env.trust(environ), hub.certificates.soon, hub.undelivered.count
        )

    def _home(self, environ: "WSGIEnvironment") -> Response:
        """Where the citizen is logged in, and how she logs out everywhere."""
        allow_only(environ, "GET", "HEAD", "POST")
        trust = env.trust(environ)
        if environ["REQUEST_METHOD"] == "POST":
            return self._choose(environ)
        if environ.get("QUERY_STRING"):
            # A sign-in that was cancelled leads here too.
            return see_other(trust.own.url("home"))
        login = env.session_beyond_idle(environ)
        unseen = self._logout.unseen(environ, login)
        if unseen is not None:
            return unseen
        if login is None:
            out = self._logout.is_out_everywhere(environ)
            return self.pages.page(
                environ,
                "signed_out.html",
                login_url=trust.own.url("login"),
                receipt_url=None if out is None else trust.own.url("logout"),
                is_everywhere=out,
            )
        sessions, language = env.sessions(environ), language_of(environ)
        known, unsure = _told_of(environ, login)
        return self.pages.page(
            environ,
            "home.html",
            login=login,
            services=services_of(trust, known, language),
            unsure=services_of(trust, unsure, language),
            idle=sessions.idle / 3600 if sessions.is_idle(login) else 0.0,
            idle_hours=sessions.idle / 3600,
            login_url=trust.own.url("login"),
            logout_action=trust.own.url("logout"),
            home_action=trust.own.url("home"),
            choices=_OF_NEXT if self._rehearses else (),
            chosen=rehearsal.kept(env.values(environ), login, _OF_NEXT),
        )

    def _choose(self, environ: "WSGIEnvironment") -> Response:
        """Keep what a tester wants to happen to the next answer."""
        own = env.trust(environ).own
        require_own_form(environ, own.public_url)
        login = env.session_beyond_idle(environ)
        if login is not None and self._rehearses:
            choice = rehearsal.chosen(read_form(environ), _OF_NEXT)
            rehearsal.keep(env.values(environ), login, choice)
        return see_other(own.url("home"))


def _end_that_one(environ: "WSGIEnvironment") -> None:
    """End the session that a request brings, and no other one."""
    login = env.session_to_end(environ)
    if login is not None:
        env.sessions(environ).drop(login)


def _looked_at(
    respond: Callable[["WSGIEnvironment"], Response],
) -> Callable[["WSGIEnvironment"], Response]:
    """The same, where a participant looks by HEAD whether anybody is here.

    That is before it sends a citizen. Without the store she would get an error.
    """

    def respond_or_be_there(environ: "WSGIEnvironment") -> Response:
        allow_only(environ, "GET", "HEAD", "POST")
        if environ["REQUEST_METHOD"] == "HEAD":
            require_store(environ)
            return Response(status=204, cache_control="no-store")
        return respond(environ)

    return respond_or_be_there


def _not_as_digid(_: "WSGIEnvironment") -> Response:
    """With ``profile = digid`` nobody reports activity: DigiD has no such message."""
    raise NotFound("no address of the hub with profile = digid")


def _told_of(
    environ: "WSGIEnvironment", login: Login
) -> tuple[Sequence[Participant], Sequence[Participant]]:
    """The participants where the visitor is signed in, and where they may still be.

    The first are those that the hub would answer now without a question to the visitor.
    """
    if env.trust(environ).own.is_digid:
        presence = DigidPresence(environ, login)
        # Who was answered that there is no login ends its own session.
        told = presence.services(env.sessions(environ).participants(login))
        known = [one for one in told if not presence.must_prove(one.entity_id)]
    else:
        told = where_in(environ, login)
        known = [one for one in told if is_answered(environ, login, one.entity_id)]
    return known, [one for one in told if one not in known]


def _again(environ: "WSGIEnvironment", error: Exception) -> str | None:
    """Where a citizen tries again what could not be done now, if a link can do that."""
    # The page of the sign-in form is at its address: she is asked once more.
    can_ask = wants_page(environ) or environ.get(env.ADDRESS) == "login"
    if not isinstance(error, Unavailable) or not can_ask:
        return None
    return this_page(environ, env.trust(environ).own.public_url)


def _ways_back(
    environ: "WSGIEnvironment", error: Exception
) -> Iterator[tuple[str, str]]:
    """Where a citizen can go on from the page of an error: addresses, with names.

    To the service in whose name she was sent here, if its metadata has a page of it,
    and to our own first page (""), where she also sees whether she is logged in still.
    """
    trust = environ.get(env.TRUST)
    if trust is None or not isinstance(error, Refused | Unavailable):
        return
    language = language_of(environ)
    link = trust.federation.link_of(error.peer, language)
    # DigiD knows nobody there (DIGID.md 1.6).
    if link and not isinstance(error, NotFound):
        yield link, trust.federation.name_of(error.peer, language)
    yield trust.own.url("home"), ""


def _names(options: HubOptions) -> Names:
    return Names(
        options.name_id_key.get_secret_value(),
        FORMATS[options.name_id],
        {FORMATS[word]: name for word, name in options.name_id_attributes.items()},
        options.nameless,
    )


def contradictions(
    options: HubOptions, public_url: str, *, is_digid: bool
) -> Iterator[tuple[str, str]]:
    """Options of the hub that do not go with who we are: each, and what is expected."""
    for name in ("demo", "rehearsal"):
        if getattr(options, name) and not is_for_trying(public_url):
            yield name, f"expected a loopback address or one in .test, not {public_url}"
    for name, expected in _OUT_OF_PLACE[is_digid].items():
        if getattr(options, name) != HubOptions.model_fields[name].default:
            yield name, expected
    if options.show_session and options.sign_in == "above":
        yield (
            "show_session",
            "expected none with 'sign_in = above', where the hub above has the name",
        )
    if is_digid and options.sign_in == "above":
        yield (
            "sign_in",
            "expected 'own' with 'profile = digid': DigiD signs citizens in itself",
        )


def is_for_trying(public_url: str) -> bool:
    """Whether nobody in earnest can be there: loopback, or .test (RFC 6761 6.2)."""
    host = urlsplit(public_url).hostname or ""
    return is_loopback(host) or host.endswith(".test")


def make_hub(global_conf: Mapping[str, str], **local_conf: str) -> "WSGIApplication":
    """PasteDeploy's factory for ``egg:eilogin#hub``."""
    options = read(HubOptions, global_conf, local_conf)
    return Hub(options)
