"""The options of the filter ``logout``."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from eilogin.config import (
    Count,
    Flag,
    Options,
    Seconds,
    SitePath,
    option,
)
from eilogin.errors import Fault
from eilogin.object_references import fault_of_name
from eilogin.participant.application.app_cookie_choice import (
    AppCookieChoice,
    read_app_cookies,
)
from eilogin.participant.application.app_logout import (
    LogoutAddress,
    read_addresses,
)
from eilogin.participant.application.app_logout_call import (
    AppLogoutRequest,
    read_app_logout_call,
)
from eilogin.participant.logout.logout_hooks import (
    HookNames,
)
from eilogin.participant.logout.logout_hooks import LogoutEvent as LogoutEvent
from eilogin.participant.logout.logout_requests import (
    LogoutBindings,
)
from eilogin.web.limits.slots import DEFAULT_SLOTS

#: Words that mean to switch ``app_cookies`` on or off, and hardly name a cookie.
_FLAGS = ("yes", "no", "true", "false", "on", "none")


def _no_flag(value: object) -> object:
    # Read as a name, such a word would switch "auto" off.
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        raise ValueError("'auto', 'off', or names such as 'sessionid remember_*'")
    return value


class LogoutOptions(Options, name="logout"):
    """The options of ``[filter:…] use = egg:eilogin#logout``."""

    next: SitePath = option(
        "Leads the visitor to this path of the site after the logout.",
        default="",
        shown="a page that confirms the logout",
    )
    app_logout: Annotated[
        tuple[LogoutAddress, ...], BeforeValidator(read_addresses)
    ] = option(
        "Turns a logout of the application into a logout everywhere. List "
        "its addresses, separated by blanks, with or without a method: "
        "``/logout POST /uit``. The application handles the request first. "
        "If it answers with a status below 400, eilogin ends the session "
        "here and everywhere.",
        default=(),
        shown="none",
    )
    app_cookies: Annotated[
        AppCookieChoice | None,
        BeforeValidator(read_app_cookies),
        BeforeValidator(_no_flag),
    ] = option(
        "Binds cookies of the application to the login in which it set "
        "them. ``auto`` binds all that are HttpOnly. Add names to bind "
        "more, with ``*`` at the end for a prefix. ``-`` before a name "
        "exempts it (``auto -taal``). ``off`` binds none.",
        default=AppCookieChoice(is_auto=True),
        shown="``auto``",
    )
    app_logout_call: Annotated[
        AppLogoutRequest | None, BeforeValidator(read_app_logout_call)
    ] = option(
        "Calls this address of the application inside the process when a "
        "login has ended, wherever the logout was. The call has the cookies "
        "that the application set in that login. ``POST`` may stand before "
        "the address. For a form, add ``FIELD=COOKIE``: the field gets the "
        "value of the cookie.",
        default=None,
        shown="none",
    )
    logout_binding: LogoutBindings = option(
        "Chooses how the LogoutRequest goes to the hub: ``redirect`` and "
        "``post`` (both through the browser) or ``soap`` (from server to "
        "server). Name one or several, the preferred one first; the hub's "
        "metadata must offer it. ``auto`` is this order; if the NameID is a "
        "BSN, ``post`` comes first and ``redirect`` last.",
        default=(),
        shown="``auto``",
    )
    logout_timeout: Seconds = option(
        "Limits how long the hub may take to answer a LogoutRequest over "
        "SOAP. Duration, such as ``10s``.",
        default="10s",
    )
    logouts_at_once: Count = option(
        "Limits how many logouts of a process wait for a hub over SOAP at "
        "the same time. One client network gets at most half of them, "
        "rounded up. Another logout waits a few seconds. After that, "
        "eilogin ends the session here and sends the browser to the hub, or "
        "the visitor reads that the hub does not know yet and can try "
        "again. Whole number; keep it below the number of server threads, "
        "because a hub that hangs holds one thread for each.",
        default=DEFAULT_SLOTS,
    )
    encrypt_name_id: Flag = option(
        "Encrypts the NameID of a LogoutRequest, if the hub's metadata has "
        "a key for that.",
        default=False,
    )
    on_logout: HookNames = option(
        "Calls these functions when a logout has ended a login here. Each "
        "is ``module:function``; separate them with blanks. eilogin also "
        "calls the entry points ``eilogin.logout`` of installed packages.",
        default=(),
        shown="none",
    )
    on_logout_timeout: Seconds = option(
        "Limits how long a logout waits for these functions and for "
        "``app_logout_call``. They may go on after that. Duration, such as "
        "``2s``.",
        default="2s",
    )

    def code_faults(self, folders: Sequence[str]) -> Iterator[Fault]:
        """See the base class."""
        yield from super().code_faults(folders)
        for name in self.on_logout:
            if fault := fault_of_name(name, folders):
                yield Fault("", "", "on_logout", repr(name), fault)

    def options_with_thread_limits(self) -> Iterator[str]:
        """See the base class."""
        yield from super().options_with_thread_limits()
        yield "logouts_at_once"
