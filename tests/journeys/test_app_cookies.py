"""An application that believes its own cookie alone takes part in single logout.

It is made with Flask and knows who somebody is by its session, which is in the cookie;
it looks at REMOTE_USER once, when there is no session yet. Nothing in it was changed.
"""

import flask
import pytest

from eilogin.testing import Federation

UWV, STAD = "https://uwv.test", "https://stad.test"
PROTECT = "=/ optional\n/taal optional\n/basket optional\n/redactie off"


def believing():
    """A site with a public page, a basket, personal pages, and an editors' desk."""
    app = flask.Flask(__name__)
    app.secret_key = "of the application"

    @app.get("/")
    @app.get("/mijn")
    def mine():
        user = flask.request.environ.get("REMOTE_USER")
        if user and "user" not in flask.session:
            flask.session["user"] = user
        said = flask.session.get("user", "nobody")
        basket = flask.session.get("basket", "empty")
        language = flask.request.cookies.get("taal", "nl")
        return f"<p>session of [{said}] basket [{basket}] taal [{language}]</p>"

    @app.post("/basket")
    def put():
        flask.session["basket"] = flask.request.form["what"]
        return "<p>kept</p>"

    @app.post("/taal")
    def choose():
        answer = flask.make_response("<p>chosen</p>")
        answer.set_cookie("taal", "fy", httponly=True)
        return answer

    @app.post("/redactie/in")
    def let_in():
        flask.session["user"] = "the editor"
        return "<p>in</p>"

    @app.post("/redactie/uit")
    def let_out():
        flask.session.clear()
        return "<p>out</p>"

    @app.get("/redactie")
    def desk():
        return f"<p>desk of [{flask.session.get('user', 'nobody')}]</p>"

    return app


def federation_in(folder, app_cookies="auto -taal"):
    apps = {"uwv.test": believing(), "stad.test": believing()}
    options = {
        "protect": PROTECT,
        "app_cookies": app_cookies,
        "store": f"sqlite:///{folder}/sessions.db",
    }
    return Federation(folder, apps, options=dict.fromkeys(apps, options))


@pytest.fixture
def federation(tmp_path):
    return federation_in(tmp_path)


@pytest.fixture
def browser(federation):
    return federation.browser()


def log_in(browser, name="anna"):
    browser.visit(f"{UWV}/mijn")
    browser.press("Inloggen", username=name, password=f"demo-{name}")
    assert browser.url == f"{UWV}/mijn", browser.text
    return said(browser)


def said(browser, path="/"):
    browser.visit(f"{UWV}{path}")
    return browser.text.partition("session of [")[2].partition("]")[0]


def log_out_elsewhere(browser):
    browser.visit(f"{STAD}/mijn")
    browser.visit(f"{STAD}/eilogin/logout?next=/")
    assert browser.url.startswith(STAD), browser.text


def test_log_in_work_log_out_elsewhere_and_its_session_is_dead(browser):
    anna = log_in(browser)
    assert anna != "nobody"
    browser.post(f"{UWV}/basket", site="same-origin", what="a form half filled in")
    assert said(browser) == anna
    assert "half filled in" in browser.text
    kept = browser.cookie("uwv.test", "session~eil")
    log_out_elsewhere(browser)
    assert said(browser) == "nobody"
    assert browser.cookie("uwv.test", "session~eil") is None, "the browser forgot it"
    browser.set_cookie("uwv.test", "session~eil", kept)
    assert said(browser) == "nobody", "who has copied it is nobody either"


def test_login_after_idle_timeout_restores_app_session_despite_public_page(
    clock, browser
):
    """Her browser had asked for a public page, or a picture."""
    log_in(browser)
    browser.post(f"{UWV}/basket", site="same-origin", what="a form half filled in")
    clock.shift(16 * 60)
    assert said(browser) == "nobody"
    log_in(browser)
    assert "half filled in" in browser.text


@pytest.mark.parametrize("ends", ["a logout", "its time"])
def test_one_that_was_idle_and_is_over_is_forgotten(clock, browser, ends):
    log_in(browser)
    clock.shift(16 * 60)
    if ends == "a logout":
        browser.visit(f"{UWV}/eilogin/logout?next=/")
    else:
        clock.shift(2 * 60 * 60)
    assert said(browser) == "nobody"
    assert browser.cookie("uwv.test", "session") is None


def test_the_next_citizen_in_the_same_browser_is_herself(browser):
    anna = log_in(browser)
    log_out_elsewhere(browser)
    assert log_in(browser, "bram") not in (anna, "nobody")


def test_without_it_the_application_goes_on_as_if_she_were_there(tmp_path):
    """What this is for: the same application, left alone."""
    browser = federation_in(tmp_path, "off").browser()
    anna = log_in(browser)
    log_out_elsewhere(browser)
    assert said(browser) == anna


def test_app_session_survives_fresh_login_and_step_up(browser):
    log_in(browser)
    browser.post(f"{UWV}/basket", site="same-origin", what="a form")
    browser.visit(f"{UWV}/eilogin/login?next=/mijn&level=midden")
    code = browser.text.partition("demo-anna Code: ")[2][:6]
    browser.press("Inloggen", username="anna", password="demo-anna", code=code)
    assert browser.url == f"{UWV}/mijn", browser.text
    assert "basket [a form]" in browser.text


def test_login_hides_app_session_of_anonymous_visitor(browser):
    browser.post(f"{UWV}/basket", site="same-origin", what="three bulbs")
    browser.visit(f"{UWV}/")
    assert "basket [three bulbs]" in browser.text
    log_in(browser)
    assert "basket [empty]" in browser.text


def test_her_language_stays_whoever_is_logged_in(browser):
    browser.post(f"{UWV}/taal", site="same-origin")
    log_in(browser)
    assert "taal [fy]" in browser.text
    log_out_elsewhere(browser)
    said(browser)
    assert "taal [fy]" in browser.text


def test_editors_by_a_login_of_the_application_itself_are_undisturbed(
    browser, federation
):
    citizen = federation.browser()
    log_in(citizen)
    browser.post(f"{UWV}/redactie/in", site="same-origin")
    for _ in range(2):
        browser.visit(f"{UWV}/redactie")
        assert "desk of [the editor]" in browser.text
        assert said(browser) == "the editor", "on public pages too"
        browser.post(f"{UWV}/basket", site="same-origin", what="a new article")
        log_out_elsewhere(citizen)
    citizen.visit(f"{UWV}/redactie")
    assert "desk of [nobody]" in citizen.text


def test_editor_and_citizen_in_one_browser_have_separate_app_sessions(browser):
    """The application gives both of them the same name."""
    anna = log_in(browser)
    browser.post(f"{UWV}/basket", site="same-origin", what="a form half filled in")
    browser.post(f"{UWV}/redactie/in", site="same-origin")
    for _ in range(2):
        browser.visit(f"{UWV}/redactie")
        assert "desk of [the editor]" in browser.text
        assert said(browser, "/mijn") == anna
        assert "basket [a form half filled in]" in browser.text
        browser.post(f"{UWV}/basket", site="same-origin", what="a form half filled in")
    log_out_elsewhere(browser)
    assert said(browser) == "the editor"
    assert log_in(browser) == anna, "and the other one has not become hers"
    browser.post(f"{UWV}/redactie/uit", site="same-origin")
    browser.visit(f"{UWV}/redactie")
    assert "desk of [nobody]" in browser.text
    assert said(browser) == anna


def test_a_citizen_is_nobody_at_the_desk(browser):
    log_in(browser)
    browser.visit(f"{UWV}/redactie")
    assert "desk of [nobody]" in browser.text
    assert said(browser) != "nobody", "and herself again behind it"


def test_the_next_day_after_a_restart_it_is_dead_still(browser, tmp_path):
    log_in(browser)
    kept = browser.cookies("uwv.test")
    log_out_elsewhere(browser)
    later = federation_in(tmp_path).browser()
    for name, value in kept.items():
        later.set_cookie("uwv.test", name, value)
    assert said(later) == "nobody"
    assert later.cookie("uwv.test", "session~eil") is None


def test_an_access_log_outside_sees_what_came_and_nothing_of_her(federation, browser):
    app, seen = federation.apps["uwv.test"], []

    def logging(environ, start_response):
        answer = app(environ, start_response)
        seen.append(environ)
        return answer

    federation.apps["uwv.test"] = logging
    who = log_in(browser)
    assert said(browser) == who
    assert who != "nobody"
    assert "session~eil=eil~" in seen[-1]["HTTP_COOKIE"], "it is sealed as it came"
    assert not seen[-1].keys() & {"REMOTE_USER", "AUTH_TYPE"}
