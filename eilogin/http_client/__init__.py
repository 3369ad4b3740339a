"""HTTP from server to server: SOAP messages to a peer, metadata from it.

This package carries SAML messages (SAML bindings 3.2.3: SOAP 1.1 over HTTP POST) and
does not know their contents. It protects our threads from a slow or hostile peer:

- A time limit applies to the whole call, even if the peer sends a byte at a time.
- A size limit applies to the response.
- A call follows no redirect.
- A call is never repeated, because a peer accepts an artifact only once.

``*.localhost`` is this machine, even if the system's resolver does not know the name
(RFC 6761 6.3). No limit here applies to that resolver, which has a timeout of its own.

The first call opens the connections. Each process opens its own, so a server may fork
after it made a back channel. The modules, from the top down:

* ``back_channel``: POST a SOAP message, GET a document, check reachability; the time
  limits of a call.
* ``response_reading``: read a response within a limit of bytes.
* ``soap_faults``: the error for an unsuccessful response to a SOAP message.
* ``connection_failures``: describe a failed connection.
* ``reachability``: outcomes of a reachability check.
* ``tls_contexts``: check proxy, certificates and keys at the start.
* ``connections``: sockets, deadlines and connection pools.
* ``clock_skew``: compare the clock of a peer with ours.
* ``peer_urls``: host and port of a URL; its name in the log.
"""

from eilogin.http_client.back_channel import BackChannel
from eilogin.http_client.connection_failures import USUAL_OPTIONS, OptionNames
from eilogin.http_client.peer_urls import named
from eilogin.http_client.reachability import Reachability
from eilogin.http_client.response_reading import (
    NO_VALIDATORS,
    PeerResponse,
    Validators,
)
from eilogin.http_client.soap_faults import failed
from eilogin.http_client.tls_contexts import ClientCertificate

__all__ = [
    "NO_VALIDATORS",
    "USUAL_OPTIONS",
    "BackChannel",
    "ClientCertificate",
    "OptionNames",
    "PeerResponse",
    "Reachability",
    "Validators",
    "failed",
    "named",
]
