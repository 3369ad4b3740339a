"""SAML metadata: the members of a federation, their keys and addresses.

Only keys in signed metadata count, never those in a message. Sources: SAML metadata 2.0
with its errata, and its extensions for user interfaces (mdui) and registration
information (mdrpi). The modules:

* ``cached_reading``: Read only members whose octets are new.
* ``descriptors``: EntityDescriptor and all that is in it.
* ``member_cache``: A file of members that eilogin has read, by their octets.
* ``metadata_addresses``: Check where eilogin may send visitors and keys.
* ``metadata_texts``: Read texts by any author, so that pages and logs can show them.
* ``metadata_values``: The members of a federation as frozen values, with lookups.
* ``metadata_writing``: Write metadata as XML, in the order of its schema; sign it.
* ``packed_members``: Members in memory and in files: an outline, and bytes.
* ``parallel_parsing``: A second process that does a part of the work.
* ``rule_attributes``: The operator's rules for a member, in entity attributes.
* ``schema_validation``: Validate metadata by the schema, member by member.
* ``trusted_metadata``: Read metadata that is signed, or in a trusted file.
* ``unread_elements``: Remove parts of metadata that eilogin does not read.
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
