"""The hub's addresses, and its own page."""

from wsgiref.validate import validator

import pytest
from webtest import TestApp as Client

from eilogin import metrics
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
        assert citizen.browser.title == "Inloggen \N{EN DASH} inloggen.test"

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


@pytest.mark.parametrize("path", ["/sso", "/slo"])
def test_it_is_there_for_who_looks_unless_all_would_get_an_error(
    call, federation, monkeypatch, path
):
    answer = call("HEAD", f"{HUB}{path}")
    assert answer.status_int == 204
    # A proxy that kept it would say so of a hub that is away.
    assert answer.headers["Cache-Control"] == "no-store"

    def down(*_):
        raise StoreUnavailable("the disk is gone")

    store = federation.apps["inloggen.test"].sessions.store
    monkeypatch.setattr(store, "get", down)
    assert call("HEAD", f"{HUB}{path}").status_int == 503


def test_its_health_is_told_without_a_session(call):
    answer = call("GET", f"{HUB}/health")
    assert answer.status_int == 200
    assert answer.text == "ok\n"


def test_it_has_an_icon_where_browsers_look_for_one(call, caplog):
    answer = call("GET", f"{HUB}/favicon.ico")
    assert answer.content_type == "image/svg+xml"
    assert b"<circle" in answer.body
    assert answer.headers["Cache-Control"] == "max-age=86400"
    assert not caplog.records
    assert call("POST", f"{HUB}/favicon.ico").status_int == 404


class TestNumbers:
    TOKEN = "a token of these tests"

    @pytest.fixture
    def hub_options(self, monkeypatch):
        monkeypatch.setattr(metrics, "_meters", None)
        return {"metrics_token": self.TOKEN}

    def test_are_told_to_who_brings_the_token(self, citizen, service, call):
        citizen.sign_in(url=service.address(service.request()))
        answer = call("GET", f"{HUB}/metrics", Authorization=f"Bearer {self.TOKEN}")
        assert answer.status_int == 200
        assert answer.content_type == "text/plain"
        assert answer.headers["Cache-Control"] == "no-store"
        assert 'eilogin_sign_ins_total{level="basis"} 1.0' in answer.text
        entity_id = "https://stad.test/eilogin/metadata"
        login = f'eilogin_logins_total{{level="basis",peer="{entity_id}"}} 1.0'
        assert login in answer.text

    def test_are_asked_for_by_a_scheme_in_any_case(self, call):
        said = f"bearer  {self.TOKEN}"
        assert call("HEAD", f"{HUB}/metrics", Authorization=said).status_int == 200

    @pytest.mark.parametrize(
        "said",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a token of these test",
            "Bearer a token of these tests!",
            "Bearer caf\xe9",
            "Basic a token of these tests",
            "a token of these tests",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_are_not_there_for_anybody_else(self, call, refused, said, method):
        answer = call(method, f"{HUB}/metrics", Authorization=said)
        refused(answer, "not-found", 404)
        assert "eilogin_" not in answer.text

    def test_are_only_read(self, call, refused):
        answer = call("POST", f"{HUB}/metrics", Authorization=f"Bearer {self.TOKEN}")
        refused(answer, "method-not-allowed", 405)
        assert answer.headers["Allow"] == "GET, HEAD"

    def test_say_nothing_of_a_refused_stranger(self, call, citizen):
        citizen.sign_in(name="nobody at all")
        answer = call("GET", f"{HUB}/metrics", Authorization=f"Bearer {self.TOKEN}")
        assert 'refusals_total{event="sign-in",reason="wrong"} 1.0' in answer.text
        assert "nobody" not in answer.text


class TestNumbersThatNobodyAskedFor:
    def test_are_nowhere(self, call, refused):
        refused(call("GET", f"{HUB}/metrics"), "not-found", 404)
        said = {"Authorization": "Bearer None"}
        refused(call("GET", f"{HUB}/metrics", **said), "not-found", 404)

    def test_need_the_library(self, monkeypatch):
        monkeypatch.setattr(metrics, "find_spec", lambda name: None)
        with pytest.raises(InvalidOptions, match=r"metrics_token: .* the package"):
            make_hub(
                {}, citizens=__file__, name_id_key="x" * 16, metrics_token="x" * 16
            )


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
