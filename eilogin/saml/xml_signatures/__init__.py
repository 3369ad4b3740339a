"""Enveloped XML signatures, and signatures of octets for the redirect binding.

The modules:

* ``octet_signatures``: Sign and verify SignedInfo, and the query of a redirect.
* ``signature_algorithms``: Algorithms, and the choice of one that a peer knows.
* ``signature_creation``: Add an enveloped signature to a message or metadata.
* ``signature_structure``: Check each ds:Signature before anything is computed.
* ``signature_verification``: Verify enveloped signatures; return signed content only.
"""

from eilogin.saml.xml_signatures.octet_signatures import sign_octets as sign_octets
from eilogin.saml.xml_signatures.octet_signatures import verify_octets as verify_octets
from eilogin.saml.xml_signatures.signature_algorithms import (
    DIGEST_METHODS as DIGEST_METHODS,
)
from eilogin.saml.xml_signatures.signature_algorithms import (
    ECDSA_SHA256 as ECDSA_SHA256,
)
from eilogin.saml.xml_signatures.signature_algorithms import ENVELOPED as ENVELOPED
from eilogin.saml.xml_signatures.signature_algorithms import (
    EXCLUSIVE_C14N as EXCLUSIVE_C14N,
)
from eilogin.saml.xml_signatures.signature_algorithms import (
    EXCLUSIVE_C14N_WITH_COMMENTS as EXCLUSIVE_C14N_WITH_COMMENTS,
)
from eilogin.saml.xml_signatures.signature_algorithms import RSA_SHA256 as RSA_SHA256
from eilogin.saml.xml_signatures.signature_algorithms import SHA256 as SHA256
from eilogin.saml.xml_signatures.signature_algorithms import (
    SIGNATURE_METHODS as SIGNATURE_METHODS,
)
from eilogin.saml.xml_signatures.signature_algorithms import method_of as method_of
from eilogin.saml.xml_signatures.signature_algorithms import suited as suited
from eilogin.saml.xml_signatures.signature_creation import sign as sign
from eilogin.saml.xml_signatures.signature_structure import Signature as Signature
from eilogin.saml.xml_signatures.signature_structure import (
    check_structure as check_structure,
)
from eilogin.saml.xml_signatures.signature_structure import is_signed as is_signed
from eilogin.saml.xml_signatures.signature_verification import content as content
from eilogin.saml.xml_signatures.signature_verification import (
    covered_octets as covered_octets,
)
from eilogin.saml.xml_signatures.signature_verification import signed as signed
from eilogin.saml.xml_signatures.signature_verification import (
    signed_octets as signed_octets,
)
from eilogin.saml.xml_signatures.signature_verification import (
    verify_covered as verify_covered,
)
