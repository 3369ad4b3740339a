"""The options of the filter ``login``."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator

from eilogin.config import (
    Count,
    Flag,
    Names,
    OptionNote,
    Options,
    Seconds,
    Size,
    Topic,
    did_you_mean,
    option,
)
from eilogin.errors import LOGOUT_IMPOSSIBLE, Fault
from eilogin.participant.digid_profile import (
    ONLY_BSN,
    TEXTS,
    Sectors,
    login_faults,
)
from eilogin.participant.login.authn_requests import (
    Comparison,
    RequestBinding,
)
from eilogin.participant.policy.path_rules import ProtectLines
from eilogin.participant.response.name_id_formats import Mismatch
from eilogin.participant.response.required_encryption import Encrypted
from eilogin.participant.subject_names import NAME_ID, SubjectSources
from eilogin.web.limits.client_network import BindAddress
from eilogin.web.limits.slots import DEFAULT_SLOTS

#: RFC 9110 9.3, RFC 5789 and RFC 4918 9.
_METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
    *("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"),
)


def _none_if_off(value: object) -> object:
    is_off = isinstance(value, str) and value.strip().lower() in ("no", "off", "none")
    return None if is_off else value


class LoginOptions(Options, name="login"):
    """The options of ``[filter:…] use = egg:eilogin#login``."""

    protect: ProtectLines = option(
        "Says which paths need a login. Each line has a path and a level "
        "(``basis``, ``midden``, ``substantieel``, ``hoog``), ``optional`` "
        "(no login needed) or ``off`` (no identity at all). ``=/path`` "
        "means that path alone; otherwise the longest matching line counts. "
        "Behind a level may stand ``idle=5m``, ``max_age=10m`` and "
        "attributes (``role=admin|chief``); behind any line "
        "``methods=GET,POST``.",
        default=(),
        shown="``/ basis``",
    )
    require_attributes: Names = option(
        "Rejects a login without these attributes. Names, separated by blanks.",
        default=(),
        shown="none",
    )
    keep_alive: Seconds = option(
        "Asks the hub again with a passive login if it last confirmed the "
        "login longer ago than this. That happens when the visitor opens a "
        "page. If the hub has no session any more, the session here ends "
        "too. Duration, such as ``10m``.",
        default="10m",
    )
    bind_address: BindAddress = option(
        "Reacts to a session that comes from another client network than "
        "its login. ``warn`` logs it; ``enforce`` treats the visitor as "
        "anonymous; ``off`` does nothing.",
        default="off",
    )
    request_binding: RequestBinding = option(
        "Chooses how the AuthnRequest goes to the hub: ``redirect`` or "
        "``post``. ``auto`` takes the first of these that the hub's "
        "metadata offers.",
        default="auto",
    )
    comparison: Comparison = option(
        "Chooses how the AuthnRequest asks for a level. ``minimum`` asks "
        "for its class or a higher one. ``exact`` lists all classes that "
        "reach it. ``none`` asks for no class, for hubs that reject it. "
        "eilogin checks the level of the Response in any case.",
        default="minimum",
    )
    subject: SubjectSources = option(
        "Says how the hub identifies a visitor: ``name-id`` or "
        "``attribute:NAME``. With several, the first that the Response "
        "contains counts. Single logout needs a NameID in any case.",
        default=(NAME_ID,),
    )
    name_id_mismatch: Mismatch = option(
        "Decides about a NameID in another format than ``name_id_format`` "
        "asks for. ``refuse`` rejects the login. ``warn`` accepts it as a "
        "different user, and logs a warning at most once an hour.",
        default="refuse",
    )
    sectors: Sectors = option(
        "With ``profile = digid``: accepts only the numbers of these "
        "sectors, ``s00000000`` (BSN) and ``s00000001`` (SOFI number).",
        default=ONLY_BSN,
    )
    error_text: str = option(
        "With ``profile = digid``: sets the text that a visitor reads when "
        "a login fails. ``cl7`` or ``tvs`` is the text of that checklist of "
        "Logius; any other value is the text itself.",
        default="",
        shown="``cl7``",
    )
    error_text_en: str = option(
        "Sets that text in English.",
        default="",
        shown="a translation of ``cl7`` or ``tvs``",
    )
    cancel_text: str = option(
        "With ``profile = digid``: sets the text that a visitor reads after "
        "they cancelled a login.",
        default="",
        shown="a sentence that says so",
    )
    cancel_text_en: str = option(
        "Sets that text in English.", default="", shown="as ``cancel_text``"
    )
    silent: Flag = option(
        "Asks the hub with a passive login whether it knows an anonymous "
        "visitor of an ``optional`` page. The visitor sees no prompt. At "
        "most once an hour for each browser.",
        default=False,
    )
    explain_step_up: Flag = option(
        "Shows a page that explains why the visitor goes to the hub again, "
        "for a higher level or a fresh login. Our own hub explains it "
        "itself.",
        default=False,
    )
    unsolicited: Flag = option(
        "Accepts a Response by POST without an AuthnRequest (IdP-initiated "
        "login), after the visitor has agreed on a page.",
        default=False,
    )
    want_response_signed: Flag = option(
        "Rejects a Response of which only the assertion is signed.", default=False
    )
    require_encryption: Encrypted = option(
        "Rejects a Response that has one of these unencrypted: "
        "``assertion``, ``attributes`` or ``name-id``. Name one or several. "
        "An encrypted assertion covers all three.",
        default=(),
        shown="none",
    )
    artifacts_at_once: Count = option(
        "Limits how many artifacts of one hub a process resolves at the "
        "same time. One client network gets at most half of them, rounded "
        "up. Another visitor waits for half a second, and then sees a page "
        "that retries by itself. Whole number; keep it below the number of "
        "server threads, because a hub that hangs holds one thread for "
        "each.",
        default=DEFAULT_SLOTS,
    )
    second_opinion: Flag = option(
        "Lets python3-saml verify every Response of the hub as well.", default=True
    )
    keep_post: Size = option(
        "Keeps a form that was sent after the session had ended, for an "
        "hour. The visitor can send it again after login (POST replay). The "
        "value is the largest form: a size in bytes, ``k`` (kilobytes) or "
        "``m`` (megabytes), at most ``64m``; ``off`` keeps none.",
        default="8m",
    )
    store_down: Literal["refuse", "optional"] = option(
        "Decides what happens while the store does not answer. ``refuse`` "
        "answers visitors who may be signed in with status 503, on all "
        "paths but ``off`` ones. ``optional`` serves ``optional`` paths as "
        "if the visitor were anonymous.",
        default="refuse",
    )
    no_store: Flag = option(
        "Forbids browsers to keep a page of a signed-in visitor "
        "(``Cache-Control: no-store``), unless the application sets a "
        "caching header itself. With ``false`` browsers may keep it "
        "(``private``). Shared caches never may.",
        default=True,
    )
    warn: Annotated[Seconds | None, BeforeValidator(_none_if_off)] = option(
        "Asks the visitor this long before the session ends whether to go "
        "on, and hides an open page after a logout elsewhere. For that "
        "eilogin adds a script to HTML pages. Duration, such as ``2m``; "
        "``off`` signs visitors out without a warning, which fails WCAG "
        "2.2.1 (level A).",
        default="2m",
    )

    def profile_faults(self) -> Iterator[Fault]:
        """See the base class."""
        yield from super().profile_faults()
        for name, expected in digid_faults(self):
            yield Fault("", "", name, "", expected)

    def options_with_thread_limits(self) -> Iterator[str]:
        """See the base class."""
        yield from super().options_with_thread_limits()
        yield "artifacts_at_once"

    def notes(self) -> Iterator[OptionNote]:
        """See the base class."""
        yield from super().notes()
        yield from _unknown_methods(self.written("protect"))
        yield from _values_with_comma(self.written("protect"))
        yield from _single_word_texts(self.written("error_text"))
        if self.subject != (NAME_ID,):
            text = (
                "if an attribute identifies the visitor, and the hub sends no NameID, "
                f"single logout is impossible ({LOGOUT_IMPOSSIBLE})"
            )
            yield OptionNote("subject", text, LOGOUT_IMPOSSIBLE, Topic.LOGOUT)
        if self.protect.is_off:
            text = (
                "every line is 'off', so nobody has to log in, and the application "
                "never knows the visitor; expected a line with a level, such as '/ "
                "basis'"
            )
            yield OptionNote("protect", text, "no-login", Topic.ACCESS)


def digid_faults(options: LoginOptions) -> Sequence[tuple[str, str]]:
    """Return options that contradict ``profile = digid``, with expected values."""
    return tuple(
        login_faults(
            keep_alive=options.keep_alive,
            comparison=options.comparison,
            subject=options.subject,
            silent=options.silent,
            unsolicited=options.unsolicited,
            require_attributes=options.require_attributes,
        )
    )


def _unknown_methods(lines: str) -> Iterator[OptionNote]:
    methods = ",".join(re.findall(r"\smethods=(\S+)", lines)).split(",")
    for name in dict.fromkeys(methods):
        if name and name not in _METHODS:
            hint = did_you_mean(name, _METHODS)
            text = f"found methods={name}, which is no standard method of HTTP{hint}"
            yield OptionNote("protect", text)


def _values_with_comma(lines: str) -> Iterator[OptionNote]:
    # The comma was perhaps meant to separate two values of an attribute.
    pairs = re.findall(r"\s([^\s=/][^\s=]*)=(\S*,\S*)", lines)
    for name, value in dict.fromkeys(pairs):
        if name != "methods":
            text = (
                f"{name}={value} means one value; for several write "
                f"{name}={value.replace(',', '|')}"
            )
            yield OptionNote("protect", text)


def _single_word_texts(text: str) -> Iterator[OptionNote]:
    if text and " " not in text and text not in TEXTS:
        hint = did_you_mean(text, TEXTS)
        yield OptionNote("error_text", f"visitors see only the text {text!r}{hint}")
