"""Compare our options with the metadata of our peers.

A lack that stops every login is a fault. Any other is a note, with the code under which
the manual has the cure. Faults of a hub that do not depend on our options are in
:mod:`eilogin.federation.members.hub_requirements`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

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

#: How many participants are named for one reason: a large federation has a lot.
_TOLD = 20

#: The binding for each value of ``request_binding``; ``auto`` accepts any.
_ASKED_BY = {"redirect": bindings.REDIRECT, "post": bindings.POST}

_LOGOUTS = (bindings.SOAP, bindings.REDIRECT, bindings.POST)


@dataclass(frozen=True, slots=True)
class Known:
    """The entities of a section of ``trust``: us, all members, and our usable hubs."""

    own: Own
    federation: Membership
    hubs: Sequence[str]


def lacks(
    stack: Stack, read: Mapping[str, Options], known: Mapping[str, Known]
) -> Iterator[Remark]:
    """All that a pipeline's peers lack; ``read`` and ``known`` are by section."""
    here: Known | None = None
    trusting = ""
    for part in stack.parts:
        options = read.get(part.title)
        if isinstance(options, TrustOptions):
            here, trusting = known.get(part.title), part.title
        if here is None:
            continue
        if here.own.role != HUB:
            if isinstance(options, LoginOptions):
                yield from _of_encryption(part, options, here.own)
            for name in here.hubs:
                entity, role = hub_requirements.hub(here.federation, name)
                yield from _of_hub(part, options, entity, role)
        elif isinstance(options, HubOptions):
            yield from _of_participants(part, trusting, options, here)


# --- a participant's hubs -----------------------------------------------------------


def _of_hub(
    part: Part,
    options: Options | None,
    entity: EntityDescriptor,
    role: IdentityProvider,
) -> Iterator[Remark]:
    if isinstance(options, LoginOptions):
        yield from _of_question(part, options, entity, role)
    if isinstance(options, LogoutOptions):
        yield from _of_logout(part, options, entity, role)
        if options.encrypt_name_id:
            yield from _of_encrypted_logout(part, entity, role)


def _of_encryption(part: Part, options: LoginOptions, own: Own) -> Iterator[Remark]:
    """Report ``require_encryption`` where our metadata has no key to encrypt for."""
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


def _of_question(
    part: Part, options: LoginOptions, entity: EntityDescriptor, role: IdentityProvider
) -> Iterator[Remark]:
    wanted = _ASKED_BY.get(options.request_binding)
    if wanted is not None and role.single_sign_on(wanted) is None:
        text = (
            f"the hub '{entity.entity_id}' accepts no AuthnRequest by "
            f"{short(wanted)} (SingleSignOnService: "
            f"{bindings_of(role.single_sign_ons)}), so nobody could log in; write "
            f"'request_binding = auto', or ask {entity.whom_to_ask} for metadata "
            "with one"
        )
        yield _lack(part, "request_binding", text, BindingMissing.code, is_fault=True)


def _of_logout(
    part: Part, options: LogoutOptions, entity: EntityDescriptor, role: IdentityProvider
) -> Iterator[Remark]:
    wanted = options.logout_binding
    # A participant without any logout address has its own remark.
    takes_any = role.single_logout(*_LOGOUTS) is not None
    if wanted and takes_any and role.single_logout(*wanted) is None:
        text = (
            f"the hub '{entity.entity_id}' accepts no logout by "
            f"{' or '.join(map(short, wanted))} (SingleLogoutService: "
            f"{bindings_of(role.single_logouts)}). A visitor who logs out here "
            "stays signed in there; write 'logout_binding = auto', or ask "
            f"{entity.whom_to_ask} for metadata with one"
        )
        yield _lack(part, "logout_binding", text, BindingMissing.code)


def _of_encrypted_logout(
    part: Part, entity: EntityDescriptor, role: IdentityProvider
) -> Iterator[Remark]:
    if not role.encryption_certificates:
        text = (
            f"the metadata of the hub '{entity.entity_id}' has no key for "
            "encryption, so a LogoutRequest names the visitor unencrypted; ask "
            f"{entity.whom_to_ask} for metadata with one"
        )
        yield _lack(part, "encrypt_name_id", text, EncryptionKeyMissing.code)
    elif (missing := _not_common(role)) is not None:
        text = (
            f"the hub '{entity.entity_id}' cannot receive a LogoutRequest, so a "
            f"visitor who logs out here stays signed in there: {missing}"
        )
        yield _lack(part, "encrypt_name_id", text, AlgorithmMissing.code)


# --- a hub's participants -----------------------------------------------------------

_Lacking = Callable[[EntityDescriptor, ServiceProvider], str]


def _of_participants(
    part: Part, trusting: str, options: HubOptions, here: Known
) -> Iterator[Remark]:
    members = [
        (entity, entity.service_provider)
        for entity in here.federation.entities
        if entity.service_provider is not None
        and (options.sign_in == "own" or entity.entity_id in options.passed_on_to)
    ]
    for section, option, code, lacking in _reasons(part, trusting, options, here.own):
        texts = [
            f"'{entity.entity_id}' {text}"
            for entity, role in members
            if (text := lacking(entity, role))
        ]
        for text in first_of(texts, _TOLD):
            yield Remark(option, code, text, section)


def _reasons(
    part: Part, trusting: str, options: HubOptions, own: Own
) -> Iterator[tuple[str, str, str, _Lacking]]:
    """Yield section, option, code, and a function that names a participant's lack."""
    yield trusting, "federation", BindingMissing.code, _no_answer(own)
    yield trusting, "federation", LOGOUT_IMPOSSIBLE, _no_logout(options.nameless)
    lacking, option = (
        _not_told_so(own, LogoutBindings(options.logout_binding)),
        "logout_binding",
    )
    place = _place(part, option)
    if own.profile.logout_request_bindings:
        # DigiD does not read that option.
        place, option = trusting, "federation"
    yield place, option, BindingMissing.code, lacking
    # DigiD encrypts nothing.
    if not own.profile.encrypts:
        return
    encrypt, place = options.encrypt, _place(part, "encrypt")
    lacking = _if_encrypted(encrypt, _no_key, "required")
    yield place, "encrypt", EncryptionKeyMissing.code, lacking
    lacking = _no_algorithm("cannot get an encrypted assertion")
    lacking = _if_encrypted(encrypt, lacking, "required", "when-possible")
    yield place, "encrypt", AlgorithmMissing.code, lacking
    if options.encrypt_name_id:
        lacking, option = (
            _no_algorithm("cannot receive a LogoutRequest"),
            "encrypt_name_id",
        )
        yield _place(part, option), option, AlgorithmMissing.code, lacking


def _no_answer(own: Own) -> _Lacking:
    ours = answer_bindings(own)

    def lacking(entity: EntityDescriptor, role: ServiceProvider) -> str:
        if any(one.binding in ours for one in role.assertion_consumers):
            return ""
        return (
            f"accepts no Response by {' or '.join(map(short, ours))} "
            "(AssertionConsumerService: "
            f"{bindings_of(role.assertion_consumers)}), so nobody can log in "
            f"there; ask {entity.whom_to_ask} for metadata with one"
        )

    return lacking


def _no_logout(nameless: Collection[str]) -> _Lacking:
    def lacking(entity: EntityDescriptor, role: ServiceProvider) -> str:
        # A participant without a NameID has its own remark.
        if role.single_logout(*_LOGOUTS) or entity.entity_id in nameless:
            return ""
        return (
            "accepts no logout (SingleLogoutService: "
            f"{bindings_of(role.single_logouts)}), so a visitor stays signed in "
            f"there: single logout is impossible; ask {entity.whom_to_ask} for one"
        )

    return lacking


def _not_told_so(own: Own, ways: LogoutBindings) -> _Lacking:
    def lacking(entity: EntityDescriptor, role: ServiceProvider) -> str:
        wanted = ways.all_of(own, entity.entity_id)
        # A participant without any logout address has its own remark.
        if role.single_logout(*wanted) or not role.single_logout(*_LOGOUTS):
            return ""
        return (
            f"accepts no logout by {' or '.join(map(short, wanted))} "
            f"(SingleLogoutService: {bindings_of(role.single_logouts)}), so a "
            "visitor who logs out stays signed in there; ask "
            f"{entity.whom_to_ask} for metadata with one"
        )

    return lacking


def _if_encrypted(
    lines: Mapping[str, Encrypt], lacking: _Lacking, *words: Encrypt
) -> _Lacking:
    """Limit ``lacking`` to the participants whose ``encrypt`` is one of ``words``."""

    def lacking_there(entity: EntityDescriptor, role: ServiceProvider) -> str:
        if encrypted_for(lines, entity.entity_id) not in words:
            return ""
        return lacking(entity, role)

    return lacking_there


def _no_key(entity: EntityDescriptor, role: ServiceProvider) -> str:
    if role.encryption_certificates:
        return ""
    return (
        "has no key for encryption in its metadata, so nobody can log in there; "
        f"ask {entity.whom_to_ask} for metadata with one"
    )


def _no_algorithm(what: str) -> _Lacking:
    def lacking(_: EntityDescriptor, role: ServiceProvider) -> str:
        missing = _not_common(role) if role.encryption_certificates else None
        return "" if missing is None else f"{what}: {missing}"

    return lacking


# --- both ---------------------------------------------------------------------------


def _lack(
    part: Part, option: str, text: str, code: str, *, is_fault: bool = False
) -> Remark:
    return Remark(option, code, text, _place(part, option), is_fault=is_fault)


def _place(part: Part, option: str) -> str:
    """The section that an option stands in, or would."""
    return part.stands_in.get(option, part.title)


def _not_common(role: Role) -> AlgorithmMissing | None:
    """The reason why nothing can be encrypted for a role that has a key for that."""
    try:
        require_common(role.encryption_methods)
    except AlgorithmMissing as error:
        return error
    return None
