"""A browser for tests, as strict as a real one.

It sends cookies by host, path and SameSite, refuses a malformed ``__Host-`` cookie,
sets Sec-Fetch-Site, follows redirects, and submits a form that posts itself. It checks
every application with :mod:`wsgiref.validate`. It runs no scripts.
"""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit
from wsgiref.validate import validator

from lxml import html
from webob import Request, Response

from eilogin.testing.cookie_jar import CookieJar

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_MOST_REDIRECTS = 20
_REDIRECTS = (301, 302, 303, 307, 308)
_CHOICES = ("radio", "checkbox")
_BUTTONS = ("submit", "button", "reset", "image")
_POSTS_ITSELF = "document.forms[0].submit()"


@dataclass(frozen=True)
class File:
    """A file in a form; the form is sent as ``multipart/form-data``."""

    name: str
    content: bytes
    kind: str = "application/octet-stream"


Fields = Sequence[tuple[str, str | File]]


class Browser:
    """One browser: ``app`` answers all; after a step see :attr:`url`, :attr:`page`."""

    def __init__(self, app: "WSGIApplication") -> None:
        self.app = validator(app)
        self.url = ""
        self.page = Response()
        #: Addresses of the last step.
        self.trail: list[str] = []
        self.language = "nl"
        self.address = "192.0.2.7"
        #: Text of an address before which a step ends; :attr:`url` is then that
        #: address.
        self.stops_before: str | None = None
        self._led_by = "none"
        self._cookies = CookieJar()

    # --- what a person does ---------------------------------------------------------

    def visit(self, url: str) -> Response:
        """Type an address, or open a bookmark."""
        return self._go("GET", url, None, site="none")

    def follow(self, url: str) -> Response:
        """Follow a link of the page."""
        return self._go("GET", urljoin(self.url, url), None, site=self._site_of(url))

    def click(self, text: str) -> Response:
        """Follow the link with this text."""
        for link in self._tree().iter("a"):
            if _text(link) == text:
                return self.follow(link.get("href"))
        raise AssertionError(f"no link {text!r} on {self.url}: {self.text}")

    def press(
        self, text: str = "", /, **fields: "str | File | Sequence[str]"
    ) -> Response:
        """Fill in the form with this button, and press it; a list gives more fields."""
        for form in self._tree().iter("form"):
            for button in _buttons_of(form):
                if text in ("", _label_of(button)):
                    return self._submit(form, button, fields)
        raise AssertionError(f"no button {text!r} on {self.url}: {self.text}")

    def reload(self) -> Response:
        """Reload the page; cross-site, as in browsers, if another site led here."""
        return self._go("GET", self.url, None, site=self._led_by)

    def fetch(self, url: str, method: str = "GET", **headers: str) -> Response:
        """Fetch as a script on a page of the same site; the page stays."""
        request = self._request(method, url, None, "same-origin")
        request.headers["Sec-Fetch-Mode"] = "cors"
        request.headers["Accept"] = "*/*"
        request.headers.update(headers)
        return self._send(request)

    def open_frames(self) -> list[Response | None]:
        """Load the frames of the page, as a browser does, and return their pages.

        The page stays. A frame of another site gets no cookies. None for a page that
        must not be in a frame. Raise AssertionError if frame-src forbids an address.
        """
        frames = self._tree().iter("iframe")
        return [self._framed(urljoin(self.url, f.get("src"))) for f in frames]

    def post(self, url: str, *, site: str = "none", **fields: "str | File") -> Response:
        """Send a form that no page contained, with ``site`` as Sec-Fetch-Site."""
        return self._go("POST", url, list(fields.items()), site=site)

    # --- what a person sees -----------------------------------------------------------

    @property
    def text(self) -> str:
        """The text of the page on one line, without markup."""
        body = re.sub(r"(?s)<(style|script)[^>]*>.*?</\1>", " ", self.page.text)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def title(self) -> str:
        """The title of the page."""
        return " ".join((self._tree().findtext(".//title") or "").split())

    def cookie(self, host: str, name: str) -> str | None:
        """Return the value of a cookie for a host, or None."""
        return self.cookies(host).get(name)

    def cookies(self, host: str) -> dict[str, str]:
        """Return all cookies for a host; one of each name."""
        return self._cookies.held_for(host)

    def set_cookie(self, host: str, name: str, value: str) -> None:
        """Set a cookie, as an attacker might."""
        self._cookies.plant(host, name, value)

    def forget(self, host: str) -> None:
        """Remove the cookies of a host, as people do."""
        self._cookies.forget(host)

    # --- requests ---------------------------------------------------------------------

    def _tree(self) -> html.HtmlElement:
        return html.document_fromstring(self.page.text or "<p></p>")

    def _submit(
        self,
        form: html.HtmlElement,
        button: html.HtmlElement | None = None,
        fields: "Mapping[str, str | File | Sequence[str]] | None" = None,
    ) -> Response:
        filled_in = fields or {}
        values = [pair for pair in _fields_of(form) if pair[0] not in filled_in]
        if button is not None and button.get("name"):
            values.append((button.get("name"), button.get("value", "")))
        for name, value in filled_in.items():
            entries = [value] if isinstance(value, str | File) else value
            values += [(name, entry) for entry in entries]
        action = urljoin(self.url, form.get("action") or self.url)
        self._check_policy(action)
        method = (form.get("method") or "get").upper()
        return self._go(method, action, values, site=self._site_of(action))

    def _go(
        self,
        method: str,
        url: str,
        fields: Fields | None,
        *,
        site: str,
    ) -> Response:
        self.trail, self._led_by = [], site
        policy = _policy(self.page)
        is_form = method == "POST" and site != "none"
        for _ in range(_MOST_REDIRECTS):
            self.trail.append(url)
            response = self._send(self._request(method, url, fields, site))
            if response.status_int not in _REDIRECTS:
                break
            target = urljoin(url, response.headers["Location"])
            if is_form:
                self._check_policy(target, policy)
            if _host(target) != _host(url) and site != "none":
                site = "cross-site"
            url, method, fields = target, "GET", None
            if self.stops_before is not None and self.stops_before in url:
                break
        else:
            raise AssertionError(f"too many redirects: {self.trail}")
        self.url, self.page = url, response
        if _posts_itself(response):
            # Its script presses no button, and the form may have none.
            return self._submit(next(self._tree().iter("form")))
        refresh = response.headers.get("Refresh", "")
        # A page with a delay lets the visitor read first.
        if refresh.startswith("0;"):
            return self._refresh(refresh)
        return response

    def _refresh(self, header: str) -> Response:
        earlier_trail, url = self.trail, urljoin(self.url, header.partition("url=")[2])
        if self.stops_before is not None and self.stops_before in url:
            self.url = url
            return self.page
        response = self._go("GET", url, None, site=self._site_of(url))
        self.trail = [*earlier_trail, *self.trail]
        return response

    def _framed(self, url: str) -> Response | None:
        method, site = "GET", self._site_of(url)
        fields: Fields | None = None
        for _ in range(_MOST_REDIRECTS):
            _require_allowed("frame-src", _policy(self.page), url, self.url)
            request = self._request(method, url, fields, site)
            request.headers["Sec-Fetch-Dest"] = "iframe"
            is_own = _host(url) == _host(self.url)
            if not is_own:
                request.headers.pop("Cookie", None)
            response = self._send(request, keeps_cookies=is_own)
            method, fields = "GET", None
            if response.status_int in _REDIRECTS:
                target = urljoin(url, response.headers["Location"])
            elif not self._may_show(response, url):
                return None
            elif _posts_itself(response):
                [form] = html.document_fromstring(response.text).iter("form")
                target = urljoin(url, form.get("action"))
                _require_allowed("form-action", _policy(response), target, url)
                method, fields = "POST", _fields_of(form)
            else:
                return response
            if _host(target) != _host(url):
                site = "cross-site"
            url = target
        raise AssertionError(f"too many redirects: {url}")

    def _may_show(self, response: Response, url: str) -> bool:
        """Return whether an answer may be in a frame of the page (CSP 3, 6.4.2)."""
        policy = _policy(response)
        if "frame-ancestors" not in policy:
            return "X-Frame-Options" not in response.headers
        try:
            _require_allowed("frame-ancestors", policy, self.url, url)
        except AssertionError:
            return False
        return True

    def _check_policy(self, target: str, policy: str | None = None) -> None:
        """Enforce the page's form-action, as Chromium does (CSP 3, 6.4.3)."""
        if policy is None:
            policy = _policy(self.page)
        _require_allowed("form-action", policy, target, self.url)

    def _request(
        self,
        method: str,
        url: str,
        fields: Fields | None,
        site: str,
    ) -> Request:
        # A browser does not send the fragment.
        request = Request.blank(url.partition("#")[0], method=method)
        request.headers["Accept"] = "text/html,*/*;q=0.8"
        request.headers["Accept-Language"] = self.language
        request.headers["Sec-Fetch-Site"] = site
        request.headers["Sec-Fetch-Mode"] = "navigate"
        if fields is not None and method == "POST":
            request.headers["Content-Type"], request.body = _encoded(fields)
            if site == "cross-site":
                request.headers["Origin"] = "null"
            elif site == "same-origin":
                request.headers["Origin"] = _origin(self.url)
        elif fields:
            request.query_string = urlencode(fields)
        request.environ["REMOTE_ADDR"] = self.address
        cookies = self._cookies.header(url, method, is_cross_site=site == "cross-site")
        if cookies:
            request.headers["Cookie"] = cookies
        return request

    def _send(self, request: Request, *, keeps_cookies: bool = True) -> Response:
        # Apps that use WebOb would believe this note on the body.
        request.environ.pop("webob.is_body_seekable", None)
        response = request.get_response(self.app)
        # Read it whole, and close it (PEP 3333).
        response.body  # noqa: B018
        if keeps_cookies:
            for header in response.headers.getall("Set-Cookie"):
                self._cookies.store(request.url, header)
        return response

    def _site_of(self, url: str) -> str:
        is_own = _host(urljoin(self.url, url)) == _host(self.url)
        return "same-origin" if is_own else "cross-site"


def _posts_itself(response: Response) -> bool:
    is_page = response.content_type == "text/html"
    return is_page and _POSTS_ITSELF in response.text


def _policy(response: Response) -> str:
    policy: str = response.headers.get("Content-Security-Policy", "")
    return policy


def _require_allowed(directive: str, policy: str, target: str, own: str) -> None:
    match = re.search(rf"{directive} ([^;]+)", policy)
    if not match:
        return
    parts = urlsplit(target)
    allowed = match[1].split()
    is_own = "'self'" in allowed and _host(target) == _host(own)
    if not is_own and f"{parts.scheme}://{parts.netloc}" not in allowed:
        raise AssertionError(f"{directive} {match[1]} forbids {target}")


def _fields_of(form: html.HtmlElement) -> Fields:
    fields = form.iter("input", "select", "textarea")
    return [
        (field.get("name"), value)
        for field in fields
        if field.get("name") and field.get("disabled") is None
        for value in _values_of(field)
    ]


def _values_of(field: html.HtmlElement) -> Iterator[str]:
    """Return the values that a field sends (HTML standard, 4.10.21.4)."""
    if field.tag == "textarea":
        yield field.text or ""
    elif field.tag == "select":
        yield from (option.get("value", _text(option)) for option in _selected(field))
    elif _is_sent(field):
        is_choice = field.get("type") in _CHOICES
        yield field.get("value", "on" if is_choice else "")


def _selected(field: html.HtmlElement) -> list[html.HtmlElement]:
    options = [
        candidate
        for candidate in field.iter("option")
        if candidate.get("disabled") is None
    ]
    selected = [option for option in options if option.get("selected") is not None]
    if field.get("multiple") is None:
        # The last selected option, or else the first of all.
        return selected[-1:] or options[:1]
    return selected


def _buttons_of(form: html.HtmlElement) -> list[html.HtmlElement]:
    inputs = (field for field in form.iter("input") if field.get("type") == "submit")
    return [*form.iter("button"), *inputs]


def _label_of(button: html.HtmlElement) -> str:
    return _text(button) if button.tag == "button" else button.get("value", "")


def _is_sent(field: html.HtmlElement) -> bool:
    kind = field.get("type")
    is_chosen = kind not in _CHOICES or field.get("checked") is not None
    return is_chosen and kind not in _BUTTONS


def _encoded(fields: Fields) -> tuple[str, bytes]:
    """Encode content type and body (HTML standard, 4.10.21.7 and 4.10.21.8)."""
    if not any(isinstance(value, File) for _, value in fields):
        return "application/x-www-form-urlencoded", urlencode(fields).encode()
    boundary = f"----eilogin{secrets.token_hex(12)}"
    parts = [_part(name, value) for name, value in fields]
    body = b"".join(f"--{boundary}\r\n".encode() + part for part in parts)
    closing = f"--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body + closing


def _part(name: str, value: str | File) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"'
    if isinstance(value, str):
        return f"{head}\r\n\r\n{value}\r\n".encode()
    head += f'; filename="{value.name}"\r\nContent-Type: {value.kind}'
    return f"{head}\r\n\r\n".encode() + value.content + b"\r\n"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _text(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())
