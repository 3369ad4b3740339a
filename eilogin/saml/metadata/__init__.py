"""SAML metadata: the members of a federation, their keys and addresses.

This package holds metadata as frozen values. It writes metadata for a participant about
itself and for the operator about all members, and reads what the operator signed. Only
keys in signed metadata count, never those in a message.

Source: SAML metadata 2.0 with its errata, and the metadata extensions for user
interfaces (mdui) and for registration information (mdrpi). ``rule_attributes`` has
eilogin's own entity attributes.

By module:

* ``descriptors``: EntityDescriptor and all that is in it: roles, keys, endpoints,
  UIInfo, Extensions.
* ``metadata_addresses``: check the addresses in metadata: where eilogin may send
  visitors and keys.
* ``metadata_texts``: read texts of metadata, by any author, so that pages and logs can
  show them.
* ``metadata_values``: the members of a federation as frozen values, with lookups.
* ``metadata_writing``: write metadata as XML, in the order of its schema, and sign it.
* ``packed_members``: members in memory and in files: an outline, and bytes for the
  rest.
* ``parallel_parsing``: a second process that does a part of the work if the machine has
  a free core.
* ``reading_progress``: show how many members have been read.
* ``rule_attributes``: the operator's rules for a member, in entity attributes of
  eilogin's own.
* ``schema_validation``: validate metadata by the schema: the whole, each member, and
  each role.
* ``trusted_metadata``: read metadata that the operator signed, or that a trusted file
  holds.
* ``unread_elements``: remove parts of metadata that eilogin does not read, before
  schema validation.
"""

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
from eilogin.saml.metadata.reading_progress import showing as showing
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
