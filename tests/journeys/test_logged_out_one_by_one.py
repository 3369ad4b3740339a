"""A hub that leads her along the participants, one after another, to log her out."""

import pytest

HUB = "https://inloggen.test/"
UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
HOSTS = ("uwv.test", "stad.test", "land.test")
SOON = 10


@pytest.fixture
def hub_options():
    """No participant is told from server to server."""
    return {"logout_in_browser": "one-by-one", "logout_binding": "* browser"}


@pytest.fixture
def federation(clock, eilogin_federation, witness, hub_options):
    return eilogin_federation(dict.fromkeys(HOSTS, witness), hub_options=hub_options)


@pytest.fixture
def dies(federation):
    """Have a site be out of order, also for visitors; and get it back in order."""

    def die(host):
        app = federation.apps[host]

        def gateway(environ, start_response):
            start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
            return [b"Bad Gateway"]

        federation.apps[host] = gateway
        federation.down.add(host)

        def rise():
            federation.apps[host] = app
            federation.down.clear()

        return rise

    return die


def is_asked_everywhere(citizen, *urls):
    for url in urls:
        citizen.visit(url)
        assert citizen.is_asked_for_password, url
    return True


def test_she_is_logged_out_everywhere_and_back_where_she_clicked(everywhere):
    everywhere.visit(LOG_OUT)
    assert everywhere.browser.url.startswith("https://uwv.test/eilogin/slo")
    assert "U bent overal uitgelogd" in everywhere.browser.text
    assert is_asked_everywhere(everywhere, UWV, STAD, LAND)


def test_one_that_is_dead_in_the_middle_stops_no_other(everywhere, dies):
    # The first one to have its turn.
    rise = dies("land.test")
    everywhere.visit(LOG_OUT)
    assert everywhere.browser.text == "Bad Gateway"
    assert everywhere.browser.url.startswith("https://land.test/")
    everywhere.visit(HUB)
    assert "nog niet overal uitgelogd" in everywhere.browser.title
    everywhere.browser.click("Verder uitloggen")
    assert "stad.test Uitgelogd om" in everywhere.browser.text
    assert "land.test Hier is uitloggen niet gelukt" in everywhere.browser.text
    everywhere.browser.click("Ga verder")
    assert everywhere.browser.url.startswith("https://uwv.test/eilogin/slo")
    assert "U bent hier uitgelogd om" in everywhere.browser.text
    assert "nog niet overal uitgelogd" in everywhere.browser.title
    rise()
    assert everywhere.is_let_in(LAND)
    assert is_asked_everywhere(everywhere, UWV, STAD)


def test_one_that_was_dead_is_told_by_her_next_logout(everywhere, dies, clock):
    rise = dies("land.test")
    everywhere.visit(LOG_OUT)
    rise()
    clock.shift(SOON)
    everywhere.log_in(UWV)
    everywhere.visit(LOG_OUT)
    assert "U bent overal uitgelogd" in everywhere.browser.text
    assert is_asked_everywhere(everywhere, UWV, STAD, LAND)


@pytest.mark.parametrize("hub_options", [{"logout_in_browser": "one-by-one"}])
def test_one_that_takes_it_over_soap_is_told_when_it_is_there_again(
    everywhere, dies, federation, clock
):
    rise = dies("land.test")
    everywhere.visit(LOG_OUT)
    assert everywhere.browser.text == "Bad Gateway"
    everywhere.visit(f"{HUB}logout")
    assert "land.test Hier is uitloggen nog niet gelukt" in everywhere.browser.text
    assert "stad.test Uitgelogd om" in everywhere.browser.text
    rise()
    clock.shift(SOON)
    assert federation.work() == 1
    everywhere.browser.click("Kijk opnieuw")
    assert "U bent overal uitgelogd" in everywhere.browser.text
    assert is_asked_everywhere(everywhere, UWV, STAD, LAND)


@pytest.mark.parametrize("hub_options", [{"logout_in_browser": "one-by-one"}])
def test_browser_skips_participants_that_servers_reach(everywhere):
    everywhere.visit(LOG_OUT)
    assert "U bent overal uitgelogd" in everywhere.browser.text
    assert not any("stad.test" in url for url in everywhere.browser.trail)


@pytest.mark.parametrize(
    "hub_options",
    [
        {
            "logout_in_browser": "one-by-one",
            "logout_binding": "* browser",
            "confirm_logout": "true",
        }
    ],
)
def test_she_may_be_asked_first(everywhere):
    everywhere.visit(LOG_OUT)
    everywhere.browser.press("Overal uitloggen")
    assert "U bent overal uitgelogd" in everywhere.browser.text
    assert is_asked_everywhere(everywhere, UWV, STAD, LAND)


def test_a_logout_that_is_begun_again_meanwhile_ends_as_well(everywhere, dies):
    """She clicks once more, at another one, where the first is stuck."""
    dies("land.test")
    everywhere.visit(LOG_OUT)
    everywhere.visit("https://stad.test/eilogin/logout")
    assert everywhere.browser.url.startswith("https://stad.test/eilogin/slo")
    assert "U bent hier uitgelogd om" in everywhere.browser.text
    assert is_asked_everywhere(everywhere, UWV, STAD)


class TestWhoIsInAgain:
    """She has logged in anew since a participant kept her halfway."""

    @pytest.fixture
    def kept(self, everywhere, dies, clock):
        """The address at which she has stayed; all is in order again."""
        rise = dies("land.test")
        everywhere.visit(LOG_OUT)
        assert everywhere.browser.text == "Bad Gateway"
        address = everywhere.browser.url
        rise()
        clock.shift(SOON)
        return address

    @pytest.fixture
    def again(self, kept, everywhere, federation):
        federation.work()
        everywhere.log_in(STAD)
        assert everywhere.is_let_in(LAND)
        return everywhere

    @pytest.mark.parametrize("hub_options", [{"logout_in_browser": "one-by-one"}])
    @pytest.mark.parametrize("query", ["?SAMLRequest=x", "?SAMLResponse=x", ""])
    def test_a_link_of_another_site_does_not_say_that_she_is_out(self, again, query):
        again.browser.url = "https://evil.test/"
        again.browser.follow(f"{HUB}slo{query}")
        assert again.browser.page.status_int == 400
        assert "uitgelogd" not in again.browser.text
        assert again.is_let_in(STAD)

    @pytest.mark.parametrize("hub_options", [{"logout_in_browser": "one-by-one"}])
    def test_nor_does_a_form_of_another_site(self, again):
        again.browser.post(f"{HUB}slo", site="cross-site", SAMLResponse="x")
        assert "uitgelogd" not in again.browser.text
        assert again.is_let_in(STAD)

    @pytest.mark.parametrize("hub_options", [{"logout_in_browser": "one-by-one"}])
    def test_her_logout_that_is_refused_says_that_it_did_not_work(
        self, again, federation, attacker_key, monkeypatch
    ):
        """The hub does not know the new key of stad yet."""
        trust = federation.trusts["stad.test"]
        with monkeypatch.context() as patched:
            patched.setattr(
                type(trust),
                "key_for",
                lambda one, _: attacker_key if one is trust else one.own.key,
            )
            again.visit("https://stad.test/eilogin/logout")
        assert "Uitloggen is niet gelukt" in again.browser.text
        assert again.is_let_in(LAND)

    def test_a_participant_that_answers_late_does_not_say_that_she_is_out(
        self, kept, everywhere
    ):
        """She reloads the tab that it kept."""
        everywhere.visit(f"{HUB}login")
        everywhere.type_password()
        everywhere.visit(kept)
        assert everywhere.browser.url == HUB
        assert everywhere.browser.title.startswith("U bent ingelogd")


class TestWhoSignsInNext:
    """Anna was kept halfway and went away; Bram comes to her browser."""

    @pytest.fixture
    def left(self, everywhere, dies, clock):
        everywhere.visit(STAD)
        anna_at_stad = everywhere.user
        dies("land.test")
        everywhere.visit(LOG_OUT)
        assert everywhere.browser.text == "Bad Gateway"
        clock.shift(SOON)
        return anna_at_stad

    @pytest.fixture
    def bram(self, left, everywhere, citizen_of):
        return citizen_of("bram", everywhere.browser)

    def test_is_not_taken_for_her_where_it_was_not_told_yet(self, left, bram):
        bram.visit(f"{HUB}login")
        bram.type_password()
        assert "iemand anders is misschien nog ingelogd" in bram.browser.title
        assert "land.test Hier is uitloggen niet gelukt" in bram.browser.text
        assert "stad.test" not in bram.browser.text
        bram.browser.click("Ga verder")
        assert bram.browser.url == HUB
        assert bram.browser.title.startswith("U bent ingelogd")
        bram.visit(STAD)
        assert bram.user not in (None, left)

    def test_comes_where_he_was_going(self, left, bram):
        bram.visit(UWV)
        bram.type_password()
        bram.browser.click("Ga verder")
        assert bram.browser.url == UWV
        assert bram.is_let_in(STAD)
        assert bram.user != left

    def test_is_shown_nothing_of_where_she_is_out(self, bram):
        bram.visit(f"{HUB}login")
        bram.type_password()
        assert "Uitgelogd om" not in bram.browser.text
        assert "uwv.test" not in bram.browser.text
        bram.visit(f"{HUB}logout")
        assert bram.browser.title.startswith("U bent ingelogd")


def test_a_page_that_is_reloaded_puts_nothing_into_the_store(
    everywhere, dies, federation, monkeypatch
):
    dies("land.test")
    everywhere.visit(LOG_OUT)
    page = next(url for url in everywhere.browser.trail if "here=" in url)
    everywhere.browser.stops_before = "tell="
    everywhere.visit(page)
    store, added = federation.apps["inloggen.test"].sessions.store, []
    add = store.add

    def add_and_tell(key, *value, **how):
        is_new = add(key, *value, **how)
        added.extend([key] * is_new)
        return is_new

    monkeypatch.setattr(store, "add", add_and_tell)
    everywhere.visit(page)
    assert added == []
