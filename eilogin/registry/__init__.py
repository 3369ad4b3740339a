"""The operator's side: a folder of plain files that defines a federation.

The commands (``cli``) and the site's own state do not belong here. The folder is the
whole state, and suits git::

    federation.ini     its name, the validity of a signature, the signing key
    members/NAME.xml   the metadata of a member, in uniform layout
    rules.ini          the SSO domain, level and attributes of members
    rollover.ini       the progress of a change of the operator's key
    metadata.xml       the last signed metadata, made from the others

Every file is written whole or not at all. Modules:

* ``key_possession``: verify that a member has its key
* ``member_description``: describe a member in words
* ``member_rules``: ``rules.ini``
* ``metadata_publishing``: publish metadata as files
* ``metadata_repair``: repair faults that would shut out others
* ``metadata_signing``: sign the metadata of all members
* ``operator_keys``: the operator's signing key
* ``operator_rollover``: change that key
* ``pkcs11_tokens``: a signing key on a PKCS#11 token
* ``registry_expiry``: dates of expiry
* ``registry_folder``: the operator's folder
* ``registry_members``: the metadata of one member
* ``similar_members``: members that look alike or conflict
"""

from eilogin.registry.key_possession import prove as prove
from eilogin.registry.member_description import description_lines as description_lines
from eilogin.registry.member_rules import MemberRule as MemberRule
from eilogin.registry.metadata_publishing import publish as publish
from eilogin.registry.metadata_signing import Elements as Elements
from eilogin.registry.metadata_signing import SignedMetadata as SignedMetadata
from eilogin.registry.metadata_signing import differences as differences
from eilogin.registry.metadata_signing import elements_to_sign as elements_to_sign
from eilogin.registry.metadata_signing import (
    fault_without_members as fault_without_members,
)
from eilogin.registry.metadata_signing import faults_of as faults_of
from eilogin.registry.metadata_signing import last_signed as last_signed
from eilogin.registry.metadata_signing import sign_all as sign_all
from eilogin.registry.operator_keys import certificate_in as certificate_in
from eilogin.registry.operator_keys import operator_certificate as operator_certificate
from eilogin.registry.operator_keys import (
    operator_certificate_ends as operator_certificate_ends,
)
from eilogin.registry.operator_keys import operator_key as operator_key
from eilogin.registry.operator_rollover import NEXT_CERTIFICATE as NEXT_CERTIFICATE
from eilogin.registry.operator_rollover import Rollover as Rollover
from eilogin.registry.operator_rollover import begin as begin
from eilogin.registry.operator_rollover import finish as finish
from eilogin.registry.operator_rollover import publish_next as publish_next
from eilogin.registry.operator_rollover import read_rollover as read_rollover
from eilogin.registry.operator_rollover import switch as switch
from eilogin.registry.operator_rollover import unready_members as unready_members
from eilogin.registry.operator_rollover import write_rollover as write_rollover
from eilogin.registry.pkcs11_tokens import TOKEN as TOKEN
from eilogin.registry.registry_expiry import endings_of as endings_of
from eilogin.registry.registry_expiry import member_endings as member_endings
from eilogin.registry.registry_folder import MEMBERS as MEMBERS
from eilogin.registry.registry_folder import OPTIONS as OPTIONS
from eilogin.registry.registry_folder import RULES as RULES
from eilogin.registry.registry_folder import Folder as Folder
from eilogin.registry.registry_folder import make_folder as make_folder
from eilogin.registry.registry_folder import octets_of as octets_of
from eilogin.registry.registry_members import LONGEST as LONGEST
from eilogin.registry.registry_members import VALID as VALID
from eilogin.registry.registry_members import RegistryMember as RegistryMember
from eilogin.registry.registry_members import read_member as read_member
