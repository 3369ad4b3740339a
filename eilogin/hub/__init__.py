"""The identity provider in DigiD's place: sign-in, single sign-on and single logout.

A WSGI app behind the filters ``session`` and ``trust``. Code that participants need too
is in ``web``, ``sessions`` or ``saml``.

* ``browser_proof``: The cookie of a browser in which a visitor has logged out.
* ``hub_app``: The WSGI app.
* ``hub_home``: The home page: where the visitor is signed in, and the logout button.
* ``hub_jobs``: Background work: retry logouts, end sessions, serve operators.
* ``hub_options``: The options of the hub.
* ``hub_threads``: The threads that do the background work.
* ``logout_from_above``: The logout of citizens whom a hub above signs in.
* ``participant_certificates``: Warn before the certificates of participants expire.
* ``pending_authn_requests``: AuthnRequests that wait for the visitor to sign in.
* ``digid``: The hub with ``profile = digid``.
* ``logout``: Single logout: end sessions, notify participants, show the receipt.
* ``participants``: Settings and facts of each participant.
* ``signin``: Sign a citizen in: by a password and a code, or at another hub.
* ``sso``: Single sign-on: from an AuthnRequest to the Response.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eilogin.hub.hub_app import make_hub as make_hub


def __getattr__(name: str) -> Any:
    # A late import: "eilogin check" and "serve" read options here for sites too, and
    # only a hub needs the app.
    if name == "make_hub":
        from eilogin.hub import hub_app  # noqa: PLC0415

        return hub_app.make_hub
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
