"""SAML metadata: who is in a federation, under which keys and at which addresses.

What belongs here: frozen values; writing them, for a participant about itself and for
the operator about all; and reading what the operator signed. The keys that count are
those that the operator's signature covers, never those of a message.

Source: SAML metadata 2.0 with its errata, and the metadata extensions for the user
interface (mdui) and for registration and publication information (mdrpi); entity
attributes, of which those of eilogin's own are in ``rule_attributes``.

By module:

``metadata_addresses``
    The addresses that metadata has: where citizens and keys may be sent, or
    nobody.
``metadata_reading``
    Metadata from XML that is trusted: each member, and what is said of all of
    them.
``metadata_texts``
    Texts of metadata, which whoever may have written, as they may be told.
``metadata_values``
    The members of a federation as frozen values, and how to look things up in
    them.
``metadata_writing``
    Metadata to XML, in the order of its schema; signed by who answers for it.
``packed_members``
    Members as they are kept and handed over: an outline, and bytes that hold the
    rest.
``parallel_parsing``
    A second process, which does a part of the work where the machine has a core
    for it.
``rule_attributes``
    What the operator rules of a member, in entity attributes of eilogin's own.
``schema_validation``
    Whether metadata is valid by the schema: the whole, each member, and each
    role.
``trusted_metadata``
    What the operator signed, or what a file says that is trusted for where it
    lies.
``unread_elements``
    The parts of metadata that eilogin does not read, removed before the schema is
    asked.
"""

from eilogin.saml.metadata.metadata_reading import showing as showing
from eilogin.saml.metadata.metadata_values import ENTITY_CATEGORY as ENTITY_CATEGORY
from eilogin.saml.metadata.metadata_values import IDPDISC as IDPDISC
from eilogin.saml.metadata.metadata_values import LONGEST_KEYWORD as LONGEST_KEYWORD
from eilogin.saml.metadata.metadata_values import MOST_KEYWORDS as MOST_KEYWORDS
from eilogin.saml.metadata.metadata_values import NO_SSO as NO_SSO
from eilogin.saml.metadata.metadata_values import AttributeService as AttributeService
from eilogin.saml.metadata.metadata_values import Contact as Contact
from eilogin.saml.metadata.metadata_values import Endpoint as Endpoint
from eilogin.saml.metadata.metadata_values import EntityDescriptor as EntityDescriptor
from eilogin.saml.metadata.metadata_values import (
    FederationMetadata as FederationMetadata,
)
from eilogin.saml.metadata.metadata_values import IdentityProvider as IdentityProvider
from eilogin.saml.metadata.metadata_values import Logo as Logo
from eilogin.saml.metadata.metadata_values import Role as Role
from eilogin.saml.metadata.metadata_values import ServiceProvider as ServiceProvider
from eilogin.saml.metadata.metadata_values import bindings_of as bindings_of
from eilogin.saml.metadata.metadata_writing import add_registrar as add_registrar
from eilogin.saml.metadata.metadata_writing import add_ruled as add_ruled
from eilogin.saml.metadata.metadata_writing import group_of as group_of
from eilogin.saml.metadata.metadata_writing import sign_entity as sign_entity
from eilogin.saml.metadata.metadata_writing import sign_federation as sign_federation
from eilogin.saml.metadata.metadata_writing import write_entity as write_entity
from eilogin.saml.metadata.metadata_writing import write_federation as write_federation
from eilogin.saml.metadata.rule_attributes import OURS as OURS
from eilogin.saml.metadata.rule_attributes import (
    RELEASED_ATTRIBUTES as RELEASED_ATTRIBUTES,
)
from eilogin.saml.metadata.rule_attributes import REQUIRED_LEVEL as REQUIRED_LEVEL
from eilogin.saml.metadata.rule_attributes import SSO_DOMAIN as SSO_DOMAIN
from eilogin.saml.metadata.rule_attributes import Ruled as Ruled
from eilogin.saml.metadata.rule_attributes import is_domain as is_domain
from eilogin.saml.metadata.trusted_metadata import read_created as read_created
from eilogin.saml.metadata.trusted_metadata import read_federation as read_federation
from eilogin.saml.metadata.trusted_metadata import read_unsigned as read_unsigned
