"""After a logout she reads where she is out, and where not yet, for an hour."""

import re

import pytest

from eilogin.hub.hub_jobs import HubJobs
from eilogin.web.pipeline.pipeline_objects import object_in

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"
LOG_OUT = "https://uwv.test/eilogin/logout"
RECEIPT = "https://inloggen.test/logout"
HUB = "https://inloggen.test/"
SOON = 10
HOUR = 3600


def told(text):
    """What a receipt says of each service."""
    said = (
        r"(uwv|stad|land)\.test "
        r"(Uitgelogd om [\d.]+ uur|Hier is uitloggen nog niet gelukt"
        r"|Hier is uitloggen niet gelukt)"
    )
    return dict(re.findall(said, text))


def test_says_of_each_service_whether_she_is_out(federation, everywhere):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    everywhere.browser.click("Ga verder")
    assert everywhere.browser.title.startswith("Let op: u bent nog niet overal")
    assert told(everywhere.browser.text) == {
        "stad": "Hier is uitloggen nog niet gelukt",
        "land": "Uitgelogd om 10.00 uur",
        "uwv": "Uitgelogd om 10.00 uur",
    }
    assert "Wij blijven het proberen" in everywhere.browser.text


def test_becomes_complete_when_who_was_away_is_told(federation, everywhere, clock):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    everywhere.browser.click("Ga verder")
    federation.down.clear()
    clock.shift(60)
    federation.work()
    everywhere.visit(RECEIPT)
    assert everywhere.browser.title.startswith("U bent overal uitgelogd")
    assert told(everywhere.browser.text)["stad"] == "Uitgelogd om 10.01 uur"


def test_to_refresh_it_leads_back_with_success_once_it_is_complete(
    federation, everywhere, clock
):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    everywhere.browser.click("Ga verder")
    everywhere.browser.click("Kijk opnieuw")
    assert everywhere.browser.url.startswith(HUB)
    federation.down.clear()
    clock.shift(SOON)
    federation.work()
    everywhere.browser.click("Kijk opnieuw")
    assert everywhere.browser.url.startswith("https://uwv.test/eilogin/slo")
    assert "U bent overal uitgelogd" in everywhere.browser.text


class TestForAnHour:
    def test_it_is_found_on_the_first_page_of_the_hub(self, everywhere, clock):
        everywhere.visit(LOG_OUT)
        assert "U bent overal uitgelogd" in everywhere.browser.text
        clock.shift(HOUR - 1)
        everywhere.visit(HUB)
        everywhere.browser.click("Bekijk waar u bent uitgelogd")
        assert everywhere.browser.url == RECEIPT
        assert set(told(everywhere.browser.text)) == {"uwv", "stad", "land"}

    def test_and_not_any_more_after_that(self, everywhere, clock):
        everywhere.visit(LOG_OUT)
        clock.shift(HOUR + 1)
        everywhere.visit(HUB)
        assert "Bekijk waar u bent uitgelogd" not in everywhere.browser.text
        everywhere.visit(RECEIPT)
        assert everywhere.browser.url == HUB

    def test_nor_when_she_has_deleted_it(self, everywhere):
        everywhere.visit(LOG_OUT)
        everywhere.visit(RECEIPT)
        assert "Naar inloggen.test" in everywhere.browser.text
        everywhere.browser.press("Verwijder dit overzicht")
        assert everywhere.browser.url == HUB
        assert "Bekijk waar u bent uitgelogd" not in everywhere.browser.text
        everywhere.visit(RECEIPT)
        assert everywhere.browser.url == HUB

    def test_in_no_other_browser(self, everywhere, citizen_of):
        everywhere.visit(LOG_OUT)
        other = citizen_of("bram").visit(RECEIPT)
        assert other.browser.url == HUB

    def test_nothing_keeps_it(self, everywhere):
        everywhere.visit(LOG_OUT)
        everywhere.visit(RECEIPT)
        assert everywhere.browser.page.headers["Cache-Control"] == "no-store"


def test_a_logout_by_a_form_has_one_too(eilogin_federation, witness, citizen_at):
    hosts = ("uwv.test", "stad.test", "land.test")
    options = {"acs": "post", "logout_binding": "post"}
    federation = eilogin_federation(
        dict.fromkeys(hosts, witness), options=dict.fromkeys(hosts, options)
    )
    anna = citizen_at(federation.browser())
    anna.log_in(UWV)
    anna.visit(STAD)
    anna.visit(LOG_OUT)
    assert "U bent overal uitgelogd" in anna.browser.text
    anna.visit(RECEIPT)
    assert set(told(anna.browser.text)) == {"uwv", "stad"}


def test_logout_at_hub_shows_receipt_at_once(everywhere):
    everywhere.visit(HUB)
    everywhere.browser.press("Overal uitloggen")
    assert everywhere.browser.title.startswith("U bent overal uitgelogd")
    assert set(told(everywhere.browser.text)) == {"uwv", "stad", "land"}


def test_server_does_not_repeat_logout_confirmed_by_frame(
    federation, everywhere, clock
):
    federation.down.add("stad.test")
    everywhere.visit(LOG_OUT)
    everywhere.browser.open_frames()
    before = len(federation.back_channel_log)
    federation.down.clear()
    clock.shift(SOON)
    assert federation.work() == 0
    assert len(federation.back_channel_log) == before


def test_of_who_was_here_before_nothing_is_told_but_where_she_may_be(
    federation, everywhere, citizen_of
):
    """Bram signs in in the browser in which Anna is logged in."""
    federation.down.add("stad.test")
    bram = citizen_of("bram", everywhere.browser)
    bram.visit("https://inloggen.test/login?next=/")
    bram.type_password()
    text = bram.browser.text
    if "Ga verder" in text:
        bram.browser.click("Ga verder")
        text = bram.browser.text
    assert told(text) == {"stad": "Hier is uitloggen nog niet gelukt"}
    assert "Verwijder dit overzicht" not in text
    bram.browser.forget("uwv.test")
    bram.visit(RECEIPT)
    assert "stad" not in told(bram.browser.text)


class TestWhoSignsInInThePlaceOfAnother:
    """Whose earlier logout has not reached all, and who has logged in elsewhere."""

    @pytest.fixture
    def made_way(self, eilogin_federation, witness, citizen_at, clock, request):
        """Anna is still at stad, whom the hub tells by server or in the browser."""
        hosts = ("uwv.test", "stad.test", "land.test")
        federation = eilogin_federation(
            dict.fromkeys(hosts, witness),
            hub_options=request.param,
        )
        anna = citizen_at(federation.browser()).log_in(UWV)
        assert anna.is_let_in(STAD)
        federation.down.add("stad.test")
        anna.visit(LOG_OUT)
        clock.shift(1)
        anna.log_in(LAND)
        bram = citizen_at(anna.browser, "bram")
        bram.visit("https://inloggen.test/login?next=/")
        bram.type_password()
        federation.down.clear()
        return federation, bram.browser

    @pytest.mark.parametrize("made_way", [{"logout_binding": "* soap"}], indirect=True)
    def test_reads_that_it_is_told_again_until_it_is(self, made_way, clock):
        federation, browser = made_way
        assert told(browser.text) == {"stad": "Hier is uitloggen nog niet gelukt"}
        clock.shift(60)
        assert federation.work() == 1
        browser.click("Kijk opnieuw")
        assert browser.url == HUB
        assert browser.title.startswith("U bent ingelogd")

    @pytest.mark.parametrize("made_way", [{}], indirect=True)
    def test_has_it_told_in_a_frame_once_and_for_all(self, made_way, clock):
        federation, browser = made_way
        browser.open_frames()
        browser.click("Ga verder")
        assert browser.url == HUB
        clock.shift(60)
        assert federation.work() == 0, "it knows of the earlier one too"


class TestWhoLogsOutAgain:
    """While a service is away; a later logout tells it of the earlier one too."""

    def log_out_again(self, everywhere, clock):
        clock.shift(1)
        everywhere.log_in(UWV)
        everywhere.visit(LOG_OUT)

    def test_reads_of_it_in_each_receipt(self, federation, everywhere, clock):
        federation.down.add("stad.test")
        everywhere.visit(LOG_OUT)
        everywhere.browser.click("Ga verder")
        first = everywhere.browser.url
        proof = everywhere.browser.cookie("inloggen.test", "__Host-eilogin-logging-out")
        self.log_out_again(everywhere, clock)
        everywhere.browser.click("Ga verder")
        assert (
            told(everywhere.browser.text)["stad"] == "Hier is uitloggen nog niet gelukt"
        )
        federation.down.clear()
        clock.shift(60)
        federation.work()
        everywhere.visit(RECEIPT)
        assert told(everywhere.browser.text)["stad"] == "Uitgelogd om 10.01 uur"
        everywhere.browser.set_cookie(
            "inloggen.test", "__Host-eilogin-logging-out", proof
        )
        everywhere.visit(RECEIPT)
        assert told(everywhere.browser.text)["stad"] == "Uitgelogd om 10.01 uur"
        assert first.startswith(HUB)

    def test_leaves_no_more_in_the_store_each_time(self, federation, everywhere, clock):
        federation.down.add("stad.test")
        everywhere.visit(LOG_OUT)
        for _ in range(6):
            self.log_out_again(everywhere, clock)
        hub = object_in(federation.apps["inloggen.test"], HubJobs)
        [entry] = hub.undelivered.all()
        assert len(entry.recipients) <= 3
        assert [one.entity_id for one in entry.pending.values()] == [
            "https://stad.test/eilogin/metadata"
        ]


class TestNobodyElseReadsIt:
    """On a shared computer, when she has gone away."""

    def test_next_visitor_cannot_read_receipt(self, federation, everywhere, citizen_of):
        federation.down.add("stad.test")
        everywhere.visit(LOG_OUT)
        # She leaves the page whose frames tell some.
        bram = citizen_of("bram", everywhere.browser)
        bram.visit("https://inloggen.test/login")
        bram.type_password()
        assert bram.browser.title.startswith("U bent ingelogd")
        assert told(bram.browser.text) == {}
        bram.visit(RECEIPT)
        assert bram.browser.url == HUB

    def test_nor_when_that_one_is_idle(self, everywhere, citizen_of, clock):
        everywhere.visit(LOG_OUT)
        bram = citizen_of("bram", everywhere.browser)
        bram.visit("https://inloggen.test/login?next=/")
        bram.type_password()
        clock.shift(20 * 60)
        bram.visit(RECEIPT)
        assert bram.browser.url == HUB

    @pytest.fixture(params=[{}, {"logout_binding": "* soap"}], ids=["frames", "none"])
    def pages(self, eilogin_federation, witness, citizen_at, clock, request):
        """Her browser, and the addresses of the pages of a logout in its history."""
        hosts = ("uwv.test", "stad.test", "land.test")
        federation = eilogin_federation(
            dict.fromkeys(hosts, witness), hub_options=request.param
        )
        anna = citizen_at(federation.browser()).log_in(UWV)
        for url in (STAD, LAND):
            assert anna.is_let_in(url)
        federation.down.add("stad.test")
        anna.visit(LOG_OUT)
        page = anna.browser.url
        assert "stad.test" in anna.browser.text
        names = ("here=", "look=", "continue=")
        return anna.browser, [page.replace("here=", name) for name in names]

    def shows_nothing(self, browser, pages):
        for page in [*pages, RECEIPT]:
            browser.visit(page)
            assert browser.url == HUB
            assert told(browser.text) == {}

    def test_nor_the_back_button_when_it_was_deleted(self, pages):
        browser, addresses = pages
        browser.visit(RECEIPT)
        browser.press("Verwijder dit overzicht")
        self.shows_nothing(browser, addresses)

    @pytest.mark.parametrize("where", ["https://inloggen.test/login?next=/", LAND])
    def test_nor_the_back_button_when_somebody_else_has_signed_in(
        self, pages, citizen_at, where
    ):
        browser, addresses = pages
        bram = citizen_at(browser, "bram").visit(where)
        bram.type_password()
        self.shows_nothing(browser, addresses)

    def test_it_is_hers_still_when_she_logs_in_again(self, everywhere, clock):
        everywhere.visit(LOG_OUT)
        clock.shift(1)
        everywhere.log_in(UWV)
        everywhere.visit(RECEIPT)
        assert set(told(everywhere.browser.text)) == {"uwv", "stad", "land"}
