"""An AuthnRequest travels with its participant, which the hub looks up once."""

from eilogin.federation import Trust


def test_looks_participant_up_to_verify_and_once_more_to_answer(
    citizen, service, monkeypatch
):
    citizen.sign_in()
    address = service.address(service.request())
    looked_up = []
    participant = Trust.participant

    def counted(trust, entity_id):
        looked_up.append(entity_id)
        return participant(trust, entity_id)

    monkeypatch.setattr(Trust, "participant", counted)
    citizen.visit(address)
    assert service.answer()[1] is not None
    assert looked_up == [service.entity_id] * 2
