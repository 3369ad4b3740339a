"""What is behind # in a link is still there after the login, in a real browser.

Browsers keep it across redirects and drop it at a form or a link. They send it to no
server.
"""

import pytest

pytestmark = [pytest.mark.real, pytest.mark.any_python]

#: Begins in a script and in an attribute, if anybody takes it for HTML.
HOSTILE = "#\"'><img src=x onerror=document.title=1>"


@pytest.fixture(scope="module")
def configured():
    """The question of kadaster goes to the hub by a form, that of uwv by a redirect."""
    return {"filter:kadaster-eilogin": {"request_binding": "post"}}


def fragment(citizen):
    return citizen.page.evaluate("location.hash")


@pytest.mark.parametrize(
    ("host", "path"),
    [("uwv", "/notitie"), ("gemeente", "/verhuizen"), ("kadaster", "/mijn")],
    ids=["artifact", "answer by form", "question by form"],
)
def test_is_kept_at_a_login(demo, anna, host, path):
    anna.log_in(host, f"{path}#deel-3")
    assert fragment(anna) == "#deel-3"
    assert "deel-3" not in demo.output


def test_is_kept_where_the_hub_knows_her(anna):
    anna.log_in("uwv")
    for host, path in (("gemeente", "/verhuizen"), ("kadaster", "/mijn")):
        anna.visit(host, f"{path}#deel-3").arrives(host, path)
        assert fragment(anna) == "#deel-3"


def test_is_kept_after_a_wrong_password_and_a_cancel(anna):
    anna.visit("uwv", "/notitie#deel-3").type_password("demo-bram")
    anna.page.get_by_role("alert").wait_for()
    anna.click("Annuleren").sees("U hebt het inloggen geannuleerd")
    anna.click("Inloggen").sees("Inloggen bij UWV").type_password()
    anna.arrives("uwv", "/notitie")
    assert fragment(anna) == "#deel-3"


def test_is_lost_without_javascript_and_the_login_goes_on(demo, at_browser):
    anna = at_browser(demo, java_script_enabled=False)
    anna.visit("uwv", "/notitie#deel-3").type_password().arrives("uwv", "/notitie")
    assert "#" not in anna.page.url


def test_that_is_hostile_stays_behind_the_address(anna):
    anna.visit("uwv", f"/notitie{HOSTILE}").sees("Inloggen bij UWV")
    form = anna.page.locator("form")
    assert form.evaluate("form => form.action.split('?')[0]") == anna.demo.url(
        "inloggen", "/login"
    )
    anna.type_password().arrives("uwv", "/notitie")
    assert "onerror" in fragment(anna)
    assert anna.page.title() != "1"
