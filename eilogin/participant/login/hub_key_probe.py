"""Find out whether a hub has read a signing key of this site in the metadata.

eilogin signs an AuthnRequest with the key, and reads the HTTP status of the answer. The
request signs nobody in: it has IsPassive (SAML core 3.4.1) and no cookie. Some hubs
verify no signatures, and some reject everything. So the answers count only if the hub
first rejects a request with an unknown key.
"""

from functools import cache
from http import HTTPStatus

from cryptography.hazmat.primitives.asymmetric import ec

from eilogin import clock
from eilogin.errors import AlgorithmMissing, PeerUnavailable, UnknownPeer
from eilogin.federation import Trust
from eilogin.federation.members.key_readiness import Finding
from eilogin.participant.login.authn_requests import with_response_address
from eilogin.saml import bindings, messages
from eilogin.saml.assurance_levels import LEVELS
from eilogin.saml.metadata import IdentityProvider, bindings_of
from eilogin.saml.safe_xml import serialize
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.saml.xml_signatures import suited

#: Octets of an answer.
_LONGEST = 1_000_000
#: Statuses of a hub or gateway that does not process the request now.
_NOT_NOW = frozenset(
    (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
)


class HubKeyProbe:
    """Probes one hub with keys of this site."""

    def __init__(self, trust: Trust, hub: str) -> None:
        self._trust, self._hub = trust, hub
        #: Status of the answer to an unknown key, by the curve of the key, "" for RSA.
        self._status_of_unknown_key: dict[str, int] = {}

    def knows(self, key: SigningKey) -> Finding:
        """Return whether the hub accepts a key, with the reason as a text."""
        try:
            return self._finding(key)
        except AlgorithmMissing as error:
            return Finding(
                False, f"'{self._hub}' accepts none of the key's algorithms: {error}"
            )
        except (PeerUnavailable, UnknownPeer) as error:
            return self._unknown(str(error))

    def _finding(self, key: SigningKey) -> Finding:
        curve = _curve_of(key)
        if curve not in self._status_of_unknown_key:
            self._status_of_unknown_key[curve] = self._status(_unknown_key(curve))
        if self._status_of_unknown_key[curve] < HTTPStatus.BAD_REQUEST:
            return self._unknown(
                "the hub accepted an AuthnRequest with an unknown key. It "
                "verifies no signatures, or its error pages have the status of a "
                "normal page"
            )
        status = self._status(key)
        if status < HTTPStatus.BAD_REQUEST:
            return Finding(True, f"'{self._hub}' accepts its signature")
        return Finding(
            False,
            f"'{self._hub}' rejects its signature (status {status}), as it "
            "rejects an unknown key. The hub has not read our newest metadata "
            f"yet: wait, or {self._trust.whom_to_ask(self._hub)}",
        )

    def _unknown(self, why: str) -> Finding:
        return Finding(None, f"cannot find out whether '{self._hub}' knows it: {why}")

    def _status(self, key: SigningKey) -> int:
        hub = self._trust.hub_peer(self._hub)
        url = self._probe_url(hub.role, suited(key, *hub.entity.algorithms(hub.role)))
        answer = self._trust.back_channel.get(url, "text/html", longest=_LONGEST)
        if answer.status in _NOT_NOW:
            raise PeerUnavailable(f"the hub answered with status {answer.status}")
        return answer.status

    def _probe_url(self, role: IdentityProvider, key: SigningKey) -> str:
        trust, endpoint = self._trust, role.single_sign_on(bindings.REDIRECT)
        if endpoint is None:
            accepted = bindings_of(role.single_sign_ons)
            raise UnknownPeer(
                f"the hub accepts no AuthnRequest by HTTP-Redirect ({accepted})"
            )
        lowest = trust.classes.class_of(LEVELS[0])
        request = messages.AuthnRequest(
            id=messages.new_id(),
            issued=clock.now(),
            issuer=trust.own.entity_id,
            destination=endpoint.location,
            is_passive=True,
            level_classes=(lowest,) if lowest else (),
            name_id_format=trust.own.name_id_format,
            asks_for_any_name=trust.own.asks_for_any_name,
        )
        element = messages.write_authn_request(
            with_response_address(request, trust.own)
        )
        octets = serialize(element)
        return bindings.redirect_url(
            endpoint.location, bindings.REQUEST, octets, "", key
        )


_CURVES = {curve.name: curve for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)}


def _curve_of(key: SigningKey) -> str:
    public = key.public
    return public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else ""


@cache
def _unknown_key(curve: str) -> SigningKey:
    curve_class = _CURVES.get(curve)
    private = curve_class and ec.generate_private_key(curve_class())
    return SigningKey.load(*new_key_pair("nobody", days=1, private=private))
