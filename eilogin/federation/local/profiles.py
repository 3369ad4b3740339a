"""Profiles: the differences between the interfaces that an entity can follow.

A new profile is one more value in :data:`PROFILES`, with the settings that it needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from eilogin.saml import bindings


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The settings of an interface. The defaults are those of plain SAML."""

    # --- keys and metadata ---

    requires_rsa: bool = False
    #: Whether a signature contains a KeyName and a list of namespace prefixes.
    signatures_name_key: bool = False
    #: Whether only the first certificate of a peer counts.
    uses_first_certificate: bool = False
    #: Whether a hub accepts only signed metadata.
    requires_signed_metadata: bool = False
    #: Whether our metadata has endpoints and keys only.
    has_minimal_metadata: bool = False
    #: Options whose subject the interface does not have.
    refused_options: tuple[str, ...] = ()
    #: Whether the operator registers our metadata by a form.
    registers_by_form: bool = False
    #: The bindings of the SingleLogoutService in our metadata, by role.
    participant_logout_services: tuple[str, ...] = (
        bindings.REDIRECT,
        bindings.POST,
        bindings.SOAP,
    )
    hub_logout_services: tuple[str, ...] = (
        bindings.REDIRECT,
        bindings.POST,
        bindings.SOAP,
    )

    # --- messages ---

    response_bindings: tuple[str, ...] = (bindings.ARTIFACT, bindings.POST)
    #: The bindings for a message through the browser, the preferred one first.
    browser_bindings: tuple[str, str] = (bindings.REDIRECT, bindings.POST)
    #: The bindings for the LogoutRequest of a hub; empty if an option selects them.
    logout_request_bindings: tuple[str, ...] = ()
    encrypts: bool = True
    #: Whether an ArtifactResponse must be signed over https too.
    signs_artifact_responses: bool = False
    #: Whether an AuthnRequest names the AssertionConsumerService by its index.
    names_acs_by_index: bool = False
    #: Whether a LogoutRequest names sessions by SessionIndex.
    has_session_index: bool = True
    #: Whether the NameID is a number with a sector code, such as a BSN.
    has_sector_numbers: bool = False
    #: Whether the hub chooses the NameID, whatever the AuthnRequest asks for.
    hub_chooses_name_id: bool = False

    # --- login at a participant ---

    has_passive_login: bool = True
    #: Whether a login that took too long starts again.
    restarts_late_logins: bool = True
    #: Whether a Response tells when the visitor last proved who they are.
    tells_proof_age: bool = True
    #: Whether a failed login, or one of another visitor, ends the session.
    failed_login_ends_session: bool = False
    #: Whether the visitor returns to the page after a cancelled login.
    returns_after_cancel: bool = False
    #: Whether a visitor with a session must confirm a login link of another site.
    confirms_foreign_links: bool = False
    #: Whether the profile restricts the options of all filters.
    restricts_filters: bool = False

    # --- the hub ---

    #: Selects the hub's endpoints, with their steps for sign-on and logout.
    hub_rules: Literal["saml", "digid"] = "saml"
    refused_hub_options: tuple[str, ...] = ("sectors", "inactive", "rehearsal")
    #: Whether another hub may sign visitors in for this hub.
    allows_hub_above: bool = True
    #: Whether the sign-in page asks for DigiD.
    asks_for_digid: bool = False
    #: Whether the sign-in page says which services share the session.
    names_sso_domains: bool = True
    #: Whether the hub accepts activity reports of participants.
    has_activity_reports: bool = True
    #: Whether a session can rise to a higher level by the code alone.
    asks_for_code_alone: bool = True
    #: Whether a session at the hub records the network of the browser.
    records_network: bool = False


SAML_PROFILE = Profile()

#: The interface of DigiD 3.x.
DIGID_PROFILE = Profile(
    requires_rsa=True,
    signatures_name_key=True,
    uses_first_certificate=True,
    requires_signed_metadata=True,
    has_minimal_metadata=True,
    refused_options=("requested_attributes", "entity_categories", "level_classes"),
    registers_by_form=True,
    participant_logout_services=(bindings.REDIRECT, bindings.SOAP),
    hub_logout_services=(bindings.REDIRECT,),
    response_bindings=(bindings.ARTIFACT,),
    # A BSN as NameID stays out of URLs, which end up in logs.
    browser_bindings=(bindings.POST, bindings.REDIRECT),
    logout_request_bindings=(bindings.SOAP,),
    encrypts=False,
    signs_artifact_responses=True,
    names_acs_by_index=True,
    has_session_index=False,
    has_sector_numbers=True,
    hub_chooses_name_id=True,
    has_passive_login=False,
    restarts_late_logins=False,
    tells_proof_age=False,
    failed_login_ends_session=True,
    returns_after_cancel=True,
    confirms_foreign_links=True,
    restricts_filters=True,
    hub_rules="digid",
    refused_hub_options=(
        "logout_scope",
        "confirm_logout",
        "logout_binding",
        "logout_in_browser",
    ),
    allows_hub_above=False,
    asks_for_digid=True,
    names_sso_domains=False,
    has_activity_reports=False,
    asks_for_code_alone=False,
    records_network=True,
)

#: The profile of a site that names none.
DEFAULT_PROFILE = "saml"

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {DEFAULT_PROFILE: SAML_PROFILE, "digid": DIGID_PROFILE}
)
