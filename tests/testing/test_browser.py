"""The browser for tests is as strict as real ones are."""

import pytest
from webob import Request, Response

from eilogin.testing import Browser

HERE = "https://here.test/"


def site(pages):
    """An app of pages by address; each is a body, or a whole Response."""

    def app(environ, start_response):
        page = pages[Request(environ).path_url]
        if not isinstance(page, Response):
            page = Response(page)
        return page(environ, start_response)

    return Browser(app)


def test_a_link_that_is_not_there_cannot_be_followed():
    browser = site({HERE: '<a href="/x">Verder</a>'})
    browser.visit(HERE)
    with pytest.raises(AssertionError, match="no link 'Terug'"):
        browser.click("Terug")


def test_a_button_that_is_not_there_cannot_be_pressed():
    browser = site({HERE: "<form><button>Verder</button></form>"})
    browser.visit(HERE)
    with pytest.raises(AssertionError, match="no button 'Terug'"):
        browser.press("Terug")


def test_a_form_by_get_brings_its_fields_in_the_address():
    browser = site({HERE: '<form><input name="q"><textarea name="t">x</textarea>'
                          "<button>Zoek</button></form>"})  # fmt: skip
    browser.visit(HERE)
    assert browser.press("Zoek", q="uwv").status_int == 200


def test_a_form_goes_nowhere_that_the_policy_forbids():
    policy = [("Content-Security-Policy", "form-action 'self' https://hub.test")]
    form = '<form method="post" action="{}"><button>Verder</button></form>'
    there = "https://there.test/"
    browser = site(
        {
            HERE: Response(form.format(there), headerlist=[*policy, HTML]),
            "https://here.test/hub": Response(
                form.format("https://hub.test/"), headerlist=[*policy, HTML]
            ),
            "https://hub.test/": Response(status=303, location=there),
        }
    )
    browser.visit(HERE)
    with pytest.raises(AssertionError, match=r"forbids https://there\.test"):
        browser.press("Verder")
    browser.visit("https://here.test/hub")
    with pytest.raises(AssertionError, match=r"forbids https://there\.test"):
        browser.press("Verder")


HTML = ("Content-Type", "text/html; charset=utf-8")


def test_a_circle_of_redirects_is_left():
    browser = site({HERE: Response(status=302, location=HERE)})
    with pytest.raises(AssertionError, match="too many redirects"):
        browser.visit(HERE)


@pytest.mark.parametrize(
    "cookie",
    [
        "__Host-x=1; Path=/",
        "__Host-x=1; Secure; Path=/sub",
        "__Host-x=1; Secure; Path=/; Domain=here.test",
    ],
)
def test_a_host_cookie_that_is_not_made_as_it_should_be_is_a_fault(cookie):
    browser = site({HERE: Response(headerlist=[HTML, ("Set-Cookie", cookie)])})
    with pytest.raises(AssertionError):
        browser.visit(HERE)


@pytest.mark.parametrize(
    ("same_site", "method", "is_sent"),
    [
        ("Strict", "GET", False),
        ("Lax", "GET", True),
        ("Lax", "POST", False),
        ("None", "POST", True),
    ],
)
def test_cookies_come_along_from_another_site_as_they_may(same_site, method, is_sent):
    seen = []
    set_cookie = f"__Host-x=1; Secure; Path=/; SameSite={same_site}"

    def app(environ, start_response):
        seen.append(environ.get("HTTP_COOKIE", ""))
        start_response("200 OK", [HTML, ("Set-Cookie", set_cookie)])
        form = f'<form method="{method}" action="{HERE}"><button>Verder</button></form>'
        return [form.encode()]

    browser = Browser(app)
    browser.visit(HERE)
    browser.visit("https://there.test/")
    browser.press("Verder")
    assert seen[-1] == ("__Host-x=1" if is_sent else "")
