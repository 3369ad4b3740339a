"""A citizen logs out at one, and every session at all of them ends."""

# ruff: noqa: SLF001 - a store is spoilt from inside

from dataclasses import replace

import pytest

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
ALL = (UWV, STAD, LAND)


@pytest.mark.parametrize("host", ["uwv.test", "stad.test", "land.test"])
def test_logs_out_at_one_and_is_logged_out_everywhere(everywhere, host):
    everywhere.visit(f"https://{host}/eilogin/logout")
    assert "U bent overal uitgelogd" in everywhere.browser.text
    assert everywhere.browser.url.startswith(f"https://{host}/eilogin/slo")
    for url in ALL:
        everywhere.visit(url)
        assert everywhere.is_asked_for_password, url


def test_logs_out_at_the_hub_and_is_logged_out_everywhere(everywhere):
    everywhere.visit("https://inloggen.test/")
    everywhere.browser.press("Overal uitloggen")
    assert "U bent overal uitgelogd" in everywhere.browser.text
    for url in ALL:
        everywhere.visit(url)
        assert everywhere.is_asked_for_password, url


def test_sessions_in_her_other_browsers_end_too(everywhere, citizen_of):
    elsewhere = citizen_of("anna").log_in(UWV)
    bystander = citizen_of("bram").log_in(UWV)
    everywhere.visit("https://uwv.test/eilogin/logout")
    elsewhere.visit(UWV)
    assert elsewhere.is_asked_for_password
    assert bystander.is_let_in(UWV)


def test_can_log_in_again_at_once(everywhere):
    everywhere.visit("https://uwv.test/eilogin/logout")
    everywhere.log_in(UWV)
    assert everywhere.is_let_in(STAD)


def test_a_participant_that_is_down_is_named_and_stops_nobody(federation, everywhere):
    federation.down.add("stad.test")
    everywhere.visit("https://uwv.test/eilogin/logout")
    assert everywhere.browser.url.startswith("https://inloggen.test/")
    # Nothing comes of the frame that would have told it.
    everywhere.browser.click("Ga verder")
    assert "nog niet overal uitgelogd" in everywhere.browser.text
    assert "stad.test Hier is uitloggen nog niet gelukt" in everywhere.browser.text
    assert "land.test Uitgelogd om" in everywhere.browser.text
    everywhere.browser.click("Ga verder")
    assert everywhere.browser.url.startswith("https://uwv.test/eilogin/slo")
    assert "U bent hier uitgelogd om" in everywhere.browser.text
    assert "nog niet overal uitgelogd" in everywhere.browser.title
    everywhere.visit(LAND)
    assert everywhere.is_asked_for_password


def test_a_participant_that_was_down_for_a_while_is_no_news_later(
    federation, everywhere, clock
):
    """She goes on from the hub's page, comes back to it, and goes on once more."""
    federation.down.add("stad.test")
    everywhere.visit("https://uwv.test/eilogin/logout")
    everywhere.browser.click("Ga verder")
    page = everywhere.browser.url
    everywhere.browser.click("Ga verder")
    assert "nog niet overal uitgelogd" in everywhere.browser.title
    federation.down.clear()
    clock.shift(30)
    assert federation.work() == 1
    everywhere.visit(page)
    assert "U bent overal uitgelogd" in everywhere.browser.text
    assert everywhere.browser.url == "https://uwv.test/eilogin/slo"


def test_a_participant_that_servers_cannot_reach_is_told_in_her_browser(
    federation, everywhere
):
    federation.down.add("stad.test")
    everywhere.visit("https://uwv.test/eilogin/logout")
    everywhere.browser.open_frames()
    everywhere.browser.click("Ga verder")
    assert "U bent overal uitgelogd" in everywhere.browser.text
    for url in ALL:
        everywhere.visit(url)
        assert everywhere.is_asked_for_password, url


@pytest.mark.parametrize("binding", ["redirect", "post", "soap"])
def test_logout_by_each_binding_ends_all_sessions(
    eilogin_federation, witness, citizen_of, binding
):
    options = {"acs": "post", "logout_binding": binding, "encrypt_name_id": "true"}
    hosts = ("uwv.test", "stad.test", "land.test")
    federation = eilogin_federation(
        dict.fromkeys(hosts, witness), options=dict.fromkeys(hosts, options)
    )
    anna = citizen_of("anna")
    anna.browser = federation.browser()
    anna.log_in(UWV)
    for url in ALL:
        anna.visit(url)
        assert anna.browser.url == url
    anna.visit("https://uwv.test/eilogin/logout")
    assert "U bent overal uitgelogd" in anna.browser.text
    for url in ALL:
        anna.visit(url)
        assert anna.is_asked_for_password, url


def test_logout_without_a_session_is_a_success(anna):
    anna.visit("https://uwv.test/eilogin/logout")
    assert anna.browser.page.status_int == 200
    assert "U bent hier niet ingelogd" in anna.browser.text


def test_a_logout_without_a_session_takes_its_cookie_away(anna):
    anna.browser.set_cookie("uwv.test", "__Host-eilogin", "69" + "x" * 43)
    anna.visit("https://uwv.test/eilogin/logout")
    assert "U bent uitgelogd" in anna.browser.text
    assert anna.browser.cookie("uwv.test", "__Host-eilogin") is None


def test_a_link_on_another_site_gets_a_page_with_a_button(everywhere):
    everywhere.visit(STAD)
    everywhere.browser.follow("https://uwv.test/eilogin/logout")
    assert everywhere.browser.page.status_int == 200
    assert everywhere.browser.url == "https://uwv.test/eilogin/logout"
    page = everywhere.browser.url, everywhere.browser.page
    assert everywhere.is_let_in(UWV), "nothing happened yet"
    everywhere.browser.url, everywhere.browser.page = page
    everywhere.browser.press("Overal uitloggen")
    assert "U bent overal uitgelogd" in everywhere.browser.text


def test_a_form_on_another_site_logs_nobody_out(everywhere):
    everywhere.browser.post("https://uwv.test/eilogin/logout", site="cross-site")
    assert everywhere.browser.page.status_int == 403
    assert everywhere.is_let_in(UWV)


def test_goes_where_the_link_says_afterwards(everywhere):
    everywhere.visit("https://land.test/eilogin/logout?next=/")
    assert everywhere.browser.url == "https://land.test/"
    assert everywhere.user is None


@pytest.mark.parametrize(
    "target",
    ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"],
)
def test_never_goes_to_another_site_afterwards(everywhere, target):
    everywhere.visit(f"https://land.test/eilogin/logout?next={target}")
    assert everywhere.browser.url.startswith("https://land.test/")
    assert all("evil" not in url for url in everywhere.browser.trail[1:])


def test_an_answer_on_its_way_does_not_log_her_in_after_a_logout(federation, anna):
    """The hub confirmed her, and she logged out before the answer was used."""
    anna.log_in(UWV)
    anna.visit("https://stad.test/mijn")
    on_its_way = next(url for url in anna.browser.trail if "answer=" in url)
    anna.visit("https://uwv.test/eilogin/logout")
    anna.visit(on_its_way)
    assert anna.user is None
    anna.visit(STAD)
    assert anna.is_asked_for_password


def test_the_way_back_still_works_after_a_look_at_the_page_of_a_partial_logout(
    federation, everywhere, clock
):
    everywhere.visit("https://uwv.test/")
    federation.down.add("stad.test")
    everywhere.visit("https://uwv.test/eilogin/logout")
    everywhere.browser.click("Ga verder")
    clock.shift(9 * 60)
    everywhere.browser.click("Ga verder")
    assert everywhere.browser.page.status_int == 200
    assert "U bent hier uitgelogd om" in everywhere.browser.text


class TestAWhileAfterwards:
    """Nobody at one participant can see who has logged in at the others since."""

    @pytest.fixture(params=["anna", "bram"])
    def back(self, everywhere, citizen_of, clock, request):
        """Who logs in elsewhere, in the browser that logged out half an hour ago."""
        everywhere.visit("https://uwv.test/eilogin/logout")
        assert "U bent overal uitgelogd" in everywhere.browser.text
        clock.shift(30 * 60)
        back = citizen_of(request.param, everywhere.browser)
        back.log_in(STAD)
        assert back.is_let_in(LAND)
        return back

    def test_a_link_of_another_site_says_nothing_of_that_logout(self, back):
        back.visit(STAD)
        back.browser.follow("https://uwv.test/eilogin/logout")
        assert "U bent hier niet ingelogd" in back.browser.text
        assert "bent u misschien nog ingelogd" in back.browser.text
        assert "overal" not in back.browser.text

    @pytest.mark.parametrize(
        ("how", "address"), [("visit", "slo"), ("follow", "slo"), ("visit", "logout")]
    )
    def test_its_page_says_when_that_was_and_what_is_to_be_done(
        self, back, how, address
    ):
        """Who loads it anew may seem to follow a link of another site."""
        back.visit(STAD)
        getattr(back.browser, how)(f"https://uwv.test/eilogin/{address}")
        assert back.browser.title.startswith("U bent hier uitgelogd")
        assert "In deze browser is om 10.00 uur overal uitgelogd." in back.browser.text
        assert "Hebt u daarna weer ergens ingelogd?" in back.browser.text
        assert "gelukt" not in back.browser.text
        assert back.is_let_in(STAD)


class TestTheWayBack:
    """The hub's page of a partial logout links to it, and it works a second time."""

    @pytest.fixture
    def back(self, federation, everywhere):
        federation.down.add("stad.test")
        everywhere.visit("https://uwv.test/eilogin/logout")
        everywhere.browser.click("Ga verder")
        everywhere.browser.click("Ga verder")
        return next(url for url in everywhere.browser.trail if "SAMLResponse=" in url)

    def test_is_nobodys_whose_cookie_is_another(self, everywhere, back):
        for other in ("x", "\xe9", ""):
            everywhere.browser.set_cookie("uwv.test", "__Host-eilogin-logout", other)
            everywhere.visit(back)
            assert everywhere.browser.page.status_int == 400

    def test_leads_to_a_page_of_ours_where_the_store_has_garbage(
        self, federation, everywhere, back
    ):
        store = federation.apps["uwv.test"].sessions.store
        [key] = [key for key in store._values if "logout:" in key]
        value = store._values[key]
        store._values[key] = replace(value, text='{"next": "//evil.test"}')
        everywhere.visit(back)
        assert everywhere.browser.url.startswith("https://uwv.test/")
        assert "U bent uitgelogd" in everywhere.browser.text
