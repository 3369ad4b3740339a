"""The hub's addresses, and its own page."""

from wsgiref.validate import validator

import pytest
from webtest import TestApp as Client

from eilogin.errors import ConfigurationError, InvalidOptions, StoreUnavailable
from eilogin.hub import make_hub

HUB = "https://inloggen.test"
MINUTE = 60


class TestItsOwnPage:
    def test_tells_a_stranger_so_and_leads_to_the_sign_in(self, citizen):
        citizen.visit(f"{HUB}/")
        assert "U bent niet ingelogd" in citizen.browser.text
        citizen.browser.click("Inloggen")
        assert citizen.is_asked

    def test_tells_who_is_logged_in_nowhere_yet(self, citizen):
        citizen.sign_in().visit(f"{HUB}/")
        assert "Overal uitloggen" in citizen.browser.text
        assert "stad.test" not in citizen.browser.text

    def test_names_where_she_is_logged_in_with_a_link(self, citizen, service):
        citizen.sign_in(url=service.address(service.request()))
        citizen.visit(f"{HUB}/")
        assert "stad.test" in citizen.browser.text
        assert "uwv.test" not in citizen.browser.text
        citizen.browser.click("stad.test")
        assert citizen.browser.url == "https://stad.test/"

    def test_names_a_service_that_has_left_the_federation_without_a_link(
        self, citizen, service, leaves
    ):
        citizen.sign_in(url=service.address(service.request()))
        leaves("stad.test")
        citizen.visit(f"{HUB}/")
        assert "Waar u bent ingelogd stad.test Sinds" in citizen.browser.text
        assert 'href="https://stad.test' not in citizen.browser.page.text

    def test_leads_to_a_sign_in_that_is_for_no_service(self, citizen):
        citizen.visit(f"{HUB}/").browser.click("Inloggen")
        assert citizen.browser.title == "Inloggen \N{EN DASH} Eenmalig inloggen"

    def test_is_there_for_who_was_away_for_a_while(self, citizen, clock):
        citizen.sign_in()
        clock.shift(20 * MINUTE)
        citizen.visit(f"{HUB}/")
        assert "Overal uitloggen" in citizen.browser.text

    def test_is_where_a_cancelled_sign_in_leads(self, citizen):
        citizen.visit(f"{HUB}/login")
        citizen.browser.press("Annuleren")
        assert citizen.browser.url == f"{HUB}/"

    def test_says_so_while_the_store_is_down(
        self, citizen, sessions, monkeypatch, refused
    ):
        citizen.sign_in()

        def down(token):
            raise StoreUnavailable("the disk is gone")

        monkeypatch.setattr(sessions, "find_beyond_idle", down)
        citizen.visit(f"{HUB}/")
        refused(citizen.browser.page, "store-unavailable", 503)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/health", "GET, HEAD, OPTIONS"), ("/", "GET, HEAD, POST")],
)
def test_its_pages_take_their_own_methods(call, path, allowed):
    for method in ("PUT", "DELETE"):
        answer = call(method, f"{HUB}{path}")
        assert answer.status_int == 405
        assert answer.headers["Allow"] == allowed
    assert call("HEAD", f"{HUB}{path}").status_int == 200


def test_its_health_is_told_without_a_session(call):
    answer = call("GET", f"{HUB}/health")
    assert answer.status_int == 200
    assert answer.text == "ok\n"


@pytest.mark.parametrize("path", ["/x", "/eilogin/acs", "/sso/", "/login/x"])
def test_where_nothing_is_there_is_a_page(call, refused, path):
    refused(call("GET", f"{HUB}{path}"), "not-found", 404)


class TestTheOrderOfFilters:
    @pytest.fixture
    def hub(self, federation):
        return make_hub(
            {},
            citizens=str(federation.folder / "citizens.json"),
            name_id_key="a secret of this test, long enough",
        )

    def test_that_is_wrong_is_a_page_and_a_line_in_the_log(self, hub, caplog):
        answer = Client(validator(hub)).get(f"{HUB}/", status=500)
        assert "'trust' is missing" in caplog.text
        assert "trust" not in answer.text

    def test_leaves_what_is_no_address_of_the_hub_alone(self, hub):
        def outer(environ, start_response):
            environ["eilogin.address"] = None
            return hub(environ, start_response)

        Client(validator(outer)).get(f"{HUB}/", status=404)


class TestOptions:
    def test_are_told_all_at_once(self):
        with pytest.raises(InvalidOptions) as refused:
            make_hub({}, citizen="x", logout_timeout="never")
        for option in ("citizen", "citizens", "name_id_key", "logout_timeout"):
            assert option in str(refused.value)

    def test_refuse_citizens_that_cannot_be_read(self, tmp_path):
        file = tmp_path / "citizens.json"
        file.write_text("{")
        with pytest.raises(ConfigurationError, match=str(file)):
            make_hub({}, citizens=str(file), name_id_key="a secret of this test")
