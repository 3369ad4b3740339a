"""An AuthnRequest travels with its participant, which the hub looks up once."""

from lookups import lookups


def test_looks_participant_up_once_for_an_authn_request(citizen, service, monkeypatch):
    citizen.sign_in()
    address = service.address(service.request())
    counted = lookups(monkeypatch)
    citizen.visit(address)
    assert service.answer()[1] is not None
    assert counted[service.entity_id] == 1
