"""Pipelines in which a filter is missing, twice or misplaced let nobody in.

Each is loaded as every server loads it, without 'eilogin check' before it.
"""

import functools
import itertools

import pytest
from paste.deploy import loadapp
from webtest import TestApp as Client

from eilogin import clock
from eilogin.errors import InvalidOptions
from eilogin.sessions import Login, Sessions, Subject
from eilogin.stores import open_store
from eilogin.web.pipeline.pipeline_parts import provided

ORDER = [part.eilogin_part for part in provided("main")]
UWV = "https://uwv.test/eilogin/metadata"
STAD = "https://stad.test/eilogin/metadata"

SITE = """\
[pipeline:main]
pipeline = {pipeline}

[filter:session]
use = egg:eilogin#session
store = sqlite:///{folder}/sessions.db

[filter:trust]
use = egg:eilogin#trust
public_url = https://uwv.test
key = {folder}/uwv.test.key
certificate = {folder}/uwv.test.crt
federation = {folder}/federation.xml
federation_certificate = {folder}/federation.crt

[filter:login]
use = egg:eilogin#login
protect = / optional

[filter:logout]
use = egg:eilogin#logout

[filter:identity]
use = egg:eilogin#identity

[filter:appsession]
use = egg:eilogin#appsession

[filter:quiet]
paste.filter_app_factory = {module}:make_quiet

[app:app]
paste.app_factory = {module}:make_app
"""


class Quiet:
    """A filter of others, which keeps its application where it likes."""

    __slots__ = ("_inner",)

    def __init__(self, app):
        self._inner = {"deep": [functools.partial(lambda app, *said: app(*said), app)]}

    def __call__(self, environ, start_response):
        return self._inner["deep"][0](dict(environ), start_response)


def make_quiet(app, global_conf):
    return Quiet(app)


def make_app(global_conf):
    return app


def make_urlmap(loader, global_conf, **paths):
    """Mount applications below paths, as Paste's urlmap does."""
    apps = [(path, loader.get_app(name)) for path, name in paths.items()]

    def urlmap(environ, start_response):
        path = environ["PATH_INFO"]
        below, app = next(one for one in apps if f"{path}/".startswith(f"{one[0]}/"))
        script = environ["SCRIPT_NAME"] + below
        inner = {**environ, "SCRIPT_NAME": script, "PATH_INFO": path[len(below) :]}
        return app(inner, start_response)

    return urlmap


def app(environ, start_response):
    """Says who the visitor is, by all that an application could believe."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    keys = ("REMOTE_USER", "HTTP_REMOTE_USER", "eilogin.session")
    return [" ".join(str(environ.get(key)) for key in keys).encode()]


@pytest.fixture
def load(federation, tmp_path):
    """Load a pipeline of these filters, in this order, around the application."""

    def load(*filters, text=SITE):
        ini = tmp_path / "site.ini"
        said = {"folder": federation.folder, "module": __name__}
        ini.write_text(text.format(pipeline=" ".join((*filters, "app")), **said))
        return loadapp(f"config:{ini}")

    return load


@pytest.fixture
def cookie(federation):
    """Log in at a site whose sessions are in the same store; its session cookie."""

    def log_in(audience):
        who = Subject("https://inloggen.test/metadata", audience, "anna")
        url = f"sqlite:///{federation.folder}/sessions.db"
        sessions = Sessions(open_store(url), idle=900, max_session=7200)
        sessions.store.prepare()
        now = clock.now()
        login = Login(who, "basis", now, now + 7200, now)
        return f"__Host-eilogin={sessions.create_login(login, issued=now)}"

    return log_in


def ask(app, cookie="", **headers):
    headers = {"Remote-User": "forged", **headers}
    if cookie:
        headers["Cookie"] = cookie
    return Client(app).get("https://uwv.test/", headers=headers, status="*")


def test_the_right_order_tells_the_application_who_is_there(load, cookie):
    app = load(*ORDER)
    assert ask(app).text == "None None None"
    assert ask(app, cookie(STAD)).text == "None None None"
    assert ask(app, cookie(UWV)).text.startswith("anna None Login(")


def test_filters_of_others_may_stand_anywhere(load, cookie):
    filters = itertools.chain(*(("quiet", name) for name in ORDER))
    app = load(*filters, "quiet")
    assert ask(app, cookie(UWV)).text.startswith("anna None Login(")


@pytest.mark.parametrize("filters", [
    ("session", "identity"),
    ("session", "identity", "trust", "identity"),
    ("session", "appsession", "trust", "identity"),
], ids=" ".join)  # fmt: skip
def test_no_order_hands_out_a_login_of_another_site(load, cookie, filters):
    """Two sites may keep their sessions in one store."""
    answer = ask(load(*filters), cookie(STAD))
    assert answer.status_int == 500
    assert "anna" not in answer.text


def test_filters_of_another_site_outside_check_nothing_for_this_one(
    load, cookie, caplog
):
    text = SITE.replace("[app:app]", "[filter:inner]\nuse = session\ncookie = inner\n"
                        "\n[filter:whose]\nuse = identity\n\n[app:app]")  # fmt: skip
    app = load(*ORDER, "inner", "whose", text=text)
    inner = cookie(STAD).replace("eilogin", "inner")
    answer = ask(app, inner)
    assert answer.status_int == 500
    assert "anna" not in answer.text
    assert "the filter 'trust' is missing" in caplog.text


@pytest.mark.parametrize(("filters", "section", "missing"), [
    (("session", "trust"), "trust", "identity"),
    (("session", "trust", "login"), "login", "logout"),
    (("session", "trust", "login", "logout"), "login", "identity"),
    (("session", "trust", "login", "identity"), "login", "logout"),
    (("session", "trust", "identity", "login", "logout"), "login", "identity"),
    (("session", "logout", "trust", "login", "identity"), "login", "logout"),
    (("session", "trust", "quiet", "login", "quiet"), "login", "logout"),
], ids=lambda value: value if isinstance(value, str) else " ".join(value))  # fmt: skip
def test_a_pipeline_without_a_filter_does_not_start(load, filters, section, missing):
    with pytest.raises(InvalidOptions) as refused:
        load(*filters)
    told = str(refused.value)
    assert f"[filter:{section}]: expected the filter '{missing}' between it" in told
    assert f"use = egg:eilogin#{missing}" in told


def wrong_orders():
    """Each subset in the right order, and all five with two of them swapped."""
    for size in range(1, 5):
        yield from itertools.combinations(ORDER, size)
    for one, other in itertools.combinations(ORDER, 2):
        swap = {one: other, other: one}
        yield tuple(swap.get(name, name) for name in ORDER)


def test_no_subset_or_order_lets_a_client_say_who_it_is(load, cookie):
    """Of all pipelines with ``trust`` or ``login``, those that start are safe."""
    theirs, ours = cookie(STAD), cookie(UWV)
    started = 0
    for filters in wrong_orders():
        if not {"trust", "login"} & set(filters):
            continue
        try:
            app = load(*filters)
        except InvalidOptions:
            continue
        started += 1
        for brought in ("", theirs, ours):
            answer = ask(app, brought)
            told = answer.text if answer.status_int == 200 else ""
            assert "forged" not in told, filters
            assert brought == ours or "anna" not in told, filters
    assert started > 1


# --- mounted elsewhere ----------------------------------------------------------------

MOUNTED = SITE.replace(
    "[pipeline:main]",
    """\
[composite:main]
paste.composite_factory = {module}:make_urlmap
/public = app
{mount} = guarded

[pipeline:guarded]""",
).replace("{folder}/sessions.db", "{folder}/mounted.db")


def mounted(mount, public_url):
    text = MOUNTED.replace("{mount}", mount)
    return text.replace("https://uwv.test\n", f"{public_url}\n")


@pytest.mark.parametrize(("mount", "public_url"), [
    ("/app", "https://uwv.test"),
    ("/app", "https://uwv.test/other"),
    ("/app", "https://uwv.test/my-app"),
    ("/app", "https://uwv.test/app/x"),
    ("/a/b", "https://uwv.test/a"),
])  # fmt: skip
def test_a_site_that_is_mounted_elsewhere_answers_nobody(
    load, cookie, caplog, mount, public_url
):
    """The browser would bring the answer of the hub to another application."""
    client = Client(load(*ORDER, text=mounted(mount, public_url)))
    for path in ("/mijn", "", "/eilogin/login", "/eilogin/metadata", "/eilogin/acs"):
        answer = client.get(f"https://uwv.test{mount}{path}", status=500)
        assert "forged" not in answer.text
        assert "None" not in answer.text
    record = next(r for r in caplog.records if r.levelname == "ERROR")
    line = record.getMessage()
    assert "(mount-mismatch): found SCRIPT_NAME" in line
    for said in (repr(mount), public_url, "public_url", "around the composite"):
        assert said in line


@pytest.mark.parametrize(("mount", "public_url"), [
    ("/app", "https://uwv.test/app"),
    ("/app", "https://uwv.test/app/"),
    # A proxy has removed the beginning.
    ("/app", "https://uwv.test/all/app"),
])  # fmt: skip
def test_a_site_that_is_mounted_where_it_says_answers(load, mount, public_url):
    client = Client(load(*ORDER, text=mounted(mount, public_url)))
    assert client.get(f"https://uwv.test{mount}/mijn").text == "None None None"


def test_a_wrong_mount_does_not_fill_the_log(load, caplog):
    """Some servers take SCRIPT_NAME from a header of the client."""
    client = Client(load(*ORDER))
    for number in range(40):
        said = {"SCRIPT_NAME": f"/{number}\r\nforged"}
        client.get("https://uwv.test/", extra_environ=said, status=500)
    lines = [r.getMessage() for r in caplog.records if r.name == "eilogin"]
    assert 0 < len([line for line in lines if "mount-mismatch" in line]) < 25
    assert "\n" not in "".join(lines)
