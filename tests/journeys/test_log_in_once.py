"""A citizen logs in once and is known everywhere."""

from eilogin.testing.strict_browser import Browser

UWV = "https://uwv.test/mijn"
STAD = "https://stad.test/mijn"
LAND = "https://land.test/mijn"


def test_logs_in_and_is_where_she_wanted_to_be(anna):
    anna.log_in("https://uwv.test/mijn?jaar=2026&q=a%20b")
    assert anna.user


def test_goes_to_every_participant_without_another_prompt(anna):
    anna.log_in(UWV)
    users = {anna.user}
    for url in (STAD, LAND, UWV):
        assert anna.is_let_in(url)
        users.add(anna.user)
    assert len(users) == 3, "another pseudonym at every participant"


def test_is_the_same_user_at_her_next_login(federation, anna, citizen_of):
    first = anna.log_in(UWV).user
    assert citizen_of("anna").log_in(UWV).user == first
    assert citizen_of("bram").log_in(UWV).user != first


def test_a_stranger_sees_public_pages_and_is_not_redirected(anna):
    anna.visit("https://land.test/")
    assert anna.browser.url == "https://land.test/"
    assert anna.user is None


def test_a_public_page_greets_who_is_logged_in(anna):
    anna.log_in(LAND)
    assert anna.is_let_in("https://land.test/")


def test_hands_off_paths_know_nobody(anna):
    anna.log_in(LAND)
    anna.visit("https://land.test/static/style.css")
    assert anna.user is None


def test_a_page_that_needs_more_asks_for_a_code_and_keeps_the_session(anna):
    anna.log_in(LAND)
    user = anna.user
    anna.visit("https://land.test/percelen")
    assert anna.is_asked_for_password
    anna.type_password(anna.code)
    assert anna.browser.url == "https://land.test/percelen"
    assert anna.user == user
    assert anna.is_let_in(LAND)


def test_a_wrong_password_is_told_and_the_right_one_leads_on(anna):
    anna.visit(UWV)
    anna.browser.press("Inloggen", username="anna", password="demo-bram")
    assert "De gebruikersnaam of het wachtwoord klopt niet" in anna.browser.text
    anna.type_password()
    assert anna.browser.url == UWV


def test_too_many_wrong_passwords_have_to_wait(anna, clock):
    anna.visit(UWV)
    for _ in range(5):
        anna.browser.press("Inloggen", username="Anna ", password="x")
    anna.type_password()
    assert "te vaak geprobeerd met deze gebruikersnaam" in anna.browser.text
    clock.shift(15 * 60 + 1)
    anna.type_password()
    assert anna.browser.url == UWV


def test_a_code_is_taken_once(anna, citizen_of, clock):
    anna.visit("https://land.test/percelen")
    code = anna.code
    anna.type_password(code)
    assert anna.user
    thief = citizen_of("anna").visit("https://land.test/percelen")
    thief.type_password(code)
    assert thief.is_asked_for_password
    assert "of de code klopt niet" in thief.browser.text


def test_cancel_leads_to_a_page_that_says_so_and_asks_nothing_by_itself(anna):
    anna.visit(LAND)
    anna.browser.press("Annuleren")
    assert anna.browser.page.status_int == 200
    assert anna.browser.url.startswith("https://land.test/eilogin/acs")
    assert "U hebt het inloggen geannuleerd" in anna.browser.text
    anna.browser.click("Naar de website van land.test")
    assert anna.browser.url == "https://land.test/"
    assert anna.user is None


def test_cancel_and_then_log_in_after_all(anna):
    anna.visit(LAND)
    anna.browser.press("Annuleren")
    anna.browser.click("Inloggen")
    assert anna.is_asked_for_password
    anna.type_password()
    assert anna.browser.url == LAND


def test_a_cancelled_step_up_leaves_her_logged_in(anna):
    anna.log_in(LAND)
    anna.visit("https://land.test/percelen")
    anna.browser.press("Annuleren")
    assert "U bent niet ingelogd" not in anna.browser.text
    assert anna.is_let_in(LAND)


def test_a_double_click_and_the_back_button_lead_to_the_page(anna):
    anna.log_in(UWV)
    answer = next(url for url in anna.browser.trail if "SAMLart=" in url)
    anna.browser.follow(answer)
    assert anna.browser.url == UWV
    assert anna.user


def test_two_tabs_log_in_side_by_side(anna):
    anna.visit(UWV)
    first = anna.browser.url, anna.browser.page
    anna.visit("https://uwv.test/ander")
    anna.type_password()
    assert anna.browser.url == "https://uwv.test/ander"
    anna.browser.url, anna.browser.page = first
    anna.type_password()
    assert anna.browser.url == UWV
    assert anna.user


def test_another_citizen_in_the_same_browser_ends_the_first_ones_sessions(
    anna, citizen_of
):
    anna.log_in(UWV)
    assert anna.is_let_in(STAD)
    anna.visit("https://land.test/percelen")
    bram = citizen_of("bram", anna.browser)
    bram.browser.click("Inloggen als iemand anders")
    bram.type_password(bram.code)
    bram_at_land = bram.user
    assert bram_at_land
    assert bram.is_let_in(UWV)
    assert bram.user == citizen_of("bram").log_in(UWV).user


def test_a_background_call_gets_json_that_says_where_to_log_in(anna):
    answer = anna.browser.fetch("https://uwv.test/api")
    assert answer.status_int == 401
    assert answer.json["reason"] == "login-needed"
    assert answer.json["login_url"].startswith("https://uwv.test/eilogin/login?")


def test_a_form_that_needs_a_login_gets_a_page_with_a_link(anna):
    anna.browser.post("https://uwv.test/bezwaar", tekst="lang verhaal")
    assert anna.browser.page.status_int == 403
    assert anna.browser.url == "https://uwv.test/bezwaar"
    anna.browser.click("Open een nieuw tabblad om in te loggen")
    assert anna.is_asked_for_password


def test_pages_speak_english_to_who_asks_for_it(anna):
    anna.browser.language = "en-GB,en;q=0.9"
    anna.visit(UWV)
    assert "Password" in anna.browser.text
    assert anna.browser.page.headers["Content-Language"] == "en"


def test_the_hub_shows_where_she_is_logged_in(anna):
    anna.log_in(UWV)
    anna.visit(STAD)
    anna.visit("https://inloggen.test/")
    assert "uwv.test" in anna.browser.text
    assert "stad.test" in anna.browser.text
    assert "land.test" not in anna.browser.text


class Listening:
    """A whole federation, and the headers of all that it has answered."""

    def __init__(self, app):
        self.app, self.answers = app, []

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            place = environ["HTTP_HOST"] + environ["PATH_INFO"]
            self.answers.append((place, status[:3], dict(headers)))
            return start_response(status, headers, exc_info)

        return self.app(environ, start)


def test_all_that_we_answer_says_that_it_is_there_over_https_alone(federation):
    heard = Listening(federation)
    browser = Browser(heard)
    browser.visit(UWV)
    browser.press("Inloggen", username="anna", password="demo-anna")
    browser.visit(STAD)
    for address in ("metadata", "session", "nothing", "logout"):
        browser.visit(f"https://uwv.test/eilogin/{address}")
    for address in ("metadata", "health", "nothing", ""):
        browser.visit(f"https://inloggen.test/{address}")
    ours = [
        (place, status, headers.get("Strict-Transport-Security"))
        for place, status, headers in heard.answers
        if not place.endswith("/mijn") or status != "200"
    ]
    assert {"200", "303", "404"} <= {status for _, status, _ in ours}
    assert [one for one in ours if one[2] != "max-age=31536000"] == []
