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

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from lxml import etree
from webob import Response

from eilogin import audit, clock
from eilogin.errors import MalformedMessage, MessageUnexpected
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures
from eilogin.saml.answers import (
    LIFETIME,
    SKEW,
    check_logout_request,
    check_logout_response,
)
from eilogin.saml.xml import serialize
from eilogin.sessions import Login, Subject
from eilogin.settings import Options, option, read
from eilogin.web import environ as env
from eilogin.web.inbound import Inbound, receive, receive_soap
from eilogin.web.pages import Pages, language_of
from eilogin.web.requests import (
    is_from_other_site,
    origin_of,
    read_form,
    require_own_form,
    safe_next,
)
from eilogin.web.urls import see_other

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How long we wait for the hub to send the visitor back, in seconds.
_PENDING = 10 * 60.0


class LogoutOptions(Options, name="logout"):
    """What ``[filter:…] use = egg:eilogin#logout`` understands."""

    next: str = option(
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
        self._own_addresses: Mapping[str, Callable[[WSGIEnvironment], Response]] = {
            "logout": self._start,
            "slo": self._front_channel,
            "slo_soap": self._back_channel,
        }

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer our own addresses, and pass everything else on."""
        try:
            answer = self._answer(environ)
        except Exception as error:  # noqa: BLE001 - no traceback reaches a visitor
            answer = self.pages.refuse(environ, error, event="logout")
        if answer is None:
            return self.app(environ, start_response)
        return answer(environ, start_response)

    def _answer(self, environ: "WSGIEnvironment") -> Response | None:
        respond = self._own_addresses.get(env.address(environ) or "")
        return None if respond is None else respond(environ)

    # --- /eilogin/logout: the visitor wants to go -----------------------------------

    def _start(self, environ: "WSGIEnvironment") -> Response:
        trust = env.trust(environ)
        if environ["REQUEST_METHOD"] == "POST":
            require_own_form(environ, trust.own.public_url)
            wanted = read_form(environ).get("next")
        elif is_from_other_site(environ, trust.own.public_url):
            # A link on another site must not log anybody out by itself.
            return self._ask_first(environ)
        else:
            wanted = _query(environ).get("next")
        target = safe_next(wanted, self.next)
        login = env.session(environ)
        if login is None:
            return self._logged_out(environ, target, everywhere=False)
        self._end_here(environ, login)
        expired = env.cookie(environ).expire()
        endpoint = trust.hub.single_logout(bindings.REDIRECT)
        if endpoint is None:
            return self._logged_out(
                environ, target, everywhere=False, headers=[expired]
            )
        request = _logout_request(trust, login, endpoint.location)
        # Remembered by the ID that the hub's answer will name.
        env.sessions(environ).store.add(
            _key(request.id), json.dumps({"next": target}), clock.now() + _PENDING
        )
        location = bindings.redirect_url(
            endpoint.location,
            "SAMLRequest",
            serialize(messages.write_logout_request(request)),
            "",
            trust.own.key,
        )
        return see_other(location, [expired], status=302)

    def _end_here(self, environ: "WSGIEnvironment", login: Login) -> None:
        indexes = (login.session_index,) if login.session_index else ()
        # By subject, not by key: the mark that this leaves refuses an answer of the
        # hub that is on its way to another tab.
        env.sessions(environ).end_subject(login.who, indexes, issued=clock.now())
        audit.event(
            "logout.sent",
            pseudonym=audit.pseudonym_of(login.subject),
            peer=login.who.issuer,
        )

    def _ask_first(self, environ: "WSGIEnvironment") -> Response:
        trust = env.trust(environ)
        return self.pages.page(
            environ,
            "confirm_logout.html",
            action=trust.own.url("logout"),
            name=trust.own.names[language_of(environ)],
            # The form's redirect leads to the hub.
            form_action=[origin_of(e.location) for e in trust.hub.single_logouts],
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
        stored = env.sessions(environ).store.get(_key(response.in_response_to))
        if stored is None:
            raise MessageUnexpected("an answer to a logout that was not started here")
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
        target = json.loads(stored)["next"]
        return self._logged_out(environ, target, everywhere=everywhere)

    def _hub_asks(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """The hub's LogoutRequest by Redirect or POST (SAML profiles 4.4.3.2)."""
        trust = env.trust(environ)
        request = messages.read_logout_request(inbound.element)
        self._execute(environ, request, inbound.issuer, "slo", is_direct=False)
        endpoint = trust.hub.single_logout(bindings.REDIRECT)
        if endpoint is None:
            raise MalformedMessage("the hub takes no LogoutResponse by Redirect")
        destination = endpoint.response_location or endpoint.location
        location = bindings.redirect_url(
            destination,
            "SAMLResponse",
            serialize(_logout_response(trust, request, destination)),
            inbound.relay_state,
            trust.own.key,
        )
        return see_other(location, status=302)

    # --- /eilogin/slo/soap: messages from server to server --------------------------

    def _back_channel(self, environ: "WSGIEnvironment") -> Response:
        """The hub's LogoutRequest over SOAP (SAML bindings 3.2)."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.hub_keys)
        request = messages.read_logout_request(element)
        self._execute(environ, request, issuer, "slo_soap", is_direct=True)
        answer = _logout_response(trust, request, "")
        signatures.sign(answer, trust.own.key)
        return Response(body=bindings.wrap_soap(answer), content_type="text/xml")

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
        if sessions.store.get(seen) is not None:
            return
        name_id = request.name_id
        subject = Subject(
            issuer=issuer,
            audience=trust.own.entity_id,
            name_id=name_id.value,
            format=name_id.format,
            name_qualifier=name_id.name_qualifier,
            sp_name_qualifier=name_id.sp_name_qualifier,
        )
        ended = sessions.end_subject(
            subject, request.session_indexes, issued=request.issued
        )
        sessions.store.add(seen, "done", now + LIFETIME + 2 * SKEW)
        audit.event(
            "logout.received",
            pseudonym=audit.pseudonym_of(subject.name_id),
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
            return see_other(origin_of(own.public_url) + target, headers)
        return self.pages.page(
            environ,
            "logged_out.html",
            headers=headers,
            at=clock.now(),
            everywhere=everywhere,
            website_url=own.public_url + "/",
            login_url=own.url("login"),
        )


def _key(request_id: str) -> str:
    return f"logout:{request_id}"


def _query(environ: "WSGIEnvironment") -> dict[str, str]:
    query = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=20)
    return {name: values[0] for name, values in query.items()}


def _logout_request(
    trust: Trust, login: Login, destination: str
) -> messages.LogoutRequest:
    return messages.LogoutRequest(
        id=messages.new_id(),
        issued=clock.now(),
        issuer=trust.own.entity_id,
        name_id=messages.NameID(
            login.who.name_id,
            login.who.format,
            login.who.name_qualifier,
            login.who.sp_name_qualifier,
        ),
        destination=destination,
        session_indexes=(login.session_index,) if login.session_index else (),
    )


def _logout_response(
    trust: Trust, request: messages.LogoutRequest, destination: str
) -> etree._Element:
    return messages.write_logout_response(
        messages.LogoutResponse(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            status=messages.Status(),
            in_response_to=request.id,
            destination=destination,
        )
    )


def make_logout(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LogoutFilter:
    """PasteDeploy's factory for ``egg:eilogin#logout``."""
    options = read(LogoutOptions, global_conf, local_conf)
    return LogoutFilter(app, options)
