"""The messages of SAML core as frozen values; write and read them as XML.

Whether to trust a message belongs in ``message_checks`` and ``response_checks``.
``write_`` functions return an unsigned element; the sender signs it. ``read_``
functions read an element that the caller has verified, or reads only to reject. They
raise :class:`eilogin.errors.MalformedMessage`, which names the missing or wrong part.
The modules:

* ``activity_report_reading``: Read a participant's report of activity.
* ``artifact_message_reading``: Read an ArtifactResolve and an ArtifactResponse.
* ``assertion_reading``: Read an Assertion (SAML core 2.3.3).
* ``authn_request_reading``: Read an AuthnRequest (SAML core 3.4.1).
* ``element_reading``: Read elements, texts and attributes within limits.
* ``instants``: Instants in SAML's format: UTC, ending in ``Z`` (SAML core 1.3.3).
* ``logout_message_reading``: Read a LogoutRequest and a LogoutResponse.
* ``message_parts``: Read the parts that messages share, such as ID and Issuer.
* ``message_values``: The messages as frozen values, and the URIs of SAML.
* ``message_writing``: Write messages as XML, without signatures.
* ``saml_response_reading``: Read a Response, its assertions aside.
"""

from eilogin.saml.messages.activity_report_reading import (
    read_activity_report as read_activity_report,
)
from eilogin.saml.messages.artifact_message_reading import (
    read_artifact_resolve as read_artifact_resolve,
)
from eilogin.saml.messages.artifact_message_reading import (
    read_artifact_response as read_artifact_response,
)
from eilogin.saml.messages.assertion_reading import read_assertion as read_assertion
from eilogin.saml.messages.assertion_reading import read_assertions as read_assertions
from eilogin.saml.messages.authn_request_reading import (
    read_authn_request as read_authn_request,
)
from eilogin.saml.messages.instants import read_duration as read_duration
from eilogin.saml.messages.instants import read_instant as read_instant
from eilogin.saml.messages.instants import write_instant as write_instant
from eilogin.saml.messages.logout_message_reading import (
    read_logout_request as read_logout_request,
)
from eilogin.saml.messages.logout_message_reading import (
    read_logout_response as read_logout_response,
)
from eilogin.saml.messages.message_values import AUTHN_FAILED as AUTHN_FAILED
from eilogin.saml.messages.message_values import BEARER as BEARER
from eilogin.saml.messages.message_values import EMAIL as EMAIL
from eilogin.saml.messages.message_values import ENCRYPTED as ENCRYPTED
from eilogin.saml.messages.message_values import ENTITY as ENTITY
from eilogin.saml.messages.message_values import IDLE as IDLE
from eilogin.saml.messages.message_values import (
    INVALID_NAME_ID_POLICY as INVALID_NAME_ID_POLICY,
)
from eilogin.saml.messages.message_values import NO_AUTHN_CONTEXT as NO_AUTHN_CONTEXT
from eilogin.saml.messages.message_values import NO_PASSIVE as NO_PASSIVE
from eilogin.saml.messages.message_values import PARTIAL_LOGOUT as PARTIAL_LOGOUT
from eilogin.saml.messages.message_values import PERSISTENT as PERSISTENT
from eilogin.saml.messages.message_values import (
    PROXY_COUNT_EXCEEDED as PROXY_COUNT_EXCEEDED,
)
from eilogin.saml.messages.message_values import REQUEST_DENIED as REQUEST_DENIED
from eilogin.saml.messages.message_values import (
    REQUEST_UNSUPPORTED as REQUEST_UNSUPPORTED,
)
from eilogin.saml.messages.message_values import REQUESTER as REQUESTER
from eilogin.saml.messages.message_values import RESPONDER as RESPONDER
from eilogin.saml.messages.message_values import STAYS as STAYS
from eilogin.saml.messages.message_values import SUCCESS as SUCCESS
from eilogin.saml.messages.message_values import TOO_LATE as TOO_LATE
from eilogin.saml.messages.message_values import TRANSIENT as TRANSIENT
from eilogin.saml.messages.message_values import UNKNOWN_PRINCIPAL as UNKNOWN_PRINCIPAL
from eilogin.saml.messages.message_values import UNSPECIFIED as UNSPECIFIED
from eilogin.saml.messages.message_values import (
    UNSUPPORTED_BINDING as UNSUPPORTED_BINDING,
)
from eilogin.saml.messages.message_values import ActivityReport as ActivityReport
from eilogin.saml.messages.message_values import ArtifactResolve as ArtifactResolve
from eilogin.saml.messages.message_values import ArtifactResponse as ArtifactResponse
from eilogin.saml.messages.message_values import Assertion as Assertion
from eilogin.saml.messages.message_values import AuthnRequest as AuthnRequest
from eilogin.saml.messages.message_values import LogoutRequest as LogoutRequest
from eilogin.saml.messages.message_values import LogoutResponse as LogoutResponse
from eilogin.saml.messages.message_values import NameID as NameID
from eilogin.saml.messages.message_values import Response as Response
from eilogin.saml.messages.message_values import Status as Status
from eilogin.saml.messages.message_values import new_id as new_id
from eilogin.saml.messages.message_writing import (
    write_activity_report as write_activity_report,
)
from eilogin.saml.messages.message_writing import (
    write_artifact_resolve as write_artifact_resolve,
)
from eilogin.saml.messages.message_writing import (
    write_artifact_response as write_artifact_response,
)
from eilogin.saml.messages.message_writing import write_assertion as write_assertion
from eilogin.saml.messages.message_writing import (
    write_authn_request as write_authn_request,
)
from eilogin.saml.messages.message_writing import (
    write_logout_request as write_logout_request,
)
from eilogin.saml.messages.message_writing import (
    write_logout_response as write_logout_response,
)
from eilogin.saml.messages.message_writing import write_response as write_response
from eilogin.saml.messages.saml_response_reading import read_response as read_response
