"""The operator's side: a folder of plain files that defines a federation.

The commands (``cli``) and the site's own state do not belong here. The folder is all
the state there is, and suits git::

    federation.ini     its name, how long a signature lasts, and the key that signs
    members/NAME.xml   the metadata of a member, as it gave it, always laid out alike
    rules.ini          who may share a session with whom, and what each may have
    rollover.ini       how far the change of the operator's key is, while there is one
    metadata.xml       what was signed last: made of the others, and of nothing else

Every file is written whole or not at all. Modules:

``key_possession``
    Verify that a member has the key that its metadata names.
``member_description``
    Describe in words what a member requests.
``member_rules``
    ``rules.ini``: the operator's rules, a section for each member.
``metadata_publishing``
    Publish metadata as files for any web server.
``metadata_repair``
    Repair faults in metadata that would shut out other members.
``metadata_signing``
    Sign the metadata of all members.
``operator_keys``
    The operator's signing key: in a file, in a variable or on a token.
``operator_rollover``
    Change the operator's signing key in recorded steps.
``pkcs11_tokens``
    A signing key on a PKCS#11 token.
``registry_expiry``
    Expiry of certificates, metadata and the signature.
``registry_folder``
    The operator's folder of a federation.
``registry_members``
    The metadata of one member, without claims that only the operator makes.
``similar_members``
    Find members that look alike or conflict.
"""

from eilogin.registry.key_possession import prove as prove
from eilogin.registry.member_description import asked_by as asked_by
from eilogin.registry.member_rules import MemberRule as MemberRule
from eilogin.registry.metadata_publishing import publish as publish
from eilogin.registry.metadata_signing import Elements as Elements
from eilogin.registry.metadata_signing import about_to_sign as about_to_sign
from eilogin.registry.metadata_signing import difference as difference
from eilogin.registry.metadata_signing import faults_of as faults_of
from eilogin.registry.metadata_signing import last_signed as last_signed
from eilogin.registry.metadata_signing import nobody as nobody
from eilogin.registry.metadata_signing import sign_all as sign_all
from eilogin.registry.operator_keys import certificate_in as certificate_in
from eilogin.registry.operator_keys import operator_certificate as operator_certificate
from eilogin.registry.operator_keys import (
    operator_certificate_ends as operator_certificate_ends,
)
from eilogin.registry.operator_keys import operator_key as operator_key
from eilogin.registry.operator_rollover import NEXT_CERTIFICATE as NEXT_CERTIFICATE
from eilogin.registry.operator_rollover import Rollover as Rollover
from eilogin.registry.operator_rollover import begun as begun
from eilogin.registry.operator_rollover import finish as finish
from eilogin.registry.operator_rollover import publish_next as publish_next
from eilogin.registry.operator_rollover import read_rollover as read_rollover
from eilogin.registry.operator_rollover import switch as switch
from eilogin.registry.operator_rollover import waited_for as waited_for
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
