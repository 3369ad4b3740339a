"""All filters of a participant in the right order, from one section.

``use = egg:eilogin``. *Needs* nothing before it. *Reads*, *writes* and *changes in the
answer* the same as its five filters, and has their options. Only this one knows them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import model_validator

from eilogin.config import placing, read
from eilogin.federation import Trust
from eilogin.federation.local.profiles import PROFILES
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.federation.trust_start import trust_of
from eilogin.filters.identity import IdentityFilter
from eilogin.filters.identity_options import IdentityOptions
from eilogin.filters.login import LoginFilter
from eilogin.filters.login_options import LoginOptions
from eilogin.filters.logout import LogoutFilter
from eilogin.filters.logout_options import LogoutOptions
from eilogin.filters.session import SessionFilter, naming_section
from eilogin.filters.session_options import SessionOptions
from eilogin.filters.trust import TrustFilter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class ParticipantOptions(
    IdentityOptions,
    LogoutOptions,
    LoginOptions,
    TrustOptions,
    SessionOptions,
    name="main",
):
    """The options of ``[filter:…] use = egg:eilogin``."""

    @model_validator(mode="after")
    def _levels_have_classes(self) -> "ParticipantOptions":
        if fault := self.protect.beyond(self.level_classes):
            raise ValueError(f"protect: {fault}")
        return self

    @model_validator(mode="after")
    def _options_follow_profile(self) -> "ParticipantOptions":
        if not PROFILES[self.profile].restricts_filters:
            return self
        faults = list(self.profile_faults())
        if faults:
            text = "; ".join(f"{fault.option}: {fault.expected}" for fault in faults)
            raise ValueError(f"{text} (profile = digid)")
        return self


def participant(
    app: "WSGIApplication", options: ParticipantOptions, trust: Trust
) -> SessionFilter:
    """Return ``app`` behind all five filters."""
    app = LoginFilter(LogoutFilter(IdentityFilter(app, options), options), options)
    trusting = TrustFilter(app, trust, options.metrics_token)
    return SessionFilter(trusting, options)


def make_participant(
    app: "WSGIApplication", global_conf: Mapping[str, str], **local_conf: str
) -> SessionFilter:
    """Make the filter ``egg:eilogin`` for PasteDeploy."""
    options = read(ParticipantOptions, global_conf, local_conf)
    trust = trust_of(options)
    with (
        placing(ParticipantOptions, global_conf, local_conf),
        naming_section(ParticipantOptions, global_conf, local_conf),
    ):
        return participant(app, options, trust)
