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


def test_a_form_brings_of_a_choice_the_one_that_is_made():
    form = (
        '<form><input type="radio" name="a" value="1" checked>'
        '<input type="radio" name="a" value="2">'
        '<input type="checkbox" name="b" value="3"><button>Kies</button></form>'
    )
    queries = []

    def app(environ, start_response):
        queries.append(environ.get("QUERY_STRING", ""))
        return Response(form)(environ, start_response)

    browser = Browser(app)
    browser.visit(HERE)
    browser.press("Kies")
    browser.press("Kies", a="2")
    assert queries == ["", "a=1", "a=2"]


def test_a_form_brings_every_field_that_a_browser_sends():
    form = (
        '<form><select name="s"><option>1<option value="2" selected>two</select>'
        '<select name="first"><option disabled>0<option>1<option>2</select>'
        '<select name="m" multiple><option selected>a<option>b</select>'
        '<input type="checkbox" name="c" value="x" checked>'
        '<input type="checkbox" name="c" value="y" checked>'
        '<input type="checkbox" name="d" checked><input type="reset" name="r">'
        '<textarea name="t">text</textarea><button>Kies</button></form>'
    )
    queries = []

    def app(environ, start_response):
        queries.append(environ.get("QUERY_STRING", ""))
        return Response(form)(environ, start_response)

    browser = Browser(app)
    browser.visit(HERE)
    browser.press("Kies")
    browser.press("Kies", c=["z"], m=["a", "b"], d=[], s="1")
    assert queries == [
        "",
        "s=2&first=1&m=a&c=x&c=y&d=on&t=text",
        "first=1&t=text&c=z&m=a&m=b&s=1",
    ]


@pytest.mark.parametrize(("text", "sent"), [("Kijk", "look=Kijk"), ("Doe", "do=Doe")])
def test_a_button_that_is_a_field_is_pressed_by_what_it_says(text, sent):
    queries = []

    def app(environ, start_response):
        queries.append(environ.get("QUERY_STRING", ""))
        return Response(
            '<form><input type="submit" name="look" value="Kijk">'
            '<input type="submit" name="do" value="Doe"></form>'
        )(environ, start_response)

    browser = Browser(app)
    browser.visit(HERE)
    browser.press(text)
    assert queries == ["", sent], "and the other one is not sent"


def test_url_fragment_is_not_sent():
    browser = site({HERE: '<form action="/#part"><button>Verder</button></form>'})
    browser.visit(HERE)
    assert browser.press("Verder").status_int == 200


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


def test_a_download_is_no_page():
    pdf = Response(b"\xff\xfe%PDF", content_type="application/pdf")
    assert site({HERE: pdf}).visit(HERE).body == b"\xff\xfe%PDF"


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


THERE = "https://there.test/"


def framing(frame, *, policy="frame-src 'self' https://there.test", **pages):
    """A page with one frame, and what else there is."""
    page = f'<iframe src="{frame}"></iframe>'
    header = ("Content-Security-Policy", policy)
    browser = site({HERE: Response(page, headerlist=[HTML, header]), **pages})
    browser.visit(HERE)
    return browser


def test_a_frame_shows_where_its_address_leads():
    there = Response(status=302, location=f"{HERE}done")
    pages = {THERE: there, f"{HERE}done": "<p>done</p>"}
    browser = framing(THERE, **pages)
    assert [shown.text for shown in browser.open_frames()] == ["<p>done</p>"]
    assert browser.url == HERE, "the page stays"


def test_a_frame_leads_nowhere_that_the_policy_forbids():
    there = Response(status=302, location="https://evil.test/")
    browser = framing(THERE, **{THERE: there})
    with pytest.raises(AssertionError, match=r"frame-src .* forbids https://evil"):
        browser.open_frames()


def test_a_circle_of_redirects_in_a_frame_is_left():
    browser = framing(THERE, **{THERE: Response(status=302, location=THERE)})
    with pytest.raises(AssertionError, match="too many redirects"):
        browser.open_frames()


@pytest.mark.parametrize(
    ("header", "is_shown"),
    [
        (("X-Frame-Options", "DENY"), False),
        (("Content-Security-Policy", "frame-ancestors 'none'"), False),
        (("Content-Security-Policy", "frame-ancestors 'self'"), False),
        (("Content-Security-Policy", "frame-ancestors https://here.test"), True),
        (("Content-Security-Policy", "default-src 'none'"), True),
    ],
)
def test_a_frame_shows_what_may_stand_there(header, is_shown):
    there = Response("<p>there</p>", headerlist=[HTML, header])
    [shown] = framing(THERE, **{THERE: there}).open_frames()
    assert (shown is not None) is is_shown


def test_a_form_that_sends_itself_does_so_in_a_frame_too():
    form = (
        f'<form method="post" action="{HERE}taken"><input name="a" value="b"></form>'
        "<script>document.forms[0].submit();</script>"
    )
    requests = []

    def receiver(environ, start_response):
        requests.append(Request(environ).POST["a"])
        return Response("<p>taken</p>")(environ, start_response)

    def app(environ, start_response):
        url = Request(environ).path_url
        if url == f"{HERE}taken":
            return receiver(environ, start_response)
        page = form if url == THERE else f'<iframe src="{THERE}"></iframe>'
        return Response(page)(environ, start_response)

    browser = Browser(app)
    browser.visit(HERE)
    assert [shown.text for shown in browser.open_frames()] == ["<p>taken</p>"]
    assert requests == ["b"]


def test_a_form_that_sends_itself_needs_no_button():
    form = (
        '<form method="post" action="/taken"><input name="a" value="b"></form>'
        "<script>document.forms[0].submit();</script>"
    )

    def app(environ, start_response):
        request = Request(environ)
        return Response(request.POST.get("a", form))(environ, start_response)

    browser = Browser(app)
    assert browser.visit(HERE).text == "b"
    assert browser.url == f"{HERE}taken"


def test_a_frame_of_another_site_has_no_cookies():
    cookies = {}
    set_cookie = "__Host-x=1; Secure; Path=/; SameSite=None"

    def app(environ, start_response):
        request = Request(environ)
        destination = request.headers.get("Sec-Fetch-Dest", "document")
        cookies[request.domain, destination] = request.headers.get("Cookie", "")
        page = f'<iframe src="{THERE}"></iframe><iframe src="{HERE}"></iframe>'
        answer = Response(page, headerlist=[HTML, ("Set-Cookie", set_cookie)])
        return answer(environ, start_response)

    browser = Browser(app)
    browser.visit(THERE)
    browser.visit(HERE)
    browser.open_frames()
    assert cookies["there.test", "iframe"] == ""
    assert cookies["here.test", "iframe"] == "__Host-x=1"


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
    cookies = []
    set_cookie = f"__Host-x=1; Secure; Path=/; SameSite={same_site}"

    def app(environ, start_response):
        cookies.append(environ.get("HTTP_COOKIE", ""))
        start_response("200 OK", [HTML, ("Set-Cookie", set_cookie)])
        form = f'<form method="{method}" action="{HERE}"><button>Verder</button></form>'
        return [form.encode()]

    browser = Browser(app)
    browser.visit(HERE)
    browser.visit("https://there.test/")
    browser.press("Verder")
    assert cookies[-1] == ("__Host-x=1" if is_sent else "")


def test_the_cookies_of_a_host_can_be_thrown_away():
    browser = site({HERE: "hier"})
    browser.set_cookie("here.test", "x", "1")
    browser.set_cookie("there.test", "x", "1")
    browser.forget("here.test")
    browser.forget("nowhere.test")
    assert browser.cookies("here.test") == {}
    assert browser.cookies("there.test") == {"x": "1"}
