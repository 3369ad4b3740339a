"""Lookups in an EntityDescriptor: texts, endpoints, resolvers and consumers."""

from dataclasses import replace

import pytest
from written_metadata import ARTIFACT, HUB, POST, SOAP, UWV

from eilogin.saml.metadata import Endpoint, ServiceProvider


class TestLookingUp:
    @pytest.mark.parametrize(
        ("language", "name", "description", "url"),
        [
            ("nl", "Mijn UWV", "Uw uitkering", "https://www.uwv.example.nl/"),
            ("en", "My UWV", "Uw uitkering", "https://www.uwv.example.nl/"),
            ("fy", "My UWV", "Uw uitkering", "https://www.uwv.example.nl/"),
        ],
    )
    def test_a_text_falls_back_to_another_language(
        self, participant, language, name, description, url
    ):
        assert participant.name(language) == name
        assert participant.description(language) == description
        assert participant.description_language(language) == "nl"
        assert participant.information_url(language) == url

    def test_a_nameless_entity_has_its_entity_id_for_a_name(self, hub):
        assert hub.name("nl") == hub.entity_id
        assert hub.description("nl") == ""
        assert hub.description_language("nl") == ""
        assert hub.information_url("nl") == ""

    def test_an_endpoint_is_found_by_its_binding(self, participant, hub):
        logout = participant.service_provider.single_logout(SOAP)
        assert logout.location == f"{UWV}:8443/eilogin/slo/soap"
        assert participant.service_provider.single_logout(POST) is None
        assert hub.identity_provider.single_sign_on(POST).binding == POST
        assert hub.identity_provider.single_sign_on(SOAP) is None

    def test_a_resolver_is_found_by_its_index(self, hub):
        assert hub.identity_provider.artifact_resolution(0).binding == SOAP

    def test_a_resolver_of_an_index_that_is_not_there_is_the_default_one(self, hub):
        """As of pysaml2, which writes the digits of its index."""
        first = Endpoint(SOAP, f"{HUB}/one", index=1)
        two = Endpoint(SOAP, f"{HUB}/two", index=2, is_default=True)
        old = Endpoint(
            "urn:oasis:names:tc:SAML:1.0:bindings:SOAP-binding", HUB, index=3
        )
        role = replace(hub.identity_provider, artifact_resolutions=(old, first, two))
        assert role.artifact_resolution(1) == first
        assert role.artifact_resolution(12336) == two
        # Not over SOAP 2.0, so no use to us.
        assert role.artifact_resolution(3) == two
        role = replace(role, artifact_resolutions=(old,))
        assert role.artifact_resolution(3) is None

    @pytest.mark.parametrize(
        ("wanted", "index"),
        [
            pytest.param({}, 1, id="default"),
            pytest.param({"index": 0}, 0, id="index"),
            pytest.param({"index": 1}, 1, id="index-1"),
            pytest.param({"url": f"{UWV}/eilogin/acs"}, 1, id="url"),
            pytest.param(
                {"url": f"{UWV}/eilogin/acs", "binding": POST}, 0, id="url-and-binding"
            ),
            pytest.param({"binding": POST}, 0, id="binding"),
            pytest.param({"index": 2}, None, id="no-such-index"),
            pytest.param({"index": 0, "binding": ARTIFACT}, None, id="other-binding"),
            pytest.param({"url": f"{UWV}/eilogin/acs/"}, None, id="other-url"),
            pytest.param({"url": UWV}, None, id="prefix"),
        ],
    )
    def test_a_consumer_is_found_exactly(self, participant, wanted, index):
        endpoint = participant.service_provider.consumer(**wanted)
        assert (endpoint and endpoint.index) == index

    @pytest.mark.parametrize(
        ("flags", "index"),
        [
            pytest.param((False, None, None), 1, id="first-that-is-not-none"),
            pytest.param((False, False), 0, id="first"),
            pytest.param((None, True, True), 1, id="first-default"),
            pytest.param((), None, id="none"),
        ],
    )
    def test_the_default_consumer_is_that_of_the_standard(self, flags, index):
        role = ServiceProvider(
            assertion_consumers=tuple(
                Endpoint(POST, f"{UWV}/{number}", index=number, is_default=is_default)
                for number, is_default in enumerate(flags)
            )
        )
        endpoint = role.consumer()
        assert (endpoint and endpoint.index) == index
