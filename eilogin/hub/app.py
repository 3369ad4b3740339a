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
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import model_validator
from webob import Response

from eilogin import settings
from eilogin.errors import ConfigurationError, NotFound, Refused, Unavailable
from eilogin.hub.above import SignInAbove, subject_here
from eilogin.hub.answers import Answers, Encrypt, Sign
from eilogin.hub.citizens import Citizens
from eilogin.hub.digid import rehearsal
from eilogin.hub.digid.logout import SingleLogoutAsDigid
from eilogin.hub.digid.numbers import SectorLines
from eilogin.hub.digid.presence import Presence
from eilogin.hub.digid.sso import SingleSignOnAsDigid
from eilogin.hub.logout import SingleLogout
from eilogin.hub.names import FORMATS, NameAttributes, Names
from eilogin.hub.propagation import Propagation
from eilogin.hub.release import AttributeNames, Release, ReleaseLines
from eilogin.hub.services import services_of
from eilogin.hub.signin import SignIn
from eilogin.hub.sso import SingleSignOn
from eilogin.hub.ways import WayLines, Ways
from eilogin.saml.sectors import BSN
from eilogin.sessions import Login, Participant
from eilogin.settings import (
    Count,
    Flag,
    LongSecret,
    Options,
    ReadableFile,
    Seconds,
    Words,
    is_loopback,
    option,
    read,
)
from eilogin.web import environ as env
from eilogin.web.outbound import soap_fault
from eilogin.web.pages import Pages, language_of, note_refusal
from eilogin.web.places import USUAL
from eilogin.web.requests import (
    allow_only,
    read_form,
    require_own_form,
    wants_page,
)
from eilogin.web.urls import see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: Options that mean something with ``profile = digid`` alone.
_OF_DIGID = ("sectors", "inactive", "rehearsal", "show_session")
#: What a tester may choose for the answer that comes next, whatever that is to.
_OF_NEXT = rehearsal.CHOICES + rehearsal.OF_LOGOUT


class HubOptions(Options, name="hub"):
    """What ``[app:…] use = egg:eilogin#hub`` understands."""

    sign_in: Literal["own", "above"] = option(
        "``own``: citizens sign in here; ``above``: another hub signs them in, for the "
        "filters of a participant that stand before this hub (``hub_inside``)",
        default="own",
    )
    citizens: ReadableFile | None = option(
        "JSON file with who can sign in; ``own`` needs it", default=None, shown="none"
    )
    passed_on_to: Words = option(
        "entityIDs of who is answered with a login from above: the applications of "
        "those whose connection it is; ``above`` needs them",
        default=(),
        shown="none",
    )
    name_id_key: LongSecret = option(
        "secret, of at least 16 bytes, from which the NameIDs are derived; another "
        "secret makes every citizen a stranger at every participant"
    )
    logout_timeout: Seconds = option(
        "how long each participant may take to confirm a logout", default="5s"
    )
    logouts_at_once: Count = option(
        "how many logouts of a process tell participants at a time; who comes with one "
        "more is still logged in, and tries again. Keep it below the threads of the "
        "server: a participant that hangs holds one for each",
        default=USUAL,
    )
    logout_binding: WayLines = option(
        "how participants are told of a logout, of what their metadata has: lines of "
        "an entityID, or of ``*``, and ``soap`` (from server to server alone) or "
        "``browser`` (in the citizen's alone, by Redirect or POST); who has no line is "
        "told over SOAP, and in the browser where that does not reach it",
        default={},
        shown="none",
    )
    name_id: Literal["persistent", "transient", "email", "unspecified"] = option(
        "format of the NameIDs for who neither asks for one nor names one in its "
        "metadata: ``persistent`` (the same at every login), ``transient`` (another in "
        "every session), ``email`` or ``unspecified`` (an attribute)",
        default="persistent",
    )
    name_id_attributes: NameAttributes = option(
        "lines of ``email`` or ``unspecified`` and the attribute that is the NameID in "
        "that format, for who may have that attribute",
        default={"email": "mail"},
        shown="``email mail``",
    )
    nameless: Words = option(
        "entityIDs of participants that get no NameID, and know a citizen by her "
        "attributes alone: no logout can reach them",
        default=(),
        shown="none",
    )
    release: ReleaseLines = option(
        "who gets which attributes: lines of an entityID, of ``category:`` and the URI "
        "of an entity category, or of ``*``, and names; ``requested`` are those that "
        "its metadata asks for, ``required`` those that it cannot do without; the line "
        "of the entityID counts alone, and ``*`` where there is no other",
        default={"*": ("requested",)},
        shown="``* requested``",
    )
    default_attributes: settings.Names = option(
        "what ``requested`` is for a participant whose metadata asks for none",
        default=("name",),
        shown="``name``",
    )
    attribute_names: AttributeNames = option(
        "lines of an attribute and the name by which participants know it, such as "
        "``mail urn:oid:0.9.2342.19200300.100.1.3``, and its NameFormat behind it or "
        "not: ``uri``, ``basic`` or ``unspecified``",
        default={},
        shown="as ours",
    )
    sign: Sign = option(
        "what of an answer is signed: ``assertion``, ``response`` or ``both``; the "
        "assertion in any case for who wants it so in its metadata",
        default="assertion",
    )
    encrypt: Encrypt = option(
        "encrypt assertions: ``off``, ``when-possible`` (for who has a key for it in "
        "its metadata) or ``required`` (nobody else gets a login); who has a key, and "
        "lists only algorithms that we do not write (CBC, RSA 1.5), gets no login with "
        "either",
        default="off",
    )
    encrypt_name_id: Flag = option(
        "encrypt who it is that is logged out, for participants that have a key for "
        "that",
        default=False,
    )
    demo: Flag = option(
        "show codes and passwords on the sign-in page; on a loopback address, or below "
        "``.test``, only",
        default=False,
    )
    sectors: SectorLines = option(
        "with ``profile = digid``: by which number of a citizen a participant knows "
        "her: lines of an entityID, or of ``*``, and sector codes, ``s00000000`` (BSN) "
        "or ``s00000001`` (SOFI), the preferred one first",
        default={"*": (BSN,)},
        shown="``* s00000000``",
    )
    inactive: Words = option(
        "with ``profile = digid``: entityIDs of participants whose connection is not "
        "active (any more); they get no login (RequestDenied)",
        default=(),
        shown="none",
    )
    show_session: Flag = option(
        "with ``profile = digid``: name the services where somebody is logged in "
        "already, before the login goes on to another one",
        default=False,
    )
    rehearsal: Flag = option(
        "with ``profile = digid``: have a tester choose on the pages how DigiD "
        "answers; on a loopback address, or below ``.test``, only",
        default=False,
    )

    @model_validator(mode="after")
    def _says_who_can_sign_in(self) -> "HubOptions":
        if self.sign_in == "own" and self.citizens is None:
            raise ValueError("citizens: is required with sign_in = own")
        if self.sign_in == "above" and not self.passed_on_to:
            raise ValueError(
                "passed_on_to: is required with sign_in = above: nobody else gets a "
                "login"
            )
        return self


class Hub:
    """The app; ``options`` say who can sign in."""

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
        )
        self._rehearses = options.rehearsal
        sign_in = self._sign_in(options)
        sso = SingleSignOn(
            sign_in,
            self.pages,
            self._names,
            Release(
                options.release, options.default_attributes, options.attribute_names
            ),
            Answers(options.sign, options.encrypt),
            options.passed_on_to if options.sign_in == "above" else None,
        )
        self._addresses: Mapping[str, Callable[[WSGIEnvironment], Response]] = {
            "home": self._home,
            "health": self._health,
            "login": sign_in.respond,
            "sso": sso.respond,
            "artifact": sso.resolve,
            "logout": logout.everywhere,
            "slo": logout.respond,
            "slo_soap": logout.respond_soap,
        }
        self._as_digid = {**self._addresses, **self._addresses_of_digid(sign_in)}

    def _addresses_of_digid(
        self, sign_in: SignIn | SignInAbove
    ) -> Mapping[str, "Callable[[WSGIEnvironment], Response]"]:
        """What answers in the place of the others with ``profile = digid``."""
        if not isinstance(sign_in, SignIn):
            return {}
        logout = SingleLogoutAsDigid(
            self.pages,
            self._propagation,
            rehearses=self._rehearses,
            at_once=self._options.logouts_at_once,
        )
        sso = SingleSignOnAsDigid(
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
            "sso": sso.respond,
            "artifact": sso.resolve,
            "slo": logout.respond,
            "slo_soap": logout.respond_soap,
        }

    def _sign_in(self, options: HubOptions) -> SignIn | SignInAbove:
        logout = self._logout
        if options.sign_in == "above" or options.citizens is None:
            return SignInAbove(self._names, logout.make_way)
        citizens = Citizens.load(options.citizens)
        return SignIn(
            citizens,
            self.pages,
            logout.make_way_in_room,
            logout.endings.room,
            is_demo=options.demo,
            rehearses=options.rehearsal,
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one of the hub's addresses."""
        try:
            answer = self._respond(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refusal(environ, error)
        return answer(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        address = environ.get(env.ADDRESS)
        event = "logout" if address in ("logout", "slo", "slo_soap") else "login"
        is_soap = address in ("slo_soap", "artifact")
        # DigiD has nothing to say to who is nobody (DIGID.md 1.6).
        is_told = not isinstance(error, NotFound)
        if is_soap and is_told and environ["REQUEST_METHOD"] == "POST":
            return soap_fault(error, note_refusal(error, event, environ))
        return self.pages.refuse(
            environ,
            error,
            event=event,
            again=_again(environ, error),
            ways_back=list(_ways_back(environ, error)),
        )

    def _respond(self, environ: "WSGIEnvironment") -> Response:
        if env.ENDED in environ:
            return self._ended_above(environ)
        address = env.address(environ) or ""
        if address not in self._addresses:
            raise NotFound("no address of the hub")
        own = env.trust(environ).own
        for name, expected in contradictions(
            self._options, own.public_url, is_digid=own.is_digid
        ):
            raise ConfigurationError(f"{name}: {expected}")
        addresses = self._as_digid if own.is_digid else self._addresses
        return addresses[address](environ)

    def _ended_above(self, environ: "WSGIEnvironment") -> Response:
        """End here what has ended above, and tell all of it."""
        ended: env.Ended = environ[env.ENDED]
        name_of = env.sessions(environ).name_of
        ended.is_everywhere = self._logout.endings.end_subjects(
            environ,
            {subject_here(environ, login.who, self._names) for login in ended.logins},
            [name_of(login) for login in ended.logins],
        )
        return Response(status=204)

    def _health(self, environ: "WSGIEnvironment") -> Response:
        # HAProxy looks by OPTIONS, where it is not told otherwise.
        allow_only(environ, "GET", "HEAD", "OPTIONS")
        answer = Response(text="ok\n", content_type="text/plain")
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    def _home(self, environ: "WSGIEnvironment") -> Response:
        """Where the citizen is logged in, and how she logs out everywhere."""
        allow_only(environ, "GET", "HEAD", "POST")
        trust = env.trust(environ)
        if environ["REQUEST_METHOD"] == "POST":
            return self._choose(environ)
        if environ.get("QUERY_STRING"):
            # A sign-in that was cancelled leads here too.
            return see_other(trust.own.url("home"))
        unseen = self._logout.unseen(environ)
        if unseen is not None:
            return unseen
        login = env.session_beyond_idle(environ)
        if login is None:
            return self.pages.page(
                environ, "signed_out.html", login_url=trust.own.url("login")
            )
        return self.pages.page(
            environ,
            "home.html",
            login=login,
            services=services_of(trust, _told_of(environ, login), language_of(environ)),
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


def _told_of(environ: "WSGIEnvironment", login: Login) -> Sequence[Participant]:
    """The participants at which she is in, as the other pages have it."""
    told = env.sessions(environ).participants(login)
    if env.trust(environ).own.is_digid:
        # Who was answered that there is no login ends its own session.
        return Presence(environ, login).services(told)
    return told


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
    for name in _OF_DIGID:
        is_said = getattr(options, name) != HubOptions.model_fields[name].default
        if is_said and not is_digid:
            yield name, "expected 'profile = digid' with it, in the filter 'trust'"
    if is_digid and options.logout_binding:
        yield (
            "logout_binding",
            "expected none with 'profile = digid': DigiD tells everybody over SOAP",
        )
    if is_digid and options.sign_in == "above":
        yield (
            "sign_in",
            "expected 'own' with 'profile = digid': DigiD asks nobody else",
        )


def is_for_trying(public_url: str) -> bool:
    """Whether nobody in earnest can be there: loopback, or .test (RFC 6761 6.2)."""
    host = urlsplit(public_url).hostname or ""
    return is_loopback(host) or host.endswith(".test")


def make_hub(global_conf: Mapping[str, str], **local_conf: str) -> "WSGIApplication":
    """PasteDeploy's factory for ``egg:eilogin#hub``."""
    options = read(HubOptions, global_conf, local_conf)
    return Hub(options)
