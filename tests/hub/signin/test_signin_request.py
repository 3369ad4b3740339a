"""A sign-in travels with its AuthnRequest, which the hub looks up once."""

from lookups import lookups


def test_looks_participant_up_once_for_the_sign_in_page(citizen, service, monkeypatch):
    citizen.visit(service.address(service.request()))
    counted = lookups(monkeypatch)
    citizen.visit(citizen.browser.url)
    assert citizen.is_asked
    assert counted[service.entity_id] == 1


def test_looks_participant_up_once_for_each_step_of_the_sign_in(
    citizen, service, monkeypatch
):
    citizen.visit(service.address(service.request()))
    counted = lookups(monkeypatch)
    citizen.sign_in(url=None)
    assert service.answer()[1] is not None
    # The form, and the AuthnRequest after it.
    assert counted[service.entity_id] == 2
