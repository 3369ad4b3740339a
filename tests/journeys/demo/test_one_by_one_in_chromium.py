"""A hub that leads her along the services to log her out, in a real browser."""

import pytest

pytestmark = [pytest.mark.real, pytest.mark.any_python]


@pytest.fixture(scope="module")
def configured():
    return {
        "app:inloggen-hub": {
            "logout_in_browser": "one-by-one",
            "logout_binding": "* browser",
        }
    }


def test_she_is_logged_out_at_all_of_them_and_back_where_she_clicked(
    own_demo, at_browser
):
    anna = at_browser(own_demo).go_everywhere()
    anna.visit("gemeente").click("Uitloggen").sees("U bent overal uitgelogd")
    anna.arrives("gemeente", "/eilogin/slo")
    for host, name in (("uwv", "UWV"), ("kadaster", "Kadaster")):
        anna.visit(host, "/mijn").sees(f"Inloggen bij {name}")


def test_from_one_that_is_dead_the_hub_leads_on_to_the_rest(own_demo, at_browser):
    anna = at_browser(own_demo, color_scheme="dark").go_everywhere()
    own_demo.interrupt()
    own_demo.start("--down", "kadaster")
    anna.visit("gemeente").click("Uitloggen").arrives("kadaster", "/eilogin/slo")
    anna.visit("inloggen").sees("Let op: u bent nog niet overal uitgelogd")
    assert "Het uitloggen is nog niet klaar." in anna.text
    anna.photograph("logging-out-stopped-halfway-dark")
    anna.click("Verder uitloggen")
    anna.page.get_by_text("Het uitloggen is nog niet klaar").wait_for(state="detached")
    anna.sees("Let op: u bent nog niet overal uitgelogd")
    assert anna.text.count("Hier is uitloggen niet gelukt") == 1
    assert anna.page.get_by_role("link", name="Verder uitloggen").count() == 0
    anna.visit("uwv", "/mijn").sees("Inloggen bij UWV")
