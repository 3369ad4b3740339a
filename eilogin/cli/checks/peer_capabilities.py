"""Compare our options with the metadata of our peers.

A lack that stops every login is a fault; any other is a note. Faults of a hub that do
not depend on our options are in ``federation.members.hub_requirements``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eilogin.cli.inifiles.ini_pipelines import Part, Stack
from eilogin.config import Options
from eilogin.errors import (
    LOGOUT_IMPOSSIBLE,
    AlgorithmMissing,
    BindingMissing,
    EncryptionKeyMissing,
)
from eilogin.federation import Membership, Own
from eilogin.federation.local.local_entity import HUB
from eilogin.federation.members import hub_requirements
from eilogin.federation.members.hub_requirements import Remark
from eilogin.federation.members.trust_options import TrustOptions
from eilogin.filters.login_options import LoginOptions
from eilogin.filters.logout_options import LogoutOptions
from eilogin.hub.hub_options import HubOptions
from eilogin.hub.participants.logout_bindings import LogoutBindings
from eilogin.hub.participants.response_protection import Encrypt, encrypted_for
from eilogin.saml import bindings
from eilogin.saml.metadata import (
    EntityDescriptor,
    IdentityProvider,
    Role,
    ServiceProvider,
    bindings_of,
)
from eilogin.saml.printable_text import first_of, short
from eilogin.saml.xml_encryption import require_common
from eilogin.web.outbound_messages import answer_bindings

_MOST_NAMED = 20

#: The binding for each value of ``request_binding``; ``auto`` accepts any.
_REQUEST_BINDINGS = {"redirect": bindings.REDIRECT, "post": bindings.POST}

_LOGOUTS = (bindings.SOAP, bindings.REDIRECT, bindings.POST)


@dataclass(frozen=True, slots=True)
class CheckedTrust:
    """The trust of a section: us, all members, and our usable hubs."""

    own: Own
    federation: Membership
    hubs: Sequence[str]


def capability_remarks(
    stack: Stack,
    options_by_section: Mapping[str, Options],
    trust_by_section: Mapping[str, CheckedTrust],
) -> Iterator[Remark]:
    """Yield all that the peers of a pipeline lack."""
    trust: CheckedTrust | None = None
    trust_section = ""
    for part in stack.parts:
        options = options_by_section.get(part.title)
        if isinstance(options, TrustOptions):
            trust, trust_section = trust_by_section.get(part.title), part.title
        if trust is None:
            continue
        if trust.own.role != HUB:
            if isinstance(options, LoginOptions):
                yield from _encryption_remarks(part, options, trust.own)
            for hub_id in trust.hubs:
                entity, role = hub_requirements.hub(trust.federation, hub_id)
                yield from _hub_remarks(part, options, entity, role)
        elif isinstance(options, HubOptions):
            yield from _participant_remarks(part, trust_section, options, trust)


# --- a participant's hubs -----------------------------------------------------------


def _hub_remarks(
    part: Part,
    options: Options | None,
    entity: EntityDescriptor,
    role: IdentityProvider,
) -> Iterator[Remark]:
    if isinstance(options, LoginOptions):
        yield from _request_remarks(part, options, entity, role)
    if isinstance(options, LogoutOptions):
        yield from _logout_remarks(part, options, entity, role)
        if options.encrypt_name_id:
            yield from _encrypted_logout_remarks(part, entity, role)


def _encryption_remarks(
    part: Part, options: LoginOptions, own: Own
) -> Iterator[Remark]:
    if not options.require_encryption or own.encryption_keys:
        return
    text = (
        "our metadata has no key to encrypt for, so nobody could log in; "
        "expected an RSA key that can encrypt ('keys'), or no "
        "'require_encryption'"
    )
    yield _lack(
        part, "require_encryption", text, EncryptionKeyMissing.code, is_fault=True
    )


def _request_remarks(
    part: Part, options: LoginOptions, entity: EntityDescriptor, role: IdentityProvider
) -> Iterator[Remark]:
    binding = _REQUEST_BINDINGS.get(options.request_binding)
    if binding is not None and role.single_sign_on(binding) is None:
        text = (
            f"the hub '{entity.entity_id}' accepts no AuthnRequest by "
            f"{short(binding)} (SingleSignOnService: "
            f"{bindings_of(role.single_sign_ons)}), so nobody could log in; write "
            f"'request_binding = auto', or ask {entity.whom_to_ask} for metadata "
            "with one"
        )
        yield _lack(part, "request_binding", text, BindingMissing.code, is_fault=True)


def _logout_remarks(
    part: Part, options: LogoutOptions, entity: EntityDescriptor, role: IdentityProvider
) -> Iterator[Remark]:
    chosen = options.logout_binding
    # A participant without any logout address has its own remark.
    has_logout = role.single_logout(*_LOGOUTS) is not None
    if chosen and has_logout and role.single_logout(*chosen) is None:
        text = (
            f"the hub '{entity.entity_id}' accepts no logout by "
            f"{' or '.join(map(short, chosen))} (SingleLogoutService: "
            f"{bindings_of(role.single_logouts)}). A visitor who logs out here "
            "stays signed in there; write 'logout_binding = auto', or ask "
            f"{entity.whom_to_ask} for metadata with one"
        )
        yield _lack(part, "logout_binding", text, BindingMissing.code)


def _encrypted_logout_remarks(
    part: Part, entity: EntityDescriptor, role: IdentityProvider
) -> Iterator[Remark]:
    if not role.encryption_certificates:
        text = (
            f"the metadata of the hub '{entity.entity_id}' has no key for "
            "encryption, so a LogoutRequest names the visitor unencrypted; ask "
            f"{entity.whom_to_ask} for metadata with one"
        )
        yield _lack(part, "encrypt_name_id", text, EncryptionKeyMissing.code)
    elif (error := _algorithm_error(role)) is not None:
        text = (
            f"the hub '{entity.entity_id}' cannot receive a LogoutRequest, so a "
            f"visitor who logs out here stays signed in there: {error}"
        )
        yield _lack(part, "encrypt_name_id", text, AlgorithmMissing.code)


# --- a hub's participants -----------------------------------------------------------

_FindLack = Callable[[EntityDescriptor, ServiceProvider], str]


class _ParticipantCheck(NamedTuple):
    """A check of each participant, with the option that its remark names."""

    section: str
    option: str
    #: The code of the remark.
    code: str
    #: Returns what a participant lacks, or "".
    find_lack: _FindLack


def _participant_remarks(
    part: Part, trust_section: str, options: HubOptions, trust: CheckedTrust
) -> Iterator[Remark]:
    members = [
        (entity, entity.service_provider)
        for entity in trust.federation.entities
        if entity.service_provider is not None
        and (options.sign_in == "own" or entity.entity_id in options.passed_on_to)
    ]
    for check in _participant_checks(part, trust_section, options, trust.own):
        texts = [
            f"'{entity.entity_id}' {text}"
            for entity, role in members
            if (text := check.find_lack(entity, role))
        ]
        for text in first_of(texts, _MOST_NAMED):
            yield Remark(check.option, check.code, text, check.section)


def _participant_checks(
    part: Part, trust_section: str, options: HubOptions, own: Own
) -> Iterator[_ParticipantCheck]:
    def of_hub(option: str, code: str, find_lack: _FindLack) -> _ParticipantCheck:
        return _ParticipantCheck(_section_of(part, option), option, code, find_lack)

    def of_federation(code: str, find_lack: _FindLack) -> _ParticipantCheck:
        return _ParticipantCheck(trust_section, "federation", code, find_lack)

    yield of_federation(BindingMissing.code, _response_lack(own))
    yield of_federation(LOGOUT_IMPOSSIBLE, _logout_lack(options.nameless))
    find_lack = _logout_binding_lack(own, LogoutBindings(options.logout_binding))
    if own.profile.logout_request_bindings:
        # DigiD does not read logout_binding.
        yield of_federation(BindingMissing.code, find_lack)
    else:
        yield of_hub("logout_binding", BindingMissing.code, find_lack)
    # DigiD encrypts nothing.
    if not own.profile.encrypts:
        return
    encrypt = options.encrypt
    find_lack = _if_encrypted(encrypt, _encryption_key_lack, "required")
    yield of_hub("encrypt", EncryptionKeyMissing.code, find_lack)
    find_lack = _algorithm_lack("cannot get an encrypted assertion")
    find_lack = _if_encrypted(encrypt, find_lack, "required", "when-possible")
    yield of_hub("encrypt", AlgorithmMissing.code, find_lack)
    if options.encrypt_name_id:
        find_lack = _algorithm_lack("cannot receive a LogoutRequest")
        yield of_hub("encrypt_name_id", AlgorithmMissing.code, find_lack)


def _response_lack(own: Own) -> _FindLack:
    our_bindings = answer_bindings(own)

    def find_lack(entity: EntityDescriptor, role: ServiceProvider) -> str:
        if any(
            endpoint.binding in our_bindings for endpoint in role.assertion_consumers
        ):
            return ""
        return (
            f"accepts no Response by {' or '.join(map(short, our_bindings))} "
            "(AssertionConsumerService: "
            f"{bindings_of(role.assertion_consumers)}), so nobody can log in "
            f"there; ask {entity.whom_to_ask} for metadata with one"
        )

    return find_lack


def _logout_lack(nameless: Collection[str]) -> _FindLack:
    def find_lack(entity: EntityDescriptor, role: ServiceProvider) -> str:
        # A participant without a NameID has its own remark.
        if role.single_logout(*_LOGOUTS) or entity.entity_id in nameless:
            return ""
        return (
            "accepts no logout (SingleLogoutService: "
            f"{bindings_of(role.single_logouts)}), so a visitor stays signed in "
            f"there: single logout is impossible; ask {entity.whom_to_ask} for one"
        )

    return find_lack


def _logout_binding_lack(own: Own, logout_bindings: LogoutBindings) -> _FindLack:
    def find_lack(entity: EntityDescriptor, role: ServiceProvider) -> str:
        our_bindings = logout_bindings.all_of(own, entity.entity_id)
        # A participant without any logout address has its own remark.
        if role.single_logout(*our_bindings) or not role.single_logout(*_LOGOUTS):
            return ""
        return (
            f"accepts no logout by {' or '.join(map(short, our_bindings))} "
            f"(SingleLogoutService: {bindings_of(role.single_logouts)}), so a "
            "visitor who logs out stays signed in there; ask "
            f"{entity.whom_to_ask} for metadata with one"
        )

    return find_lack


def _if_encrypted(
    lines: Mapping[str, Encrypt], find_lack: _FindLack, *values: Encrypt
) -> _FindLack:
    def find_lack_if_encrypted(entity: EntityDescriptor, role: ServiceProvider) -> str:
        if encrypted_for(lines, entity.entity_id) not in values:
            return ""
        return find_lack(entity, role)

    return find_lack_if_encrypted


def _encryption_key_lack(entity: EntityDescriptor, role: ServiceProvider) -> str:
    if role.encryption_certificates:
        return ""
    return (
        "has no key for encryption in its metadata, so nobody can log in there; "
        f"ask {entity.whom_to_ask} for metadata with one"
    )


def _algorithm_lack(consequence: str) -> _FindLack:
    def find_lack(_: EntityDescriptor, role: ServiceProvider) -> str:
        error = _algorithm_error(role) if role.encryption_certificates else None
        return "" if error is None else f"{consequence}: {error}"

    return find_lack


# --- both ---------------------------------------------------------------------------


def _lack(
    part: Part, option: str, text: str, code: str, *, is_fault: bool = False
) -> Remark:
    return Remark(option, code, text, _section_of(part, option), is_fault=is_fault)


def _section_of(part: Part, option: str) -> str:
    return part.stands_in.get(option, part.title)


def _algorithm_error(role: Role) -> AlgorithmMissing | None:
    """Return why eilogin cannot encrypt for a role that has a key, or None."""
    try:
        require_common(role.encryption_methods)
    except AlgorithmMissing as error:
        return error
    return None
