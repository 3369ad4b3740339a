"""Start a logout, receive one, and end what it names.

*Needs* ``session`` and ``trust`` before it. *Reads* their keys. *Writes*
``eilogin.logout`` where a hub stands inside (``hub_inside``), which is told too of what
ends here; ends sessions. *Changes in the answer*: answers ``/eilogin/logout``,
``/eilogin/slo`` and ``/eilogin/slo/soap`` itself::

    [filter:logout]
    use = egg:eilogin#logout
    next = /

The visitor's session here ends first, before anything is sent, so that whatever
happens afterwards she is logged out here. Then the hub is told, and tells all others:
in her browser, or over SOAP, and then she stays here. Where not all are known to have
logged her out, a page says so before she goes on. A LogoutRequest of the hub is
executed by the NameID and SessionIndex that it names and needs no cookie.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from lxml import etree
from pydantic import BeforeValidator
from webob import Request, Response

from eilogin import audit, clock
from eilogin.errors import (
    AlgorithmMissing,
    EiloginError,
    MessageUnexpected,
    Refused,
    StoreUnavailable,
    UnknownPeer,
)
from eilogin.federation import Trust
from eilogin.saml import bindings, messages, signatures
from eilogin.saml.checks import (
    LIFETIME,
    SKEW,
    check_logout_request,
    check_logout_response,
    require_issuer,
)
from eilogin.saml.metadata import Endpoint
from eilogin.sessions import Login
from eilogin.settings import Flag, Options, Seconds, option, read
from eilogin.visit import rounds
from eilogin.visit.digid import name_id_of, named
from eilogin.web import environ as env
from eilogin.web.cookies import Cookie
from eilogin.web.inbound import (
    Inbound,
    open_soap,
    read_message,
    receive_soap,
    verify,
)
from eilogin.web.outbound import (
    binding_missing,
    browser_bindings,
    encryption_key,
    logout_response,
    send_through_browser,
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

#: Keys of environ that do not come from a visitor.
_OURS = ("eilogin.", "wsgi.multi")

#: What of the others needs no page of ours before she goes on.
_NO_NEWS = ("everywhere", "no-login")


_DONE = messages.Status()
_PARTLY = messages.Status((messages.SUCCESS, messages.PARTIAL_LOGOUT))

_BINDINGS = {
    "redirect": bindings.REDIRECT,
    "post": bindings.POST,
    "soap": bindings.SOAP,
}


def _bindings(value: object) -> object:
    if not isinstance(value, str):
        return value
    words = value.split()
    if words == ["auto"]:
        return ()
    if not words or len({*words}) != len(words) or not _BINDINGS.keys() >= {*words}:
        raise ValueError(
            "'auto', or one or more of 'redirect', 'post' and 'soap', the preferred one"
            " first"
        )
    return tuple(_BINDINGS[word] for word in words)


class LogoutOptions(Options, name="logout"):
    """What ``[filter:…] use = egg:eilogin#logout`` understands."""

    next: SitePath = option(
        "path of this site where a visitor is after logging out",
        default="",
        shown="a page that says she is logged out",
    )
    logout_binding: Annotated[tuple[str, ...], BeforeValidator(_bindings)] = option(
        "how the hub is told of a logout, of what its metadata has: one or more of "
        "``redirect``, ``post`` (both in her browser) and ``soap`` (from server to "
        "server), the preferred one first; ``auto`` is in this order, with "
        "``profile = digid`` ``post`` first, because the NameID is a BSN",
        default=(),
        shown="``auto``",
    )
    logout_timeout: Seconds = option(
        "how long the hub may take to log out everywhere, where it is told over SOAP",
        default="10s",
    )
    encrypt_name_id: Flag = option(
        "encrypt who it is that logs out, where the hub has a key for that",
        default=False,
    )


class LogoutFilter:
    """The filter; ``options`` say how to log out, and where a visitor is then."""

    def __init__(self, app: "WSGIApplication", options: LogoutOptions) -> None:
        self.app = app
        self.next = options.next
        self.pages = Pages()
        self._wanted = options.logout_binding
        self._timeout = options.logout_timeout
        self._encrypts = options.encrypt_name_id
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
            trust = environ.get(env.TRUST)
            if trust is not None and trust.own.hub_inside is not None:
                environ[env.LOGOUT] = LogoutCall(self, environ)
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
            return self._logged_out(environ, target, "no-login", headers=headers)
        return self.log_out(environ, login, target)

    def log_out(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response:
        """End a login here, and tell the hub; she is at ``target`` afterwards."""
        self._end_here(environ, login)
        answer = self._tell_hub(environ, login, target)
        # Who logs out means to log in again, however soon that is.
        answer.headerlist.append(rounds.forget())
        return answer

    def log_out_directly(self, environ: "WSGIEnvironment", login: Login) -> bool:
        """The same without her browser; whether the hub says that all know it."""
        self._end_here(environ, login)
        try:
            endpoints = self._endpoints(env.trust(environ), login)
            for endpoint in endpoints:
                if endpoint.binding == bindings.SOAP:
                    others = self._ask_directly(environ, login, endpoint)
                    return others == "everywhere"
        except EiloginError as error:
            note_refusal(error, "logout.answered")
        return False

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
        self._tell_inside(environ, [login])

    def _tell_inside(self, environ: "WSGIEnvironment", logins: Sequence[Login]) -> bool:
        """Have a hub that stands inside end what it has of these; whether all know."""
        own = env.trust(environ).own
        if own.hub_inside is None or not logins:
            return True
        ended = env.Ended(logins)
        # A request of our own: nothing of the visitor's is in it.
        request = Request.blank(f"{own.hub_inside}/", base_url=own.public_url)
        ours = {k: v for k, v in environ.items() if k.startswith(_OURS)}
        request.environ.update(ours)
        request.environ.update({env.SESSION: None, env.ENDED: ended})
        request.environ.pop(env.SESSION_FAULT, None)
        request.get_response(self.app)
        return ended.is_everywhere

    def _tell_hub(
        self, environ: "WSGIEnvironment", login: Login, target: str
    ) -> Response:
        """Tell the hub, which tells all others (SAML profiles 4.4.3.1)."""
        expired = env.cookie(environ).expire()
        try:
            endpoints = self._endpoints(env.trust(environ), login)
        except UnknownPeer as error:
            return self._untold(environ, target, error, [expired])
        reference = ""
        for endpoint in endpoints:
            if endpoint.binding != bindings.SOAP:
                try:
                    return self._send_to_hub(environ, login, endpoint, target)
                except AlgorithmMissing as error:
                    return self._untold(environ, target, error, [expired])
            try:
                others = self._ask_directly(environ, login, endpoint)
            except EiloginError as error:
                reference = note_refusal(error, "logout.answered")
            else:
                return self._logged_out(environ, target, others, headers=[expired])
        return self._logged_out(
            environ, target, "unconfirmed", headers=[expired], reference=reference
        )

    def _endpoints(self, trust: Trust, login: Login) -> list[Endpoint]:
        """Where the hub can be told, the preferred one first.

        Raises :class:`eilogin.errors.UnknownPeer` where it cannot.
        """
        entity_id = login.who.issuer
        hub = trust.hub(entity_id)
        if not login.who.has_name_id:
            raise UnknownPeer(
                f"{entity_id!r} gave this citizen no NameID, so no message can say who"
                " is to be logged out there"
            )
        wanted = self._wanted or (*browser_bindings(trust.own), bindings.SOAP)
        found = [hub.single_logout(binding) for binding in wanted]
        endpoints = [endpoint for endpoint in found if endpoint is not None]
        if not endpoints:
            raise binding_missing(
                trust, entity_id, "a LogoutRequest", wanted, hub.single_logouts
            )
        return endpoints

    def _untold(
        self,
        environ: "WSGIEnvironment",
        target: str,
        error: EiloginError,
        headers: Iterable[tuple[str, str]],
    ) -> Response:
        """The page for a logout of which nobody can be told."""
        note_refusal(error, "logout.sent")
        return self._logged_out(environ, target, "not-told", headers=headers)

    def _send_to_hub(
        self, environ: "WSGIEnvironment", login: Login, endpoint: Endpoint, target: str
    ) -> Response:
        trust = env.trust(environ)
        request_id = messages.new_id()
        # Remembered by the ID that the hub's answer will name.
        until = clock.now() + _PENDING
        asked = f"{login.who.issuer}\0{target}"
        env.values(environ).add(_key(request_id), asked, until, durable=False)
        under_way = _UNDER_WAY.set(request_id, max_age=int(_PENDING))
        return send_through_browser(
            environ,
            self.pages,
            endpoint,
            bindings.REQUEST,
            self._request(trust, login, endpoint, request_id),
            key=trust.key_for(login.who.issuer),
            headers=[env.cookie(environ).expire(), under_way],
        )

    def _ask_directly(
        self, environ: "WSGIEnvironment", login: Login, endpoint: Endpoint
    ) -> str:
        """What the hub says over SOAP of the others, as :func:`_judged` gives it.

        Raises :class:`eilogin.errors.EiloginError` where it says nothing.
        """
        trust, request_id = env.trust(environ), messages.new_id()
        element = self._request(trust, login, endpoint, request_id)
        signatures.sign(element, trust.key_for(login.who.issuer))
        octets = trust.back_channel.post(
            endpoint.location, bindings.wrap_soap(element), timeout=self._timeout
        )
        signed, issuer = open_soap(octets, trust.hub_keys)
        require_issuer(issuer, login.who.issuer)
        response = messages.read_logout_response(signed)
        # An answer over SOAP goes to no address of ours (SAML bindings 3.2.3).
        return _judged(response, issuer, request_id, response.destination)

    def _request(
        self, trust: Trust, login: Login, endpoint: Endpoint, request_id: str
    ) -> etree._Element:
        hub = trust.hub(login.who.issuer)
        # DigiD knows her by her browser there, and no SessionIndex (DIGID.md 3.1).
        index = "" if trust.own.is_digid else login.session_index
        return messages.write_logout_request(
            messages.LogoutRequest(
                id=request_id,
                issued=clock.now(),
                issuer=trust.own.entity_id,
                name_id=name_id_of(trust.own, login),
                destination=endpoint.location,
                session_indexes=(index,) if index else (),
            ),
            encryption_key(hub, wanted=self._encrypts),
            hub.encryption_methods,
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
        received = read_message(environ)
        if received.kind == bindings.RESPONSE:
            return self._hub_is_done(environ, received)
        trust = env.trust(environ)
        return self._hub_asks(environ, verify(received, trust.hub_keys, trust.weak))

    def _hub_is_done(
        self, environ: "WSGIEnvironment", received: bindings.Received
    ) -> Response:
        """The hub's LogoutResponse (SAML profiles 4.4.3.5).

        One that cannot be believed leaves her logged out here all the same, and says
        nothing of the others.
        """
        trust = env.trust(environ)
        held = _UNDER_WAY.read(environ) or ""
        stored = env.values(environ).get(_key(held)) if held else None
        if stored is None:
            # Refused in any case; why, depends on whether it can be believed.
            verify(received, trust.hub_keys, trust.weak)
            raise _not_started_here()
        hub, _, wanted = stored.partition("\0")
        target = safe_next(wanted, self.next)
        try:
            inbound = verify(received, trust.hub_keys, trust.weak)
            response = messages.read_logout_response(inbound.element)
            is_ours = _is_same(held, response.in_response_to)
            if is_ours:
                require_issuer(inbound.issuer, hub)
                others = _judged(response, hub, held, trust.own.url("slo"))
        except Refused as error:
            reference = note_refusal(error, "logout.answered")
            return self._logged_out(environ, target, "unconfirmed", reference=reference)
        if not is_ours:
            raise _not_started_here()
        return self._logged_out(environ, target, others)

    def _hub_asks(self, environ: "WSGIEnvironment", inbound: Inbound) -> Response:
        """The hub's LogoutRequest by Redirect or POST (SAML profiles 4.4.3.2)."""
        trust = env.trust(environ)
        request = messages.read_logout_request(inbound.element, trust.decrypter)
        status = self._execute(environ, request, inbound.issuer, "slo", is_direct=False)
        hub = trust.hub(inbound.issuer)
        # A redirect may stand in a frame of the hub's page, whatever that page is.
        wanted = (bindings.REDIRECT, bindings.POST)
        endpoint = hub.single_logout(*wanted)
        if endpoint is None:
            raise binding_missing(
                trust, inbound.issuer, "a LogoutResponse", wanted, hub.single_logouts
            )
        destination = endpoint.for_answers
        return send_through_browser(
            environ,
            self.pages,
            endpoint,
            bindings.RESPONSE,
            logout_response(trust, request.id, status=status, destination=destination),
            key=trust.key_for(inbound.issuer),
            relay_state=inbound.relay_state,
            is_response=True,
            framed_by=destination,
        )

    # --- /eilogin/slo/soap: messages from server to server --------------------------

    def _back_channel(self, environ: "WSGIEnvironment") -> Response:
        """The hub's LogoutRequest over SOAP (SAML bindings 3.2)."""
        trust = env.trust(environ)
        element, issuer = receive_soap(environ, trust.hub_keys)
        request = messages.read_logout_request(element, trust.decrypter)
        status = self._execute(environ, request, issuer, "slo_soap", is_direct=True)
        answer = logout_response(trust, request.id, status=status)
        return soap_answer(answer, trust.key_for(issuer))

    # --- ending what a LogoutRequest names ------------------------------------------

    def _execute(
        self,
        environ: "WSGIEnvironment",
        request: messages.LogoutRequest,
        issuer: str,
        address: str,
        *,
        is_direct: bool,
    ) -> messages.Status:
        """End what is named; a request that was seen before ends nothing more.

        The status to answer with: partial where a hub inside has not told all.
        """
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
        known = values.get(seen)
        if known is not None:
            return _DONE if known == "done" else _PARTLY
        subject = named(trust.own, request.name_id, issuer)
        ended = (
            sessions.end_subject(
                subject, request.session_indexes, issued=request.issued
            )
            if subject
            else []
        )
        is_done = self._tell_inside(environ, ended)
        values.add(seen, "done" if is_done else "partly", now + LIFETIME + 2 * SKEW)
        audit.event(
            "logout.received",
            pseudonym=trust.own.pseudonym(subject.name_id) if subject else None,
            peer=issuer,
            reason=f"{len(ended)} ended",
        )
        return _DONE if is_done else _PARTLY

    # --- afterwards -----------------------------------------------------------------

    def _logged_out(
        self,
        environ: "WSGIEnvironment",
        target: str,
        others: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        reference: str = "",
    ) -> Response:
        """Where she wants to be, if the ``others`` have no news for her; else a page.

        ``others`` is one of those of ``logged_out.html``, ``everywhere`` or
        ``no-login``.
        """
        own = env.trust(environ).own
        if target and own.hub_inside is not None:
            # The hub inside tells her, when it has put both halves together.
            until = clock.now() + _PENDING
            key = _outcome_key(target)
            env.values(environ).add(key, others, until, durable=False)
            return see_other(at(own.public_url, target), headers)
        if target and others in _NO_NEWS:
            return see_other(at(own.public_url, target), headers)
        return self.pages.page(
            environ,
            "logged_out.html",
            headers=headers,
            at=clock.now(),
            everywhere=others == "everywhere",
            others="" if others in _NO_NEWS else others,
            reference=reference,
            telephone=own.telephone,
            website_url=at(own.public_url, target or root(own.public_url)),
            login_url=own.url("login"),
        )


class LogoutCall:
    """``environ['eilogin.logout']``: see :class:`eilogin.web.environ.LogoutService`."""

    def __init__(self, filter_: LogoutFilter, environ: "WSGIEnvironment") -> None:
        self._filter = filter_
        self._environ = environ

    def leave(self, target: str) -> Response | None:
        """End the login of this visitor, and tell the hub of it, maybe through her."""
        login = env.session_to_end(self._environ)
        if login is None:
            return None
        return self._filter.log_out(self._environ, login, target)

    def end(self, keys: Sequence[str]) -> bool:
        """End logins without her browser; whether all of them are out everywhere."""
        sessions = env.sessions(self._environ)
        logins = [sessions.with_key(key) for key in keys]
        told = [
            login is not None and self._filter.log_out_directly(self._environ, login)
            for login in logins
        ]
        return all(told)

    def outcome(self, target: str) -> bool | None:
        """Whether she is logged out everywhere, after :meth:`leave`; None before."""
        others = env.values(self._environ).get(_outcome_key(target))
        return None if others is None else others == "everywhere"


def _outcome_key(target: str) -> str:
    return f"logout-outcome:{target}"


def _key(request_id: str) -> str:
    return f"logout:{request_id}"


def _not_started_here() -> MessageUnexpected:
    return MessageUnexpected("an answer to a logout that was not started here")


def _is_same(one: str, other: str) -> bool:
    # Bytes, for whatever a client sends.
    return hmac.compare_digest(one.encode(), other.encode())


def _judged(
    response: messages.LogoutResponse, issuer: str, request_id: str, destination: str
) -> str:
    """What the hub says of the others: ``everywhere``, or ``partly``.

    ``issuer`` is the hub that signed it; ``destination`` is "" for an answer that
    need not have one. Raises :class:`eilogin.errors.Refused` where it is no answer to
    our request, or says neither.
    """
    check_logout_response(
        response,
        issuer=issuer,
        in_response_to=request_id,
        destination=destination,
        destination_required=bool(destination),
        now=clock.now(),
    )
    codes = response.status.codes
    is_partial = messages.PARTIAL_LOGOUT in codes
    if not response.status.is_success and not is_partial:
        # Such as for who is not known there any more, and may be logged in elsewhere.
        raise MessageUnexpected(
            f"{issuer!r} does not say that it logged her out; its status is"
            f" {' '.join(codes)[:200]!r}"
        )
    audit.event("logout.answered", "failed" if is_partial else "ok", peer=issuer)
    return "partly" if is_partial else "everywhere"


def make_logout(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> LogoutFilter:
    """PasteDeploy's factory for ``egg:eilogin#logout``."""
    options = read(LogoutOptions, global_conf, local_conf)
    return LogoutFilter(app, options)
