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

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from webob import Response

from eilogin.errors import ConfigurationError, NotFound, StoreUnavailable
from eilogin.federation import Trust
from eilogin.hub.citizens import Citizens
from eilogin.hub.logout import SingleLogout
from eilogin.hub.signin import SignIn
from eilogin.hub.sso import SingleSignOn
from eilogin.sessions import Participant
from eilogin.settings import (
    Flag,
    Options,
    ReadableFile,
    Seconds,
    Secret,
    is_loopback,
    option,
    read,
)
from eilogin.web import environ as env
from eilogin.web.outbound import soap_fault
from eilogin.web.pages import Pages, language_of, note_refusal
from eilogin.web.requests import wants_page
from eilogin.web.urls import see_other, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class HubOptions(Options, name="hub"):
    """What ``[app:…] use = egg:eilogin#hub`` understands."""

    citizens: ReadableFile = option("JSON file with who can sign in")
    name_id_key: Secret = option(
        "secret from which the NameIDs are derived; another secret makes every citizen "
        "a stranger at every participant"
    )
    logout_timeout: Seconds = option(
        "how long each participant may take to confirm a logout", default="5s"
    )
    demo: Flag = option(
        "show codes and passwords on the sign-in page; on a loopback address only",
        default=False,
    )


class Hub:
    """The app; ``options`` say who can sign in."""

    def __init__(self, options: HubOptions) -> None:
        self.pages = Pages("eilogin.hub")
        self._is_demo = options.demo
        citizens = Citizens.load(options.citizens)
        logout = SingleLogout(self.pages, options.logout_timeout)
        sign_in = SignIn(
            citizens, self.pages, logout.end_everywhere, is_demo=options.demo
        )
        key = options.name_id_key.get_secret_value()
        sso = SingleSignOn(sign_in, self.pages, key)
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
        if is_soap and environ["REQUEST_METHOD"] == "POST":
            return soap_fault(error, note_refusal(error, event))
        again = None
        if isinstance(error, StoreUnavailable) and wants_page(environ):
            again = this_page(environ, env.trust(environ).own.public_url)
        return self.pages.refuse(environ, error, event=event, again=again)

    def _respond(self, environ: "WSGIEnvironment") -> Response:
        respond = self._addresses.get(env.address(environ) or "")
        if respond is None:
            raise NotFound("no address of the hub")
        if self._is_demo and not is_for_trying(env.trust(environ).own.public_url):
            raise ConfigurationError(
                "demo = true shows codes and passwords: on a loopback address only"
            )
        return respond(environ)

    def _health(self, environ: "WSGIEnvironment") -> Response:
        return Response(text="ok\n", content_type="text/plain")

    def _home(self, environ: "WSGIEnvironment") -> Response:
        """Where the citizen is logged in, and how she logs out everywhere."""
        trust, sessions = env.trust(environ), env.sessions(environ)
        if environ.get("QUERY_STRING"):
            # A sign-in that was cancelled leads here too.
            return see_other(trust.own.url("home"))
        login = env.session_beyond_idle(environ)
        if login is None:
            return self.pages.page(
                environ, "signed_out.html", login_url=trust.own.url("login")
            )
        return self.pages.page(
            environ,
            "home.html",
            login=login,
            services=_services(
                trust, sessions.participants(login), language_of(environ)
            ),
            logout_action=trust.own.url("logout"),
        )


def is_for_trying(public_url: str) -> bool:
    """Whether nobody in earnest can be there: loopback, or .test (RFC 6761 6.2)."""
    host = urlsplit(public_url).hostname or ""
    return is_loopback(host) or host.endswith(".test")


def _services(
    trust: Trust, participants: Iterable[Participant], language: str
) -> list[tuple[str, str | None, float]]:
    """Name, link and since when, of every participant that is a member still or was."""
    federation = trust.federation
    return [
        (
            federation.name_of(told.entity_id, language),
            federation.link_of(told.entity_id, language) or None,
            told.since,
        )
        for told in participants
    ]


def make_hub(global_conf: Mapping[str, str], **local_conf: str) -> "WSGIApplication":
    """PasteDeploy's factory for ``egg:eilogin#hub``."""
    options = read(HubOptions, global_conf, local_conf)
    return Hub(options)
