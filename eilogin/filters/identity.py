r"""Tell the application who its visitor is, and remove forged identities.

``use = egg:eilogin#identity``. *Needs* ``session`` and ``trust`` before it. *Reads*
``eilogin.session``. *Changes in the answer*: nothing. *Writes* REMOTE_USER, AUTH_TYPE,
and the requested attributes and request headers. With ``allow_attributes`` it also
writes another ``eilogin.session`` and ``eilogin.login``.

All keys are in a copy of environ, so an access log outside never sees them. A key of
``attributes`` holds all values, separated by ``;``. In a value ``\;`` is a semicolon,
as Shibboleth writes it, and ``\\`` a backslash. In keys and headers, blanks replace
line ends and other control characters. All of them are WSGI strings (UTF-8 decoded as
latin-1, PEP 3333), but plain text with ``path_style = zope``: Zope decodes none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from webob import Response

from eilogin.config import (
    read,
)
from eilogin.errors import IdentityMissing, PipelineOrder
from eilogin.federation.local.local_entity import PARTICIPANT
from eilogin.filters.identity_options import (
    NUMBER_ATTRIBUTES,
    READ_BY_OTHERS,
    IdentityOptions,
)
from eilogin.participant.policy.attribute_access import listed
from eilogin.saml.printable_text import CONTROL
from eilogin.sessions import Login, frozen_attributes
from eilogin.web import environ as env
from eilogin.web.browser.browser_cookies import Cookie
from eilogin.web.pages.page_rendering import Pages
from eilogin.web.pipeline.inner_parts import parts_inside
from eilogin.web.pipeline.pipeline_parts import PipelinePart
from eilogin.web.site_urls import root, this_page
from eilogin.web.visit import Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: Environ keys in which a client or an outer server could claim an identity, in any
#: spelling of a header (``Remote-User``, ``X_Remote_User``).
_FORGEABLE = (
    "REMOTE_USER",
    "AUTH_TYPE",
    "HTTP_AUTH_TYPE",
    "HTTP_REMOTE_USER",
    "HTTP_X_REMOTE_USER",
    "HTTP_X_FORWARDED_USER",
)


class _Hiding(NamedTuple):
    """Where attributes are hidden from the application."""

    #: In ``eilogin.session``: an option limits them, or they may have sector numbers.
    in_session: bool
    #: In ``eilogin.login`` too.
    in_service: bool


class IdentityFilter(PipelinePart):
    """The filter; ``options`` define what the application gets."""

    eilogin_part = "identity"
    NEEDS = (env.SESSION, env.TRUST, env.ADDRESS)
    WRITES = ("REMOTE_USER", "AUTH_TYPE")
    AFTER = ("login", "logout")
    ROLE = PARTICIPANT
    WITHOUT = (
        "the application does not learn who the visitor is, and a client can forge "
        "Remote-User"
    )

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
        # Known from the first signed-in visitor on, who brings the profile.
        self._hiding: _Hiding | None = None
        # Filters further inside, such as a hub, may read a cookie of the same name.
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
        """Call the application with the visitor's identity, or without one."""
        visit = Visit(environ)
        try:
            inner = self._identified(visit)
        except (IdentityMissing, PipelineOrder) as error:
            refusal = self._refuse(visit, error)
            return refusal(environ, start_response)
        return self.app(inner, start_response)

    def _refuse(self, visit: Visit, error: Exception) -> Response:
        if not isinstance(error, IdentityMissing):
            return self.pages.refuse(visit, error, event="identity")
        trust, links = visit.trust_or_none, {}
        if trust is not None:
            own = trust.own
            query = urlencode({"next": this_page(visit, own.public_url)})
            links = {
                "again": root(own.public_url),
                "logout_url": f"{own.url('logout')}?{query}",
            }
        return self.pages.refuse(
            visit,
            error,
            event="identity",
            needed=self._names,
            one_will_do=True,
            **links,
        )

    def _identified(self, visit: Visit) -> "WSGIEnvironment":
        login = visit.session_checked
        inner = self._without_forged(visit)
        if login is not None:
            encoded = _for_zope if env.VISIBLE in visit.environ else _for_environ
            inner["REMOTE_USER"] = encoded(self._prefix + self._user_of(login))
            inner["AUTH_TYPE"] = "eilogin"
            if self._headers or self._variables:
                inner.update(self._keys_of(login, encoded))
            hiding = self._hiding or self._find_hiding(visit)
            if hiding.in_session:
                self._hide_from_application(inner, login, hiding)
        return inner

    def _without_forged(self, visit: Visit) -> "WSGIEnvironment":
        inner = visit.environ.copy()
        for key in self._removed:
            if key in inner:
                del inner[key]
        if self._removed_starts:
            for key in _of_pattern(visit.environ, self._removed_starts):
                inner.pop(key, None)
        if not self._passes_cookie and "HTTP_COOKIE" in inner:
            _leave_out_session(inner, visit.cookie)
        return inner

    def _find_hiding(self, visit: Visit) -> _Hiding:
        # The application sees a DigiD number only if an option names that. An inner hub
        # may show it to its participants, unless an option forbids that.
        trust, is_limited = visit.trust_or_none, self._allowed is not None
        has_numbers = trust is not None and trust.own.profile.has_sector_numbers
        has_hub = trust is not None and trust.own.hub_inside is not None
        self._hiding = hiding = _Hiding(
            is_limited or has_numbers, is_limited or not has_hub
        )
        return hiding

    def _keys_of(
        self, login: Login, encoded: Callable[[str], str]
    ) -> "WSGIEnvironment":
        """Return the headers and the keys of attributes, found once for each login."""
        keys: WSGIEnvironment | None = login.derived.get((self, encoded))
        if keys is None:
            keys = {}
            for key, source in self._headers:
                value = source(login)
                if value is not None:
                    keys[key] = encoded(value)
            for variable in self._variables:
                values = login.attributes.get(variable.name)
                if values:
                    keys.setdefault(variable.key, encoded(_joined(values)))
            login.derived[self, encoded] = keys
        return keys

    def _hide_from_application(
        self, inner: "WSGIEnvironment", login: Login, hiding: _Hiding
    ) -> None:
        inner[env.SESSION] = self._limited(login)
        service = inner.get(env.LOGIN)
        if service is not None and hiding.in_service:
            limited: env.LoginService = _ForApplication(service, self._limited)
            inner[env.LOGIN] = limited

    def _limited(self, login: Login) -> Login:
        """Return what the application may see of a login, made once for each login."""
        limited: Login | None = login.derived.get(self)
        if limited is None:
            allowed = self._allowed
            visible = {
                name: values
                for name, values in login.attributes.items()
                if (
                    name not in NUMBER_ATTRIBUTES
                    if allowed is None
                    else name in allowed
                )
            }
            limited = replace(login, attributes=frozen_attributes(visible))
            login.derived[self] = limited
        return limited

    def _user_of(self, login: Login) -> str:
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


def _leave_out_session(inner: "WSGIEnvironment", cookie: Cookie) -> None:
    # Its holder can act as the visitor.
    header = inner["HTTP_COOKIE"]
    remaining = inner["HTTP_COOKIE"] = cookie.left_out_of(header)
    if header and not remaining:
        del inner["HTTP_COOKIE"]


def _of_pattern(environ: "WSGIEnvironment", starts: tuple[str, ...]) -> Iterable[str]:
    # Servers may write a key in any way: header names ignore case, and CGI has no
    # dashes.
    for key in environ:
        normalized = key.upper().replace("-", "_")
        if normalized.startswith(starts) and not READ_BY_OTHERS(normalized):
            yield key


class _ForApplication:
    """``environ['eilogin.login']`` with a login as the application may see it."""

    __slots__ = ("_limited", "_service")

    def __init__(
        self, service: env.LoginService, limited: Callable[[Login], Login]
    ) -> None:
        self._service = service
        self._limited = limited

    @property
    def login(self) -> Login | None:
        login = self._service.login
        return None if login is None else self._limited(login)

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
    # Without the first line, ``x\`` and ``admin`` would equal ``x;admin``.
    plain = [value.replace("\\", "\\\\") for value in values]
    return ";".join([value.replace(";", "\\;") for value in plain])


def _for_environ(text: str) -> str:
    # WSGI passes UTF-8 as latin-1 (PEP 3333). Most texts need no change.
    if text.isascii() and text.isprintable():
        return text
    return _for_zope(text).encode().decode("latin-1")


def _for_zope(text: str) -> str:
    # Zope and its plugins decode no environ.
    # A printable text has no control characters, and that test is faster.
    return text if text.isprintable() else CONTROL.sub(" ", text)


def make_identity(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> IdentityFilter:
    """Make the filter ``egg:eilogin#identity`` for PasteDeploy."""
    options = read(IdentityOptions, global_conf, local_conf)
    return IdentityFilter(app, options)
