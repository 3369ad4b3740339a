"""Start a logout, receive one, and end what it names.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes* nothing in
environ; ends sessions. *Changes in the answer*: answers ``/eilogin/logout``,
``/eilogin/slo`` and ``/eilogin/slo/soap`` itself::

    [filter:logout]
    use = egg:eilogin#logout
    next = /

The visitor's session here ends first, before anything is sent, so that whatever
happens afterwards she is logged out here. Then the hub is told, and tells all others.
A LogoutRequest of the hub is executed by the NameID and SessionIndex that it names and
needs no cookie.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from webob import Response

from eilogin import audit, clock
from eilogin.errors import MalformedMessage, MessageUnexpected, StoreUnavailable
from eilogin.federation import Trust
from eilogin.saml import bindings, messages
from eilogin.saml.checks import (
    LIFETIME,
    SKEW,
    check_logout_request,
    check_logout_response,
)
from eilogin.sessions import Login, Subject
from eilogin.settings import Options, option, read
from eilogin.visit import rounds
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie
from eilogin.web.inbound import Inbound, receive, receive_soap
from eilogin.web.outbound import (
    logout_response,
    redirect_with,
    soap_answer,
    soap_fault,
)
from eilogin.web.pages import Pages, language_of, note_refusal
from eilogin.web.requests import (
    SitePath,
    allow_only,
    is_own_navigation,
    read_form,
    read_query,
    require_own_form,
    safe_next,
)
from eilogin.web.urls import at, root, see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How long we wait for the hub to send the visitor back, in seconds: she may look at
#: its page of a partial logout for a while.
_PENDING = 60 * 60.0

#: Ties a logout under way to its browser: nobody else's answer says "logged out" here.
#: It comes along with the hub's POST too, and holds nothing but the request's ID.
_UNDER_WAY = Cookie("eilogin-logout", same_site="None")


class LogoutOptions(Options, name="logout"):
    """What ``[filter:…] use = egg:eilogin#logout`` understands."""

    next: SitePath = option(
        "path of this site where a visitor is after logging out",
        default="",
        shown="a page that says she is logged out",
    )


class LogoutFilter:
    """The filter; ``options`` say where a visitor is after logging out."""

    def __init__(self, app: "WSGIApplication", options: LogoutOptions) -> None:
        self.app = app
        self.next = options.next
        self.pages = Pages()
        self._own_addresses: Mapping[
            str | None, Callable[[WSGIEnvironment], Response]
        ] = {
            "logout": self._start,
            "slo": self._front_channel,
            "slo_soap": self._back_channel,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses, and pass everything else on."""
        try:
            respond = self._own_addresses.get(env.address(environ))
            answer = None if respond is None else respond(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self._refusal(environ, error)
        if answer is None:
            return self.app(environ, start_response)
        return answer(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        if (
            environ.get(env.ADDRESS) == "slo_soap"
            and environ["REQUEST_METHOD"] == "POST"
        ):
            return soap_fault(error, note_refusal(error, "logout"))
        is_start = environ.get(env.ADDRESS) == "logout"
        can_try = is_start and isinstance(error, StoreUnavailable)
        again = env.trust(environ).own.url("logout") if can_try else None
        return self.pages.refuse(environ, error, event="logout", again=again)

    # --- /eilogin/logout: the visitor wants to go -----------------------------------

    def _start(self, environ: "WSGIEnvironment") -> Response:
        allow_only(environ, "GET", "POST")
        public_url = env.trust(environ).own.public_url
        if environ["REQUEST_METHOD"] == "POST":
            require_own_form(environ, public_url)
            wanted = read_form(environ).get("next")
        elif is_own_navigation(environ, public_url):
            wanted = read_query(environ).get("next")
        else:
            # A link on another site must not log anybody out by itself.
            return self._ask_first(environ)
        target = safe_next(wanted, self.next)
        # An idle session is over here and lives at the hub, and so at others.
        login = env.session_to_end(environ)
        if login is None:
            headers = [env.cookie(environ).expire()]
            return self._logged_out(environ, target, everywhere=False, headers=headers)
        self._end_here(environ, login)
        answer = self._tell_hub(environ, login, target)
        # Who logs out means to log in again, however soon that is.
        answer.headerlist.append(rounds.forget())
        return answer

    def _end_here(self, environ: "WSGIEnvironment", login: Login) -> None:
        # The mark that this leaves refuses an answer of the hub that is on its way to
        # another tab; it says by the hub's clock when it was issued.
        issued = clock.now() + login.ahead
        env.sessions(environ).end_login(login, issued=issued)
        audit.event(
            "logout.sent",
            pseudonym=env.trust(environ).own.pseudonym(login.subject),
            peer=login.who.issuer,
        )

    def _tell_hub(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response:
        """Send her on to the hub, which tells all others (SAML profiles 4.4.3.1)."""
        trust = env.trust(environ)
        expired = env.cookie(environ).expire()
        endpoint = trust.hub(login.who.issuer).single_logout(bindings.REDIRECT)
        if endpoint is None:
            headers = [expired]
            return self._logged_out(environ, target, everywhere=False, headers=headers)
        request = _logout_request(trust, login, endpoint.location)
        # Remembered by the ID that the hub's answer will name.
        until = clock.now() + _PENDING
        env.values(environ).add(_key(request.id), target, until, durable=False)
        under_way = _UNDER_WAY.set(request.id, max_age=int(_PENDING))
        return redirect_with(
            endpoint.location,
            "SAMLRequest",
            messages.write_logout_request(request),
            key=trust.own.key,
            headers=[expired, under_way],
        )

    def _ask_first(self, environ: "WSGIEnvironment") -> Response:
        trust = env.trust(environ)
        own = trust.own
        return self.pages.page(
            environ,
            "confirm_logout.html",
            action=own.url("logout"),
            name=own.names[language_of(environ)],
            back_url=at(own.public_url, root(own.public_url)),
            # The form's redirect leads to the hub.
            form_action=[
                endpoint.location
                for hub in trust.hub_ids
                for endpoint in trust.hub(hub).single_logouts
            ],
        )

    # --- /eilogin/slo: messages through the browser ---------------------------------

    def _front_channel(self, environ: "WSGIEnvironment") -> Response:
        inbound = receive(environ, env.trust(environ).hub_keys)
        if inbound.kind == "SAMLResponse":
            return self._hub_is_done(environ, inbound)
        return self._hub_asks(environ, inbound)

    def _hub_is_done(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """The hub's LogoutResponse (SAML profiles 4.4.3.5)."""
        response = messages.read_logout_response(inbound.element)
        target = self._under_way(environ, response.in_response_to)
        trust = env.trust(environ)
        check_logout_response(
            response,
            issuer=inbound.issuer,
            in_response_to=response.in_response_to,
            destination=trust.own.url("slo"),
            destination_required=True,
            now=clock.now(),
        )
        codes = response.status.codes
        everywhere = response.status.is_success and (
            messages.PARTIAL_LOGOUT not in codes
        )
        audit.event(
            "logout.answered", "ok" if everywhere else "failed", peer=inbound.issuer
        )
        return self._logged_out(environ, target, everywhere=everywhere)

    def _under_way(self, environ: "WSGIEnvironment", request_id: str) -> str:
        """Where the visitor wants to be after a logout that this browser started."""
        stored = env.values(environ).get(_key(request_id))
        held = _UNDER_WAY.read(environ) or ""
        # Bytes, for whatever a client sends.
        is_held = hmac.compare_digest(held.encode(), request_id.encode())
        if stored is None or not is_held:
            raise MessageUnexpected("an answer to a logout that was not started here")
        return safe_next(stored, self.next)

    def _hub_asks(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """The hub's LogoutRequest by Redirect or POST (SAML profiles 4.4.3.2)."""
        trust = env.trust(environ)
        request = messages.read_logout_request(inbound.element)
        self._execute(environ, request, inbound.issuer, "slo", is_direct=False)
        endpoint = trust.hub(inbound.issuer).single_logout(bindings.REDIRECT)
        if endpoint is None:
            raise MalformedMessage("the hub takes no LogoutResponse by Redirect")
        destination = endpoint.response_location or endpoint.location
        return redirect_with(
            destination,
            "SAMLResponse",
            logout_response(trust, request.id, destination=destination),
            key=trust.own.key,
            relay_state=inbound.relay_state,
        )

    # --- /eilogin/slo/soap: messages from server to server --------------------------

    def _back_channel(self, environ: "WSGIEnvironment") -> Response:
        """The hub's LogoutRequest over SOAP (SAML bindings 3.2)."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.hub_keys)
        request = messages.read_logout_request(element)
        self._execute(environ, request, issuer, "slo_soap", is_direct=True)
        return soap_answer(logout_response(trust, request.id), trust.own.key)

    # --- ending what a LogoutRequest names ------------------------------------------

    def _execute(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
        *,
        is_direct: bool,
    ) -> None:
        """End what is named; a request that was seen before ends nothing more."""
        trust, sessions = env.trust(environ), env.sessions(environ)
        now = clock.now()
        check_logout_request(
            request,
            issuer=issuer,
            destination=trust.own.url(address),
            destination_required=not is_direct,
            now=now,
        )
        seen = f"logout-request:{issuer}\0{request.id}"
        values = env.values(environ)
        if values.get(seen) is not None:
            return
        subject = Subject.named(
            request.name_id, issuer=issuer, audience=trust.own.entity_id
        )
        ended = sessions.end_subject(
            subject, request.session_indexes, issued=request.issued
        )
        values.add(seen, "done", now + LIFETIME + 2 * SKEW)
        audit.event(
            "logout.received",
            pseudonym=trust.own.pseudonym(subject.name_id),
            peer=issuer,
            reason=f"{len(ended)} ended",
        )

    # --- afterwards -----------------------------------------------------------------

    def _logged_out(
        self,
        environ: "WSGIEnvironment",
        target: str,
        *,
        everywhere: bool,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Response:
        own = env.trust(environ).own
        if target:
            return see_other(at(own.public_url, target), headers)
        return self.pages.page(
            environ,
            "logged_out.html",
            headers=headers,
            at=clock.now(),
            everywhere=everywhere,
            website_url=at(own.public_url, root(own.public_url)),
            login_url=own.url("login"),
        )


def _key(request_id: str) -> str:
    return f"logout:{request_id}"


def _logout_request(
    trust: Trust, login: Login, destination: str
) -> messages.LogoutRequest:
    return messages.LogoutRequest(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        name_id=login.who.as_name_id(),
        destination=destination,
        session_indexes=(login.session_index,) if login.session_index else (),
    )


def make_logout(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LogoutFilter:
    """PasteDeploy's factory for ``egg:eilogin#logout``."""
    options = read(LogoutOptions, global_conf, local_conf)
    return LogoutFilter(app, options)
