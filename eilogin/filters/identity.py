r"""Tell the application who its visitor is, and remove what a client forged.

*Needs* ``session`` and ``trust`` before it. *Reads* ``eilogin.session``. *Writes*
REMOTE_USER, AUTH_TYPE, the attributes and the request headers that are asked for, with
``allow_attributes`` another ``eilogin.session`` and ``eilogin.login``, all in a copy of
environ, so that an access log outside never sees them. *Changes in the answer*:
nothing::

    [filter:identity]
    use = egg:eilogin#identity
    user = attribute:urn:oid:0.9.2342.19200300.100.1.3 subject
    attributes =
        urn:oid:0.9.2342.19200300.100.1.3   MAIL
        mail                                MAIL
        urn:oid:1.3.6.1.4.1.5923.1.1.1.1    affiliation
    headers =
        X-Name    attribute:name
        X-Level   level

The application finds the whole login in ``environ['eilogin.session']``: subject,
level, since, until, and attributes as a mapping of lists of strings, of which
``allow_attributes`` names those that it may see. A key of ``attributes`` holds all
values, in their order, with ``;`` between them; in a value ``\;`` is one, as Shibboleth
writes it, and ``\\`` a backslash. In it and in a header the ends of lines, and other
characters that control something, are blanks. All of them are as WSGI has strings
(UTF-8 seen as latin-1, PEP 3333), but in Zope (``path_style = zope``), which decodes
none of them, they are plain text.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from webob import Response

from eilogin.config import (
    read,
)
from eilogin.errors import IdentityMissing, PipelineOrder
from eilogin.filters.identity_options import (
    NUMBER_ATTRIBUTES,
    READ_BY_OTHERS,
    IdentityOptions,
)
from eilogin.participant.policy.attribute_access import listed
from eilogin.saml.printable_text import CONTROL
from eilogin.sessions import Login
from eilogin.web import environ as env
from eilogin.web.composition import parts_inside
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.site_urls import root, this_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: Environ keys by which a client or an outer server could say who somebody is. All
#: spellings of a header (``Remote-User``, ``X_Remote_User``) end in these.
_FORGEABLE = (
    "REMOTE_USER",
    "AUTH_TYPE",
    "HTTP_AUTH_TYPE",
    "HTTP_REMOTE_USER",
    "HTTP_X_REMOTE_USER",
    "HTTP_X_FORWARDED_USER",
)


class IdentityFilter:
    """The filter; ``options`` say what the application gets."""

    eilogin_part = "identity"

    def __init__(self, app: "WSGIApplication", options: IdentityOptions) -> None:
        self.app = app
        self.pages = Pages()
        self._user = [name.source for name in options.user]
        self._names = [name.of for name in options.user]
        self._prefix = options.user_prefix
        self._headers = [
            (header.key, header.source)
            for header in options.headers
            if header.source is not None
        ]
        self._variables = options.attributes
        self._allowed = options.allow_attributes
        # The first visitor who is logged in finds out the one; at most sites nobody
        # looks inside of a login after that, for it takes a while.
        self._is_digid = self._has_hub = False
        self._looks_inside: bool | None = None
        # Filters further inside may look for a cookie of the same name: a hub, say.
        is_read_inside = "session" in parts_inside(app)
        self._passes_cookie = options.pass_session_cookie or is_read_inside
        self._removed = (
            *_FORGEABLE,
            *(header.key for header in options.headers if not header.is_pattern),
            *(variable.key for variable in options.attributes),
            *(variable.as_header for variable in options.attributes),
        )
        self._removed_starts = tuple(
            header.key for header in options.headers if header.is_pattern
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Pass on with the visitor's identity, or with none."""
        try:
            inner = self._identified(environ)
        except (IdentityMissing, PipelineOrder) as error:
            refusal = self._refuse(environ, error)
            return refusal(environ, start_response)
        return self.app(inner, start_response)

    def _refuse(self, environ: "WSGIEnvironment", error: Exception) -> Response:
        """The page for whom the application could not be told who she is."""
        if not isinstance(error, IdentityMissing):
            return self.pages.refuse(environ, error, event="identity")
        trust, ways = environ.get(env.TRUST), {}
        if trust is not None:
            own = trust.own
            after = urlencode({"next": this_page(environ, own.public_url)})
            ways = {
                "again": root(own.public_url),
                "logout_url": f"{own.url('logout')}?{after}",
            }
        return self.pages.refuse(
            environ,
            error,
            event="identity",
            needed=self._names,
            one_will_do=True,
            **ways,
        )

    def _identified(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        """A copy of environ that says who the visitor is, and nothing forged."""
        login = env.session_checked(environ)
        inner = self._without_forged(environ)
        if login is not None:
            written = _for_zope if env.VISIBLE in environ else _for_environ
            inner["REMOTE_USER"] = written(self._prefix + self._user_of(login))
            inner["AUTH_TYPE"] = "eilogin"
            for key, source in self._headers:
                value = source(login)
                if value is not None:
                    inner[key] = written(value)
            if self._looks_inside is None:
                self._looks_inside = self._has_to_look(environ)
            if self._looks_inside:
                inner.update(self._attributes_of(login, written))
                self._keep_from_application(inner, login)
        return inner

    def _without_forged(self, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        inner = environ.copy()
        for key in self._removed:
            if key in inner:
                del inner[key]
        if self._removed_starts:
            for key in _of_pattern(environ, self._removed_starts):
                inner.pop(key, None)
        if not self._passes_cookie and "HTTP_COOKIE" in inner:
            _leave_out_session(inner)
        return inner

    def _has_to_look(self, environ: "WSGIEnvironment") -> bool:
        """Whether anything depends on the attributes of a login."""
        trust = environ.get(env.TRUST)
        self._is_digid = trust is not None and trust.own.is_digid
        self._has_hub = trust is not None and trust.own.hub_inside is not None
        return bool(self._variables) or self._allowed is not None or self._is_digid

    def _attributes_of(
        self, login: Login, written: Callable[[str], str]
    ) -> "WSGIEnvironment":
        """The keys that the login has something for."""
        attributes = login.attributes
        keys: dict[str, Any] = {}
        for variable in self._variables:
            values = attributes.get(variable.name)
            if values and variable.key not in keys:
                keys[variable.key] = written(_joined(values))
        return keys

    def _keep_from_application(self, inner: "WSGIEnvironment", login: Login) -> None:
        """Take out of it what the application may not see of a login.

        A number by which DigiD names her it sees only where an option names that. A hub
        inside may tell it its own participants, where no option says otherwise.
        """
        if self._allowed is None and not self._is_digid:
            return
        inner[env.SESSION] = self._seen(login)
        service = inner.get(env.LOGIN)
        if service is not None and (self._allowed is not None or not self._has_hub):
            shown: env.LoginService = _ForApplication(service, self._seen)
            inner[env.LOGIN] = shown

    def _seen(self, login: Login) -> Login:
        """A login as the application may see it."""
        attributes, allowed = login.attributes, self._allowed
        if allowed is None:
            seen = {n: v for n, v in attributes.items() if n not in NUMBER_ATTRIBUTES}
        else:
            seen = {n: v for n, v in attributes.items() if n in allowed}
        return replace(login, attributes=seen)

    def _user_of(self, login: Login) -> str:
        """REMOTE_USER, without its prefix."""
        for source in self._user:
            user = source(login)
            if user:
                return user
        error = IdentityMissing(
            "found no value for REMOTE_USER; 'user' expects one of "
            f"{' '.join(self._names)}; the hub sent {listed(login.attributes)}"
        )
        error.peer = login.who.issuer
        raise error


def _leave_out_session(inner: "WSGIEnvironment") -> None:
    """Take our session cookie out: whoever reads it can be the visitor."""
    brought = inner["HTTP_COOKIE"]
    remaining = inner["HTTP_COOKIE"] = env.cookie(inner).left_out_of(brought)
    if brought and not remaining:
        del inner["HTTP_COOKIE"]


def _of_pattern(environ: "WSGIEnvironment", starts: tuple[str, ...]) -> Iterable[str]:
    """The keys of the headers that begin so, but for those that are the browser's own.

    However a server writes them: names of headers have no case, and CGI no dashes.
    """
    for key in environ:
        plain = key.upper().replace("-", "_")
        if plain.startswith(starts) and not READ_BY_OTHERS(plain):
            yield key


class _ForApplication:
    """``environ['eilogin.login']`` with a login as the application may see it."""

    __slots__ = ("_seen", "_service")

    def __init__(
        self, service: env.LoginService, seen: Callable[[Login], Login]
    ) -> None:
        self._service = service
        self._seen = seen

    @property
    def login(self) -> Login | None:
        login = self._service.login
        return None if login is None else self._seen(login)

    def require(
        self, level: str, *, force: bool = False, passive: bool = False
    ) -> Response | None:
        return self._service.require(level, force=force, passive=passive)

    @property
    def tells_proof(self) -> bool:
        return self._service.tells_proof

    def take_proof(self) -> bool:
        return self._service.take_proof()


def _joined(values: Sequence[str]) -> str:
    # Or ``x\`` and ``admin`` would be what ``x;admin`` is.
    plain = [value.replace("\\", "\\\\") for value in values]
    return ";".join([value.replace(";", "\\;") for value in plain])


def _for_environ(text: str) -> str:
    """Text as WSGI hands it over: UTF-8, seen as latin-1 (PEP 3333).

    In one line, whatever the hub told: the ends of lines in an address become blanks.
    """
    text = _for_zope(text)
    return text if text.isascii() else text.encode().decode("latin-1")


def _for_zope(text: str) -> str:
    """Text in one line, as it is: Zope and its plugins decode nothing of environ."""
    # A printable text holds no control character, and that test is the faster one.
    return text if text.isprintable() else CONTROL.sub(" ", text)


def make_identity(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> IdentityFilter:
    """PasteDeploy's factory for ``egg:eilogin#identity``."""
    options = read(IdentityOptions, global_conf, local_conf)
    return IdentityFilter(app, options)
