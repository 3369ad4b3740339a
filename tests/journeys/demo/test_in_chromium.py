"""The citizen's and the sysadmin's stories, in a real browser before the demonstration.

Pictures of the pages are kept under ``var/screenshots`` of the checkout.
"""

import contextlib
import http.client
import json
import re
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from keyboard import Keyboard
from portals import LOGIN, hub_and, member

from eilogin.portal import make_portal

pytestmark = [pytest.mark.real, pytest.mark.any_python]

#: The address of every service, and its name.
SERVICES = {
    "uwv": "UWV",
    "gemeente": "Gemeente Voorbeeldstad",
    "kadaster": "Kadaster",
}
#: Fourteen services of one portal.
TOWNS = [
    f"Gemeente {town}"
    for town in (
        *("Assen", "Breda", "Coevorden", "Delft", "Ede", "Franeker", "Gouda", "Hoorn"),
        *("IJsselstein", "Rijswijk", "Sneek", "Tiel", "Urk", "Venlo"),
    )
]


@pytest.fixture
def profile_without_cookies(tmp_path):
    """The settings of a Chromium that blocks all cookies."""
    (tmp_path / "Default").mkdir()
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(blocked))
    return tmp_path


class TestLoggingIn:
    def test_once_at_the_hub_and_she_is_known_everywhere(self, anna):
        anna.visit("mijnoverheid").sees("Inloggen bij MijnOverheid")
        anna.photograph("sign-in").type_password()
        anna.arrives("mijnoverheid").photograph("portal")
        assert "Welkom, Anna de Proef" in anna.text
        known_as = set()
        for host, name in SERVICES.items():
            page = "/mijn" if host == "kadaster" else "/"
            anna.click(name).arrives(host, page)
            assert anna.fact("Naam") == "Anna de Proef"
            assert anna.fact("Niveau") == "basis"
            known_as.add(anna.fact("Kenmerk (REMOTE_USER)"))
            anna.photograph(host).click("MijnOverheid").arrives("mijnoverheid")
        assert len(known_as) == len(SERVICES), "two services know her by the same name"

    def test_with_the_keyboard_alone(self, anna):
        anna.visit("uwv").sees("Inloggen bij UWV")
        keyboard = anna.page.keyboard
        keyboard.type("anna")
        keyboard.press("Tab")
        keyboard.type("demo-anna")
        keyboard.press("Enter")
        anna.arrives("uwv").sees("Mijn UWV")
        for _ in range(10):
            keyboard.press("Tab")
            if anna.focused() == "Uitloggen":
                break
        keyboard.press("Enter")
        anna.sees("U bent overal uitgelogd")

    def test_with_the_button_of_a_citizen_and_the_keyboard(self, anna):
        anna.visit("uwv").sees("Inloggen bij UWV").click("Anna de Proef")
        anna.page.locator("[name=login]:focus").wait_for()
        assert anna.page.locator("[name=password]").input_value() == "demo-anna"
        anna.photograph("sign-in-filled").page.locator("[name=login]").focus()
        anna.page.keyboard.press("Enter")
        anna.arrives("uwv")

    def test_without_javascript(self, demo, at_browser):
        anna = at_browser(demo, java_script_enabled=False)
        anna.log_in("mijnoverheid").click("UWV").arrives("uwv")
        anna.click("MijnOverheid").click("Gemeente Voorbeeldstad")
        anna.sees("Een ogenblik geduld").photograph("auto-post")
        anna.click("Ga verder").arrives("gemeente").sees("Mijn gemeente")
        assert anna.fact("Naam") == "Anna de Proef"
        anna.click("Uitloggen").sees("U bent overal uitgelogd")
        anna.visit("uwv").sees("Inloggen bij UWV")

    def test_with_a_wrong_password_says_so_and_lets_her_try_again(self, anna):
        anna.visit("uwv").type_password("demo-bram")
        anna.page.get_by_role("alert").wait_for()
        assert "De gebruikersnaam of het wachtwoord klopt niet" in anna.text
        assert anna.page.locator("[name=username]").input_value() == "anna"
        assert anna.page.locator("[name=password]:focus").input_value() == ""
        anna.photograph("sign-in-wrong").type_password().arrives("uwv")

    def test_with_a_password_that_is_shown_until_it_is_sent(self, anna):
        anna.visit("uwv").page.locator("[name=username]:focus").fill("anna")
        field = anna.page.locator("[name=password]")
        field.fill("demo-anna")
        button = anna.page.get_by_role("button", name="Toon wachtwoord", exact=True)
        for pressed, kind in (("false", "password"), ("true", "text")) * 2:
            assert button.get_attribute("aria-pressed") == pressed
            assert field.get_attribute("type") == kind
            button.click()
        button.click()
        assert field.get_attribute("type") == "text"
        # What the form sends is the password, and the browser sees it as one again.
        anna.page.evaluate(
            """document.getElementById("sign-in").addEventListener("submit", () =>
                sessionStorage.sent = document.getElementById("password").type)"""
        )
        anna.page.locator("[name=login]").click()
        anna.arrives("uwv")
        anna.visit("inloggen", "/login").sees("Inloggen")
        assert anna.page.evaluate("sessionStorage.sent") == "password"

    def test_in_two_tabs_at_the_same_time(self, anna):
        other = anna.tab()
        anna.visit("uwv").sees("Inloggen bij UWV")
        other.visit("gemeente", "/verhuizen")
        other.sees("Inloggen bij Gemeente Voorbeeldstad").type_password()
        other.arrives("gemeente", "/verhuizen")
        anna.type_password().arrives("uwv")
        assert anna.fact("Naam") == other.fact("Naam") == "Anna de Proef"

    def test_back_in_the_history_is_no_error(self, anna):
        anna.visit("kadaster").click("Inloggen").type_password()
        anna.arrives("kadaster", "/mijn")
        anna.page.go_back(wait_until="commit")
        anna.arrives("kadaster", "/mijn").sees("Mijn gegevens")

    def test_cancelled_leads_back_and_makes_no_session(self, anna):
        anna.visit("kadaster").photograph("kadaster-stranger").click("Inloggen")
        anna.sees("Inloggen bij Kadaster").click("Annuleren")
        anna.sees("U hebt het inloggen geannuleerd").photograph("cancelled")
        anna.arrives("kadaster", "/eilogin/acs").click("Terug").arrives("kadaster")
        assert "U bent hier niet ingelogd." in anna.text
        anna.visit("kadaster", "/mijn").sees("Inloggen bij Kadaster").click("Annuleren")
        anna.sees("U hebt het inloggen geannuleerd").click("Inloggen").sees(
            "Inloggen bij Kadaster"
        ).type_password()
        anna.arrives("kadaster", "/mijn")

    def test_cancelled_where_the_whole_site_needs_a_login_leads_to_the_hub(self, anna):
        anna.visit("uwv").sees("Inloggen bij UWV").click("Annuleren")
        anna.sees("U hebt het inloggen geannuleerd").click("Naar Eenmalig inloggen")
        anna.arrives("inloggen").sees("U bent niet ingelogd")

    def test_some_pages_need_a_code_too(self, demo, at_browser):
        bram = at_browser(demo, "bram")
        bram.visit("kadaster").sees("Welkom bij het Kadaster")
        bram.log_in("kadaster", "/mijn")
        assert bram.fact("Niveau") == "basis"
        bram.click("Mijn percelen").sees("Inloggen bij Kadaster").click("Annuleren")
        bram.sees("U hebt het inloggen geannuleerd").click("Terug")
        bram.arrives("kadaster", "/mijn").sees("Mijn gegevens")
        bram.click("Mijn percelen").sees("Inloggen bij Kadaster")
        bram.photograph("sign-in-code").type_password(code=bram.shown_code)
        bram.arrives("kadaster", "/mijn/percelen").sees("Mijn percelen")
        assert bram.fact("Niveau") == "midden"
        bram.click("Mijn gegevens").arrives("kadaster", "/mijn")
        bram.visit("uwv").arrives("uwv").sees("Mijn UWV")

    def test_a_wrong_code_is_refused(self, demo, at_browser):
        chaima = at_browser(demo, "chaima")
        chaima.visit("kadaster", "/mijn/percelen")
        wrong = f"{(int(chaima.shown_code) + 500_000) % 1_000_000:06}"
        chaima.type_password(code=wrong)
        chaima.page.get_by_role("alert").wait_for()
        chaima.photograph("sign-in-code-wrong")
        chaima.type_password(code=chaima.shown_code)
        chaima.arrives("kadaster", "/mijn/percelen")

    def test_an_answer_that_nobody_waits_for_is_a_calm_page(self, anna):
        anna.visit("uwv", "/eilogin/acs?SAMLart=AAQ").sees("Inloggen is niet gelukt")
        anna.photograph("error")


class TestTheKeyboardAlone:
    """On the way to what she presses, each element shows that it has the focus."""

    def test_logs_in_with_a_code(self, anna):
        anna.visit("kadaster", "/mijn/percelen").sees("Inloggen bij Kadaster")
        code = anna.shown_code
        keyboard = Keyboard(anna.page).tab_to("Gebruikersnaam").type("anna")
        keyboard.tab_to("Wachtwoord").type("demo-anna")
        keyboard.tab_to("Code").type(code).press("Enter")
        anna.arrives("kadaster", "/mijn/percelen").sees("Mijn percelen")

    def test_goes_from_the_portal_to_a_service_and_logs_out_there(self, anna):
        anna.visit("mijnoverheid").sees("Inloggen bij MijnOverheid")
        keyboard = Keyboard(anna.page).tab_to("Gebruikersnaam").type("anna")
        keyboard.tab_to("Wachtwoord").type("demo-anna")
        keyboard.tab_to("Inloggen").press("Enter")
        anna.arrives("mijnoverheid")
        keyboard.tab_to("UWV").press("Enter")
        anna.arrives("uwv").sees("Mijn UWV")
        keyboard.tab_to("Uitloggen").press("Enter")
        anna.sees("U bent overal uitgelogd")

    def test_reads_a_receipt_deletes_it_and_logs_in_again(self, anna):
        anna.log_in("uwv").visit("inloggen").sees("U bent ingelogd")
        keyboard = Keyboard(anna.page).tab_to("Overal uitloggen").press("Enter")
        anna.sees("U bent overal uitgelogd")
        keyboard.tab_to("Verwijder dit overzicht").press("Enter")
        anna.sees("U bent niet ingelogd")
        keyboard.tab_to("Inloggen").press("Enter")
        anna.sees("Inloggen")


class TestLoggingOut:
    @pytest.mark.parametrize("host", SERVICES)
    def test_at_one_ends_every_session_also_in_an_open_tab(self, anna, host):
        anna.go_everywhere()
        tabs = {other: anna.tab().enter(other) for other in SERVICES.keys() - {host}}
        anna.visit(host).click("Uitloggen").sees("U bent overal uitgelogd")
        anna.photograph("logged-out")
        for other, tab in tabs.items():
            tab.page.reload(wait_until="commit")
            tab.sees(f"Inloggen bij {SERVICES[other]}")
        anna.click("Opnieuw inloggen").sees(f"Inloggen bij {SERVICES[host]}")

    def test_at_the_hub_ends_every_session(self, anna):
        anna.go_everywhere().visit("mijnoverheid").click(
            "Bij welke diensten ben ik ingelogd?"
        )
        anna.arrives("inloggen").sees("U bent ingelogd").photograph("hub")
        for name in SERVICES.values():
            assert name in anna.text
        anna.click("Overal uitloggen").sees("U bent overal uitgelogd")
        anna.visit("inloggen").sees("U bent niet ingelogd").photograph("hub-stranger")
        anna.visit("gemeente").sees("Inloggen bij Gemeente Voorbeeldstad")

    def test_at_the_portal_ends_every_session(self, anna):
        anna.log_in("mijnoverheid").click("UWV").arrives("uwv").click("MijnOverheid")
        anna.click("Overal uitloggen").sees("U bent overal uitgelogd")
        anna.visit("uwv").sees("Inloggen bij UWV")

    def test_a_note_is_kept_until_then_and_no_longer(self, anna):
        anna.log_in("uwv", "/notitie").keep_note("Bel de <gemeente> terug")
        anna.photograph("uwv-note").enter("gemeente").visit("uwv", "/notitie")
        assert anna.note == "Bel de <gemeente> terug"
        anna.click("Uitloggen").sees("U bent overal uitgelogd")
        anna.log_in("uwv", "/notitie")
        assert anna.note == ""

    @pytest.mark.parametrize("host", SERVICES)
    def test_leaves_no_page_of_hers_to_who_goes_back(self, anna, host):
        """On a computer that others use too: the browser has kept none."""
        page = "/mijn" if host == "kadaster" else "/"
        anna.log_in(host, page).click("Uitloggen").sees("U bent overal uitgelogd")
        anna.page.go_back(wait_until="commit")
        anna.sees(f"Inloggen bij {SERVICES[host]}")

    def test_leaves_a_page_that_can_be_loaded_anew(self, anna):
        anna.log_in("uwv").click("Uitloggen").sees("U bent overal uitgelogd")
        anna.arrives("uwv", "/eilogin/slo")
        # That she is so, or some seconds later that it was done, and when.
        told = anna.page.locator("main").get_by_text("overal uitgelogd").first
        anna.page.reload(wait_until="commit")
        told.wait_for()
        # All of this site needs a login, so no button leads there.
        assert "Naar de website" not in anna.text
        anna.visit("uwv").sees("Inloggen bij UWV")
        anna.page.go_back(wait_until="commit")
        told.wait_for()

    def test_elsewhere_leaves_none_that_was_fetched_in_advance(self, demo, at_browser):
        # The sites of the demonstration allow no scripts, and these rules are one.
        anna = at_browser(demo, bypass_csp=True).log_in("uwv")
        with anna.page.expect_request("**/?vooraf"):
            anna.page.evaluate(
                """() => {
                    const rules = document.createElement("script");
                    rules.type = "speculationrules";
                    rules.text = JSON.stringify({prefetch: [{urls: ["/?vooraf"]}]});
                    document.body.innerHTML = "<a href='/?vooraf'>verder</a>";
                    document.body.append(rules);
                }"""
            )
        anna.tab().enter("gemeente").click("Uitloggen").sees("U bent overal uitgelogd")
        anna.click("verder").sees("Inloggen bij UWV")

    def test_leaves_none_either_that_was_kept_alive(self, demo, at_browser, tmp_path):
        """The back/forward cache keeps pages as they were; Playwright turns it off."""
        off = ["--disable-back-forward-cache"]
        anna = at_browser(demo, profile=tmp_path, ignore_default_args=off)
        anna.log_in("uwv").visit("kadaster").arrives("kadaster")
        anna.page.go_back(wait_until="commit")
        anna.arrives("uwv").sees("Mijn UWV")
        # Why that page was asked for anew: it is the one thing that is in the way.
        why = anna.page.evaluate(
            "JSON.stringify(performance.getEntriesByType('navigation')[0]"
            ".notRestoredReasons)"
        )
        assert "no-store" in why
        anna.visit("kadaster").arrives("kadaster")
        anna.tab().visit("uwv").click("Uitloggen").sees("U bent overal uitgelogd")
        anna.page.go_back(wait_until="commit")
        anna.sees("Inloggen bij UWV")

    def test_by_a_double_click_is_one_logout(self, anna):
        anna.go_everywhere().visit("uwv").arrives("uwv")
        link = anna.page.get_by_role("link", name="Uitloggen", exact=True)
        link.dblclick(no_wait_after=True)
        anna.sees("U bent overal uitgelogd")
        anna.visit("gemeente").sees("Inloggen bij Gemeente Voorbeeldstad")

    def test_submit_after_logout_elsewhere_keeps_the_written_text(self, anna):
        anna.log_in("uwv", "/notitie")
        anna.tab().visit("uwv").click("Uitloggen").sees("U bent overal uitgelogd")
        anna.page.get_by_label("Notitie", exact=True).fill("te laat")
        anna.click("Bewaren").sees(
            "Uw formulier is niet verstuurd. Laat dit tabblad open."
        )
        anna.photograph("login-needed")
        # What the page says that she does.
        with anna.page.expect_popup() as beside:
            anna.click("Open een nieuw tabblad om in te loggen")
        tab = beside.value
        tab.locator("[name=username]").fill("anna")
        tab.locator("[name=password]").fill("demo-anna")
        tab.locator("[name=login]").click()
        tab.get_by_text("Mijn UWV").first.wait_for()
        anna.page.reload(wait_until="commit")
        anna.arrives("uwv", "/notitie")
        assert anna.note == "te laat"

    def test_by_a_link_on_another_site_is_asked_first(self, anna):
        anna.go_everywhere().enter("gemeente")
        address = anna.demo.url("uwv", "/eilogin/logout")
        anna.page.evaluate("address => { location.href = address }", address)
        anna.sees("Wilt u uitloggen?").photograph("confirm-logout")
        anna.click("Ingelogd blijven").arrives("uwv").sees("Mijn UWV")

    def test_frame_in_browser_logs_out_participants_unreachable_for_servers(
        self, unplugged_demo, at_browser
    ):
        """In a frame on a page of the hub, which goes on when it is done."""
        anna = at_browser(unplugged_demo).go_everywhere()
        anna.visit("uwv").click("Uitloggen").sees("U bent overal uitgelogd")
        anna.visit("gemeente", "/mijn").sees("Inloggen bij Gemeente Voorbeeldstad")

    def test_receipt_names_participant_without_confirmed_logout(
        self, unplugged_demo, at_browser
    ):
        """And cannot lead her away, so that she does not see it."""
        anna = at_browser(unplugged_demo).go_everywhere()
        anna.visit("uwv")
        away = unplugged_demo.url("mijnoverheid")
        body = f"<script>try {{ top.location = '{away}' }} catch (e) {{}}</script>"
        # Playwright stops no redirect: it is the first address of the frame.
        frame = re.compile(r"/slo\?tell=")
        page = {"content_type": "text/html", "body": body}
        routes = []

        def hold(route):
            routes.append(route)

        anna.page.route(frame, hold)
        anna.click("Uitloggen").sees("U wordt uitgelogd").photograph("logging-out")
        for route in routes:
            route.fulfill(**page)
        anna.sees("Let op: u bent nog niet overal uitgelogd")
        anna.photograph("partly-logged-out")
        assert re.search(
            r"Gemeente Voorbeeldstad\s+Hier is uitloggen nog niet gelukt", anna.text
        )
        assert re.search(r"Kadaster\s+Uitgelogd om", anna.text)
        anna.click("Ga verder")
        anna.page.get_by_text("U bent hier uitgelogd om").wait_for()
        anna.visit("kadaster", "/mijn").sees("Inloggen bij Kadaster")


class TestHerBrowser:
    def test_that_prefers_english_sees_english(self, demo, at_browser):
        anna = at_browser(demo, locale="en-GB")
        anna.visit("mijnoverheid").sees("Log in to MijnOverheid")
        anna.photograph("sign-in-english", "en")
        anna.type_password().arrives("mijnoverheid").photograph("portal-english", "en")
        for name in ("UWV", "Gemeente Voorbeeldstad"):
            assert name in anna.text
        anna.click("Log out everywhere").sees("You are logged out everywhere")

    def test_that_prefers_dark_gets_dark_pages(self, demo, at_browser):
        anna = at_browser(demo, color_scheme="dark")
        anna.visit("uwv").sees("Inloggen bij UWV")
        assert is_dark(anna)
        anna.photograph("sign-in-dark").type_password("wrong")
        anna.page.get_by_role("alert").wait_for()
        anna.photograph("sign-in-wrong-dark").type_password().arrives("uwv")
        assert is_dark(anna)
        anna.photograph("uwv-dark").visit("mijnoverheid").arrives("mijnoverheid")
        anna.photograph("portal-dark")

    def test_that_takes_no_cookies_is_told_so(
        self, demo, at_browser, profile_without_cookies
    ):
        anna = at_browser(demo, profile=profile_without_cookies)
        # On the way to a site before a password is asked.
        anna.visit("uwv", "/").sees("Uw browser bewaart onze cookie niet")
        anna.visit("inloggen", "/login").sees("Inloggen").type_password()
        anna.sees("Uw browser bewaart onze cookie niet").photograph("no-cookies")
        anna.click("Probeer het opnieuw").sees("Inloggen")
        assert "login refused (cookies-refused)" in demo.output

    @pytest.mark.parametrize(
        ("host", "heading"),
        [
            ("inloggen", "Deze pagina bestaat niet"),
            ("nergens", "Op dit adres is geen website"),
        ],
        ids=["page", "host"],
    )
    def test_that_asks_for_what_is_not_there_gets_a_calm_page(
        self, anna, host, heading
    ):
        anna.visit(host, "/nergens").sees(heading).photograph(f"not-there-{host}")


class TestTheDemo:
    def test_begins_with_a_guide(self, anna):
        anna.open_guide().sees("Probeer Eenmalig Inloggen").photograph("guide")
        assert f"Start here: {anna.page.url}" in anna.demo.output
        anna.page.get_by_role("link", name="Kadaster", exact=True).click()
        anna.sees("Welkom bij het Kadaster")

    def test_begins_so_in_english_in_the_dark_too(self, demo, at_browser):
        anna = at_browser(demo, locale="en-GB", color_scheme="dark").open_guide()
        anna.sees("Try Eenmalig Inloggen").photograph("guide-dark", "en")

    def test_goes_on_after_ctrl_c_where_it_was(self, own_demo, at_browser):
        anna = at_browser(own_demo).log_in("uwv", "/notitie").keep_note("blijft")
        anna.leave()
        assert own_demo.interrupt() == 0
        own_demo.start()
        assert "made 0 under var/" in own_demo.output
        anna.visit("uwv", "/notitie").arrives("uwv", "/notitie")
        assert anna.note == "blijft"
        anna.enter("gemeente").sees("Mijn gemeente")

    def test_starts_afresh_where_that_is_asked_for(self, own_demo, at_browser):
        anna = at_browser(own_demo).log_in("uwv")
        anna.leave()
        assert own_demo.interrupt() == 0
        own_demo.start("--reset")
        assert "; 0 existed already" in own_demo.output
        anna.visit("uwv").sees("Inloggen bij UWV").type_password().arrives("uwv")

    def test_has_its_own_page_for_what_is_larger_than_it_keeps(self, demo):
        connection = http.client.HTTPConnection("127.0.0.1", demo.port, timeout=30)
        with contextlib.closing(connection):
            headers = {
                "Host": f"uwv.localhost:{demo.port}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Sec-Fetch-Site": "same-origin",
                "Sec-Fetch-Mode": "navigate",
            }
            connection.request("POST", "/notitie", bytes(1024**2 + 1), headers)
            answer = connection.getresponse()
            assert answer.status == 403
            assert "Uw formulier is niet verstuurd" in answer.read().decode()


def is_dark(citizen):
    """Whether the ground of the page is dark, and its letters are light."""
    style = "getComputedStyle(document.body)"
    ground, ink = (
        citizen.page.evaluate(f"{style}.{part}.match(/\\d+/g).map(Number)")
        for part in ("backgroundColor", "color")
    )
    return max(ground) < 64 and min(ink) > 192


class ManyServices:
    """A portal of fourteen services, and the services, on a server of this process."""

    was_stopped = False

    def __init__(self):
        self._server = make_server(
            "127.0.0.1", 0, self, server_class=_Server, handler_class=_Quiet
        )
        self.port = self._server.server_port
        members = [
            member(
                f"s{number}.example",
                {"nl": name},
                links={"nl": self.url("dienst", f"/{number}")},
            )
            for number, name in enumerate(TOWNS)
        ]
        keywords = {f"s{number}.example": ["Wonen"] for number in range(5)}
        trust = hub_and(*members, keywords=keywords, public_url=self.url("portaal", ""))
        self._portal = make_portal({})
        self._known = {"eilogin.trust": trust, "eilogin.session": LOGIN}

    def url(self, host, path="/"):
        return f"http://{host}.localhost:{self.port}{path}"

    def __call__(self, environ, start_response):
        if environ["HTTP_HOST"].startswith("portaal."):
            return self._portal({**environ, **self._known}, start_response)
        start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8")])
        return [
            f"<!doctype html><title>x</title><h1>{environ['PATH_INFO']}</h1>".encode()
        ]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class TestAPortalOfManyServices:
    def test_is_searched_and_used_with_the_keyboard_alone(self, at_browser):
        with ManyServices() as portal:
            jans = at_browser(portal, "jans")
            jans.visit("portaal").sees("Welkom, Jans Jansen").photograph("portal-many")
            press = jans.page.keyboard.press
            press("Tab")
            jans.page.keyboard.type("RIJSWIJK")
            press("Enter")
            jans.sees("1 dienst gevonden").photograph("portal-found")
            go_by_tab(jans, "Gemeente Rijswijk")
            press("Enter")
            jans.sees("/9").visit("portaal").sees("Welkom, Jans Jansen")
            first = jans.page.get_by_role("heading", level=2).first
            assert first.inner_text().startswith("Laatst bezocht")
            assert jans.page.locator(".tile").first.inner_text().endswith("Rijswijk")
            go_by_tab(jans, "Wonen (5)")
            press("Enter")
            jans.sees("Wonen: 5 diensten")
            go_by_tab(jans, "Toon alle diensten")
            press("Enter")
            jans.sees("Welkom, Jans Jansen")


def go_by_tab(citizen, name):
    """Press Tab until the focus is at the link of this name, which shows it."""
    for _ in range(20):
        citizen.page.keyboard.press("Tab")
        if " ".join(citizen.focused().split()) == name:
            return
    pytest.fail(f"no way to {name} by Tab")
