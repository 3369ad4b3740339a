"""The pages on protecting an application say what eilogin does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import flask
import flask_login
import pytest
from click.testing import CliRunner
from docutils import nodes
from docutils.core import publish_doctree
from manual_blocks import MANUAL, block, blocks, with_changes
from paste.deploy import loadapp
from webob import Response
from webtest import TestApp

from eilogin.cli import main
from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_members import own_of_part, parts_of
from eilogin.cli.inifiles.ini_sections import IniFile
from eilogin.federation import Own
from eilogin.federation.local.local_keys import OwnKey
from eilogin.participant.policy.path_rules import PathRules
from eilogin.saml.metadata import write_federation
from eilogin.saml.signing_keys import SigningKey, new_key_pair
from eilogin.web.browser.browser_cookies import Cookie

HOUSE = Path(__file__).parents[2]
WHOLE, ONE_BY_ONE = (
    blocks("protect/index.rst", title, "ini")[0]
    for title in ("A whole ini file", "The filters one by one")
)
COMPOSITE = blocks("protect/index.rst", "Several applications on one host", "ini")[0]


def rows_of(page, section):
    """The cells of the tables of a section, row by row, without their heads."""
    text = (MANUAL / page).read_text()
    tree = publish_doctree(text, settings_overrides={"halt_level": 2})
    (place,) = (
        one
        for one in tree.findall(nodes.section)
        if one.next_node(nodes.title).astext() == section
    )
    return [
        [entry.astext() for entry in row.findall(nodes.entry)]
        for body in place.findall(nodes.tbody)
        for row in body.findall(nodes.row)
    ]


def rules_of(text):
    return PathRules.parse(text.splitlines()[1:])


# --- the ini files --------------------------------------------------------------------


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Write an ini file, with the code, key and federation that it names."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "paths.py").write_text("def make(loader, global_conf, **paths): ...\n")
    (tmp_path / "mysite").mkdir()
    (tmp_path / "mysite/__init__.py").touch()
    (tmp_path / "mysite/wsgi.py").write_text("application = None\n")
    key, certificate = new_key_pair("uwv")
    (tmp_path / "uwv.example.nl.key").write_bytes(key)
    (tmp_path / "uwv.example.nl.crt").write_bytes(certificate)
    (tmp_path / "federation").mkdir()

    def write(text):
        path = tmp_path / "site.ini"
        path.write_text(text)
        ini = IniFile.read(path)
        (part,) = (
            part
            for part in parts_of(ini)
            if part.title in ("filter:eilogin", "filter:trust")
        )
        _write_federation(tmp_path, own_of_part(ini, part))
        return path

    return write


def _write_federation(folder, own):
    operator, hub_key = new_key_pair("operator"), new_key_pair("hub")
    (folder / "operator.crt").write_bytes(operator[1])
    url = "https://inloggen.example.nl"
    hub = Own(
        "hub",
        url,
        "",
        (OwnKey.of(SigningKey.load(*hub_key)),),
        entity_id=f"{url}/metadata",
        back_channel_url=url,
    )
    octets = write_federation(
        [own.descriptor(), hub.descriptor()],
        name="",
        valid_until=4e9,
        key=SigningKey.load(*operator),
    )
    (folder / "federation.xml").write_bytes(octets)


def parts_of_whole():
    """The server, application and filter of the whole file."""
    server, _, rest = WHOLE.partition("[pipeline:main]")
    _, title, rest = rest.partition("[app:myapp]")
    app, filter_title, lines = rest.partition("[filter:eilogin]")
    return server, title + app, filter_title + lines


def one_by_one():
    """The whole file with five filters in the place of one."""
    server, app, _ = parts_of_whole()
    return f"{server}{ONE_BY_ONE}\n\n{app}"


def with_composite():
    """The whole file with two applications on the host."""
    server, app, guard = parts_of_whole()
    # Paste itself is not among what the tests need.
    composite = with_changes(
        COMPOSITE, {"use = egg:Paste#urlmap": "paste.composite_factory = paths:make"}
    )
    more = "\n\n[app:archief]\nuse = egg:eilogin#wsgi\napp = mysite.wsgi:application"
    return f"{server}{composite}\n\n{app}{guard}{more}\npath = %(here)s\n"


@pytest.mark.parametrize(
    "text",
    [WHOLE, one_by_one(), with_composite()],
    ids=["whole", "five filters", "composite"],
)
def test_an_ini_file_of_the_page_has_no_fault(site, text):
    found = check(IniFile.read(site(text)))
    assert [str(fault) for fault in found.faults] == []
    assert not {"no-limits", "no-proxies"} & {note.code for note in found.remarks}


def without_comments(text):
    """The lines of an ini file, without comments and empty lines."""
    return [one for one in text.splitlines() if one.strip() and one[0] != "#"]


def test_join_makes_the_whole_file(tmp_path, monkeypatch):
    """But for ``protect``, which the reader has changed by then."""
    (command,) = (
        text.split()
        for text in blocks("protect/index.rst", "Steps")
        if text.startswith("eilogin join --app")
    )
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(main, [*command[1:], "--yes"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    made = (tmp_path / "site.ini").read_text()
    chosen = block("protect/index.rst", "A whole ini file", "ini")
    before, _, rules = chosen.partition("protect =\n")
    assert rules in "\n".join(blocks("protect/index.rst", "Steps", "ini"))
    expected = f"{before}protect =\n    /   basis"
    assert without_comments(made) == without_comments(expected)
    assert (tmp_path / "uwv.example.nl.xml").exists()


def test_a_filter_of_your_own_stands_behind_eilogin(site, tmp_path, monkeypatch):
    page, section = "develop/index.rst", "A filter of your own"
    text = with_changes(block(page, section, "ini"), {"begins = 22": "begins = 0"})
    path = site(text)
    (tmp_path / "mysite/filters.py").write_text(code_of(page, section))
    (tmp_path / "mysite/wsgi.py").write_text(
        "from webob import Response\napplication = Response('here')\n"
    )
    for name in [one for one in sys.modules if one.partition(".")[0] == "mysite"]:
        monkeypatch.delitem(sys.modules, name)
    assert [str(fault) for fault in check(IniFile.read(path)).faults] == []
    app = TestApp(loadapp(f"config:{path}"))
    assert app.get("https://uwv.example.nl/static/x").text == "here"
    answer = app.get("https://uwv.example.nl/x", {"HTTP_ACCEPT": "text/html"})
    assert answer.location.startswith("https://inloggen.example.nl/sso")


# --- paths ----------------------------------------------------------------------------

FIRST, EXACT, METHODS, FRESH, ATTRIBUTES = blocks("protect/paths.rst", language="ini")


def test_the_table_says_what_a_path_needs():
    rules = rules_of(FIRST)
    rows = rows_of("protect/paths.rst", "Which line fits a path")
    assert len(rows) == 8
    for path, need, _ in rows:
        assert rules.rule_for(path).need == need, path


def test_an_exact_line_protects_one_page():
    rules = rules_of(EXACT)
    needs = {path: rules.rule_for(path).need for path in ("/mijn", "/mijn/", "/mijn/x")}
    assert needs == {"/mijn": "basis", "/mijn/": "basis", "/mijn/x": "optional"}


def test_a_line_with_methods_opens_no_other_method():
    rules = rules_of(METHODS)
    asked = [("/api/zaken", "GET"), ("/api/zaken", "HEAD"), ("/api/zaken", "POST")]
    asked += [("/hooks", "POST"), ("/hooks", "GET")]
    found = [rules.rule_for(*one).need for one in asked]
    assert found == ["basis", "basis", "midden", "off", "basis"]


def test_the_other_lines_can_be_read():
    assert rules_of(FRESH).rule_for("/mijn/bezwaar").max_age == 600
    assert rules_of(ATTRIBUTES).attributes == {"role", "urn:oid:2.5.4.10"}


# --- code that runs in a federation ---------------------------------------------------


def run(code, **names):
    """Run a block of a page; return the names that it defines."""
    exec(compile(code, "page", "exec"), names)  # noqa: S102 - of our page
    return names


def log_in(browser, **more):
    browser.press("Inloggen", username="anna", password="demo-anna", **more)


def type_code(browser):
    """Log in with the code that the hub shows in a demonstration."""
    log_in(browser, code=re.search(r"demo-anna Code: (\d{6})", browser.text)[1])


@pytest.fixture
def at(eilogin_federation):
    """A browser, and a site with an application; every path is public but one."""

    def make(app, protect="/ optional\n/uit off", **options):
        said = {"mijn.test": {"protect": protect, **options}}
        return eilogin_federation({"mijn.test": app}, options=said).browser()

    return make


FROM_FLASK = ("request", "abort", "redirect", "url_for")


def code_of(page, section):
    return "\n".join(blocks(page, section, "python"))


def test_a_view_asks_for_a_level(at):
    sign = run(code_of("protect/code.rst", "A level"))["sign"]
    browser = at(sign)
    browser.visit("https://mijn.test/")
    type_code(browser)
    assert browser.text == "You have signed."


def test_a_level_on_an_off_path_is_a_login_loop(at):
    sign = run(code_of("protect/code.rst", "A level"))["sign"]
    browser = at(sign)
    browser.visit("https://mijn.test/uit")
    type_code(browser)
    assert browser.url == "https://mijn.test/uit"
    assert "Het inloggen begint steeds opnieuw" in browser.text


FORCED = code_of("protect/code.rst", "A fresh login")


def test_a_view_asks_for_a_fresh_login_when_the_proof_is_old(at, clock):
    browser = at(run(FORCED)["transfer"])
    browser.visit("https://mijn.test/")
    log_in(browser)
    type_code(browser)
    assert browser.text == "You have transferred."
    clock.shift(300)
    assert browser.visit("https://mijn.test/").text == "You have transferred."
    clock.shift(301)
    browser.visit("https://mijn.test/")
    assert "inloggen.test" in browser.url


def test_a_view_that_always_forces_is_a_login_loop(at):
    changes = {"force=is_old": "force=True", '"midden"': '"basis"'}
    browser = at(run(with_changes(FORCED, changes))["transfer"])
    browser.visit("https://mijn.test/")
    for _ in range(4):
        log_in(browser)
    assert browser.url == "https://mijn.test/"
    assert "Het inloggen begint steeds opnieuw" in browser.text


def test_max_age_with_basis_counts_from_the_last_password(
    eilogin_federation, witness, clock
):
    """In a path and in code alike, also if that was at another site."""
    transfer = run(with_changes(FORCED, {'"midden"': '"basis"'}))["transfer"]
    options = {
        "pad.test": {"protect": "/ basis max_age=10m"},
        "code.test": {"protect": "/ optional"},
    }
    sites = {"ander.test": witness, "pad.test": witness, "code.test": transfer}
    browser = eilogin_federation(sites, options=options).browser()
    browser.visit("https://ander.test/")
    log_in(browser)
    places = ("https://pad.test/", "https://code.test/")
    clock.shift(300)
    assert [browser.visit(url) and browser.url for url in places] == [*places]
    clock.shift(301)
    for url in places:
        browser.visit(url)
        assert "inloggen.test" in browser.url
    log_in(browser)
    assert browser.url == places[1]


def redirect_to_login(environ, start_response):
    """Do what ``login_required`` of Django does for an anonymous visitor."""
    answer = Response(status=302, location=f"{LOGIN}?next={environ['PATH_INFO']}")
    return answer(environ, start_response)


LOGIN = "https://mijn.test/eilogin/login"
FORCED_AT_BASIS = with_changes(FORCED, {'"midden"': '"basis"'})
ALWAYS_FORCED = with_changes(FORCED_AT_BASIS, {"force=is_old": "force=True"})


@pytest.mark.parametrize(
    ("app", "path", "cause"),
    [
        (run(FORCED_AT_BASIS)["transfer"], "/uit", "unknown"),
        (run(ALWAYS_FORCED)["transfer"], "/", "asked-again"),
        (redirect_to_login, "/uit", "asked-again"),
        (redirect_to_login, "/", "asked-again"),
    ],
    ids=["require on off", "force", "redirect on off", "redirect"],
)
def test_the_log_names_the_cause_of_a_login_loop(at, caplog, app, path, cause):
    browser = at(app)
    browser.visit(f"https://mijn.test{path}")
    while "inloggen.test" in browser.url:
        log_in(browser)
    assert f"({cause}): " in caplog.text
    rows = rows_of("protect/sessions.rst", "When logging in goes wrong")
    (told,) = (row[2] for row in rows if row[0] == cause)
    said = {"unknown": "calls require on an off path", "asked-again": "force=True"}
    assert said[cause] in " ".join(told.split())


def test_a_session_keeps_its_name_after_an_idle_pause(at, witness, clock):
    """So app_logout_call still knows its cookies."""
    browser, names = at(witness, "/ basis"), set()
    for _ in range(2):
        browser.visit("https://mijn.test/")
        log_in(browser)
        names.add(witness.environ["eilogin.session"].name)
        clock.shift(16 * 60)
    assert len(names) == 1


def test_a_value_of_environ_is_decoded():
    text_of = run(code_of("protect/identity.rst", "Attributes"))["text_of"]
    environ = {"NAME": "Chaïma".encode().decode("latin-1")}
    assert (text_of(environ, "NAME"), text_of(environ, "MAIL")) == ("Chaïma", "")


def test_a_view_of_flask_asks_for_a_level(at):
    app = flask.Flask("library")
    code = blocks("protect/flask.rst", "Ask for a level in a view", "python")[0]
    run(code, app=app, request=flask.request)
    browser = at(app)
    browser.visit("https://mijn.test/sign")
    type_code(browser)
    assert browser.text == "You have signed."


# Flask-Login asks for the time as Python 3.12 deprecates.
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_flask_login_takes_the_visitor(at):
    class Reader(flask_login.UserMixin):
        def __init__(self, name):
            self.id = name

    app = flask.Flask("library")
    app.secret_key = "of this very test"
    flask_login.LoginManager(app).user_loader(Reader)
    (code,) = blocks("protect/flask.rst", "Flask-Login", "python")
    names = {"app": app, "Reader": Reader, "login_user": flask_login.login_user}
    run(code, **names, **{name: getattr(flask, name) for name in FROM_FLASK})
    app.add_url_rule("/", "books", lambda: f"user=[{flask_login.current_user.id}]")
    browser = at(app, "/ optional\n/login basis", user_prefix="burger-")
    browser.visit("https://mijn.test/login")
    log_in(browser)
    assert browser.url == "https://mijn.test/"
    assert "user=[burger-" in browser.text


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
@pytest.mark.filterwarnings("ignore:Deprecated call to .pkg_res")
def test_a_view_of_pyramid_asks_for_a_level_and_knows_the_visitor(at):
    from pyramid.config import Configurator  # noqa: PLC0415 - warns of pkg_resources
    from pyramid.response import Response  # noqa: PLC0415

    policy = run(code_of("protect/pyramid.rst", "The visitor in Pyramid"))
    view = run(
        code_of("protect/pyramid.rst", "Ask for a level in a view"), Response=Response
    )
    with Configurator() as config:
        config.set_security_policy(policy["RemoteUserPolicy"]())
        config.add_route("sign", "/sign")
        config.add_route("name", "/")
        config.add_view(view["sign"], route_name="sign", permission="sign")
        config.add_view(
            lambda request: Response(f"user=[{request.authenticated_userid}]"),
            route_name="name",
        )
        app = config.make_wsgi_app()
    browser = at(app, "/ optional\n/sign basis", user="attribute:name",
                 requested_attributes="name")  # fmt: skip
    assert browser.visit("https://mijn.test/").text == "user=[None]"
    browser.visit("https://mijn.test/sign")
    log_in(browser)
    type_code(browser)
    assert browser.text == "You have signed."
    assert "user=[Anna de Proef]" in browser.visit("https://mijn.test/").text


# --- filters of one's own -------------------------------------------------------------


def test_a_filter_of_your_own_asks_for_more(eilogin_federation, witness):
    code = code_of("develop/index.rst", "A filter of your own")
    make = run(code)["make_curfew"]
    sites = {
        host: make(witness, {}, begins=begins)
        for host, begins in {"laat.test": "0", "vroeg.test": "24"}.items()
    }
    options = {"laat.test": {"protect": "/ basis\n/static off"}}
    browser = eilogin_federation(sites, options=options).browser()
    assert browser.visit("https://laat.test/static/x").status_int == 200
    browser.visit("https://vroeg.test/")
    log_in(browser)
    assert browser.url == "https://vroeg.test/"
    browser.visit("https://laat.test/")
    assert "inloggen.test" in browser.url
    type_code(browser)
    assert browser.url == "https://laat.test/"
    assert witness.environ["eilogin.address"] is None
    browser.visit("https://laat.test/static/x")
    assert browser.url == "https://laat.test/static/x"
    assert witness.environ["eilogin.off"] is True


def test_a_filter_of_your_own_drops_a_forged_header(at, witness):
    department = run(code_of("develop/index.rst", "Rules for a filter"))["Department"]
    known = {}
    browser = at(department(witness, known))
    browser.fetch("https://mijn.test/", X_Department="chief")
    assert "HTTP_X_DEPARTMENT" not in witness.environ
    browser.visit("https://mijn.test/eilogin/login")
    log_in(browser)
    known[witness.environ["eilogin.session"].subject] = "parks"
    browser.fetch("https://mijn.test/", **{"X-Department": "chief"})
    assert witness.environ["HTTP_X_DEPARTMENT"] == "parks"


# --- whole projects, tested as the pages say ------------------------------------------

SITE = """
from webob import Request, Response

FORM = '<form method="post"><input name="text"><button>Send</button></form>'


def application(environ, start_response):
    request = Request(environ)
    text = f"Welcome {environ.get('REMOTE_USER')} {environ.get('MAIL')}"
    if request.method == "POST":
        photo = request.POST.get("photo")
        text = f"{request.POST['text']} {getattr(photo, 'filename', '')}"
    return Response(f"<p>{text}</p>{FORM}")(environ, start_response)
"""


@pytest.fixture
def project(tmp_path):
    """Write the files of a project, and run its tests in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}

    def test(files, **more):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        path = os.pathsep.join([str(tmp_path), *map(str, more.pop("path", ()))])
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-rA"],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": path, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return re.findall(r"^PASSED \S+::(\w+)", ran.stdout, re.MULTILINE)

    return test


#: eilogin is put around an application by code, as three pages say.
AROUND = """
from types import SimpleNamespace
import pytest
from mysite.wsgi import application as site
from test_site import INI, log_in

BLOCKS = {blocks!r}

@pytest.mark.parametrize("name", BLOCKS)
def test_around(eilogin_federation, tmp_path, name):
    federation = eilogin_federation({{"mijn.test": site}},
        options={{"mijn.test": {{"acs": "post"}}}})
    (tmp_path / "site.ini").write_text(INI.format(folder=federation.folder))
    names = {{"site": site, "app": SimpleNamespace(wsgi_app=site)}}
    exec(BLOCKS[name].replace("FOLDER", str(tmp_path)), names)
    made = names.get("application", names["app"].wsgi_app)
    assert made is not site
    federation.apps["mijn.test"] = made
    browser = federation.browser()
    browser.language = "en"
    browser.visit("https://mijn.test/mijn")
    log_in(browser)
    assert "Welcome" in browser.text
"""

IN_DJANGO = "A whole site"
ALONE = "A view alone, without a federation"


def test_the_tests_of_the_page_pass(project):
    ini = blocks("develop/index.rst", "Test a filter, or an ini file", "python")
    code = "\n\n".join([*blocks("develop/testing.rst", language="python"), *ini])
    around = {
        "runserver": ("protect/django.rst", "Develop with runserver", "/srv/mysite"),
        "flask": ("protect/flask.rst", "Develop with flask run", "/srv/library"),
        "code": (
            "develop/index.rst",
            "Put eilogin around an application in code",
            "/srv/mysite",
        ),
    }
    dev = {
        name: with_changes(code_of(page, section), {folder: "FOLDER"})
        for name, (page, section, folder) in around.items()
    }
    passed = project(
        {
            "mysite/__init__.py": "",
            "mysite/wsgi.py": SITE,
            "test_site.py": code,
            "test_dev.py": AROUND.format(blocks=dev),
        }
    )
    assert len(passed) == code.count("def test_") + len(dev) >= 12


#: What the Django site of the tests has besides what stands on the page.
DJANGO_URLS = """
from django.urls import path
from mysite.letters import letters
from mysite.views import download, sign, transfer
from mysite.whose import is_visitor
from django.http import HttpResponse
from townhall.urls import urlpatterns as others

def whose(request):
    return HttpResponse(f"{request.user} {is_visitor(request)} {request.user.email}"
        if request.user.is_authenticated else f"{request.user} {is_visitor(request)}")

urlpatterns = [*others, path("sign/", sign), path("transfer/", transfer),
               path("objection/", sign),
               path("whose/", whose), path("letters/", letters),
               path("download/<str:kind>/", download)]
"""
DJANGO_SETTINGS = """
from pathlib import Path
from townhall.settings import *

{lines}

{more}
INSTALLED_APPS = [*INSTALLED_APPS, "mysite"]
ROOT_URLCONF = "mysite.urls"
ALLOWED_HOSTS = [".test"]
DATABASES["default"]["NAME"] = Path(__file__).parent / "db.sqlite3"
"""
DJANGO_WSGI = """
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""
DJANGO_CONFTEST = """
import pytest
from django.core.management import call_command

@pytest.fixture(scope="session", autouse=True)
def migrations():
    call_command("makemigrations", "mysite", verbosity=0)
"""
DJANGO_TESTS = """
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import override_settings
from mysite.models import DjangoSession

def test_each_view_asks_for_what_it_needs(browser):
    with time_machine.travel(datetime.now(UTC)) as clock:
        browser.visit("https://mijn.test/sign/")
        log_in(browser)
        assert "You have signed." in browser.text
        assert "You have transferred." in browser.visit("https://mijn.test/transfer/").text
        clock.shift(601)
        assert "You have signed." in browser.visit("https://mijn.test/sign/").text
        browser.visit("https://mijn.test/transfer/")
        assert "inloggen.test" in browser.url
        log_in(browser)
        assert "You have transferred." in browser.text

def test_a_visitor_and_an_editor_are_told_apart(tables, browser):
    User.objects.filter(username="editor").delete()
    User.objects.create_superuser("editor", "editor@example.nl", "secret")
    whose = "https://mijn.test/whose/"
    assert browser.visit(whose).text == "AnonymousUser False"
    browser.visit("https://mijn.test/admin/")
    browser.press("Log in", username="editor", password="secret")
    assert browser.visit(whose).text == "editor False editor@example.nl"
    browser.visit("https://mijn.test/desk/")
    log_in(browser)
    assert re.match(r"burger-\\w+ True anna", browser.visit(whose).text), browser.text
    assert "Site administration" in browser.visit("https://mijn.test/admin/").text

def test_a_view_asks_for_a_level_inside(browser):
    assert "plain" in browser.visit("https://mijn.test/download/plain/").text
    browser.visit("https://mijn.test/download/secret/")
    log_in(browser)
    assert browser.url == "https://mijn.test/download/secret/"
    assert "secret" in browser.text

def test_login_required_leads_to_the_hub_and_back(browser):
    browser.visit("https://mijn.test/letters/?year=2026")
    assert "inloggen.test" in browser.url
    log_in(browser)
    assert browser.url == "https://mijn.test/letters/?year=2026"
    assert browser.text == "Your letters."

def begin_a_form_and_log_out_elsewhere(browser):
    browser.visit("https://mijn.test/desk/")
    log_in(browser)
    browser.visit("https://mijn.test/desk/")
    tab = browser.url, browser.page
    browser.visit("https://inloggen.test/")
    browser.press("Log out everywhere")
    browser.url, browser.page = tab
    browser.press("Keep", text="a late letter")
    assert browser.page.status_int == 403
    browser.click("Log in again")

def test_a_kept_form_is_valid_after_a_new_login(browser):
    begin_a_form_and_log_out_elsewhere(browser)
    log_in(browser)
    browser.press("Send again")
    assert "a late letter" in browser.text

def test_a_kept_form_is_refused_after_a_page_of_django(browser):
    begin_a_form_and_log_out_elsewhere(browser)
    log_in(browser)
    tab = browser.url, browser.page
    browser.visit("https://mijn.test/desk/")
    browser.url, browser.page = tab
    browser.press("Send again")
    assert "CSRF verification failed" in browser.text

def test_a_script_gets_401_at_the_end_of_the_redirect(browser):
    answer = browser.fetch("https://mijn.test/letters/", Accept="application/json")
    assert answer.status_int == 302
    assert answer.headers["Location"] == "/eilogin/login?next=/letters/"
    url = "https://mijn.test" + answer.headers["Location"]
    answer = browser.fetch(url, Accept="application/json")
    assert (answer.status_int, answer.json["reason"]) == (401, "login-needed")

def test_a_script_on_an_optional_path_is_anonymous_after_the_session(browser):
    with time_machine.travel(datetime.now(UTC)) as clock:
        browser.visit("https://mijn.test/desk/")
        log_in(browser)
        whose = "https://mijn.test/whose/", "GET"
        assert browser.fetch(*whose).text.startswith("burger-")
        clock.shift(901)
        answer = browser.fetch(*whose)
        assert (answer.status_int, answer.text) == (200, "AnonymousUser False")
        browser.visit("https://mijn.test/desk/")
        log_in(browser)
        assert browser.fetch(*whose).text.startswith("burger-")

def test_a_new_login_after_a_logout_changes_the_csrf_token(browser):
    tokens = set()
    for _ in range(2):
        browser.visit("https://mijn.test/desk/")
        log_in(browser)
        tokens.add(browser.cookies("mijn.test")["csrftoken"])
        browser.visit("https://inloggen.test/")
        browser.press("Log out everywhere")
    assert len(tokens) == 2

def rows_after_a_logout_elsewhere(eilogin_federation, **options):
    Session.objects.all().delete()
    options = {"protect": "/ optional\\n/desk basis", **options}
    federation = eilogin_federation({"mijn.test": app}, options={"mijn.test": options})
    browser = federation.browser()
    browser.language = "en"
    browser.visit("https://mijn.test/desk/")
    log_in(browser)
    assert Session.objects.count() == 1
    browser.visit("https://inloggen.test/")
    browser.press("Log out everywhere")
    return Session.objects.count()

CALL = {"app_logout_call": "POST /leave/ csrfmiddlewaretoken=csrftoken"}
FUNCTION = {"on_logout": "mysite.hooks:end_session"}

def test_a_logout_elsewhere_leaves_the_row(tables, eilogin_federation):
    assert rows_after_a_logout_elsewhere(eilogin_federation) == 1

def test_a_call_deletes_the_row_over_https(tables, eilogin_federation):
    assert rows_after_a_logout_elsewhere(eilogin_federation, **CALL) == 0

def test_a_function_deletes_the_row(tables, eilogin_federation):
    with override_settings(CSRF_USE_SESSIONS=True):
        assert rows_after_a_logout_elsewhere(eilogin_federation, **CALL) == 1
        assert rows_after_a_logout_elsewhere(eilogin_federation, **FUNCTION) == 0
    left = Session.objects.values("pk")
    assert not DjangoSession.objects.filter(key__in=left).exists()

def test_staff_with_an_account_at_the_hub_uses_the_admin(tables, eilogin_federation):
    options = {"protect": "/ optional\\n/admin basis", "user_prefix": "burger-"}
    federation = eilogin_federation({"mijn.test": app}, options={"mijn.test": options})
    browser = federation.browser()
    browser.language = "en"
    browser.visit("https://mijn.test/admin/")
    log_in(browser)
    assert "not authorized" in browser.text
    name = browser.visit("https://mijn.test/whose/").text.split()[0]
    User.objects.filter(username=name).update(is_staff=True)
    assert "Site administration" in browser.visit("https://mijn.test/admin/").text

def test_a_test_of_django_logs_in_without_eilogin(tables, client):
    user, _ = User.objects.get_or_create(username="editor")
    client.force_login(user)

def test_django_alone_is_tested_by_a_stub(tables, client):
    from test_alone import signed_in
    assert client.get("/desk/", **signed_in()).status_code == 200
    assert client.get("/sign/", **signed_in()).status_code == 403
    answer = client.get("/sign/", **signed_in(level="midden"))
    assert answer.content == b"You have signed."
    whose = client.get("/whose/", **signed_in("bram", mail=["bram@example.nl"]))
    assert whose.content == b"burger-bram True bram@example.nl"
"""


def test_a_django_site_does_what_the_page_says(project):
    page = "protect/django-users.rst"
    levels, views, inside = blocks(page, "Ask for a level in a view", "python")
    settings = blocks("protect/django.rst", "Lines for settings.py", "python")[0]
    models, hooks = blocks(
        "protect/django.rst", "Delete the session from the database", "python"
    )
    login_url, letters = blocks(page, "Use login_required", "python")
    backend, chosen = blocks(page, "Name and e-mail of a visitor", "python")
    options = with_changes(
        code_of("develop/testing-django.rst", IN_DJANGO),
        {
            '"user_prefix": "burger-",': '"user_prefix": "burger-",'
            ' "requested_attributes": "name\\nmail",'
        },
    )
    client = """
from django.test import Client

@pytest.fixture
def client():
    return Client(SERVER_NAME="mijn.test")
"""
    passed = project(
        {
            "mysite/__init__.py": "",
            "mysite/wsgi.py": DJANGO_WSGI,
            "mysite/settings.py": DJANGO_SETTINGS.format(
                lines=settings, more=f"{login_url}\n\n{chosen}"
            ),
            "mysite/urls.py": DJANGO_URLS,
            "mysite/levels.py": levels,
            "mysite/views.py": f"{views}\n\n{inside}",
            "mysite/letters.py": letters,
            "mysite/whose.py": code_of(page, "Tell a visitor from an editor"),
            "mysite/backends.py": backend,
            "mysite/models.py": models,
            "mysite/hooks.py": hooks,
            "conftest.py": DJANGO_CONFTEST,
            "test_alone.py": code_of("develop/testing-django.rst", ALONE),
            "test_django.py": options + client + DJANGO_TESTS,
        },
        DJANGO_SETTINGS_MODULE="mysite.settings",
        path=[HOUSE / "tests" / "apps" / "townhall"],
    )
    assert len(passed) == 17


_IN_DJANGO = """
import json, sys
import django
from django.conf import settings
from webob import Response

settings.configure(ALLOWED_HOSTS=["*"])
django.setup()
exec(sys.argv[1])
answer = Response(b"go", 303, headerlist=json.loads(sys.argv[2]))
response = as_django(answer)
cookies = [("Set-Cookie", m.OutputString()) for m in response.cookies.values()]
told = [response.status_code, response.content.decode()]
print(json.dumps([*told, *response.items(), *cookies]))
"""


def test_an_answer_for_django_has_every_cookie():
    """As a browser needs them on its way to the hub and back."""
    code = blocks("protect/django-users.rst", "Ask for a level in a view", "python")[0]
    headers = [
        ("Location", "https://hub.test/sso?SAMLRequest=a%2B/=&RelayState=_x"),
        Cookie("eilogin-a").set("v1.A_-~|+/=:<>x", max_age=600),
        Cookie("eilogin-b", same_site="None").expire(),
        ("Cache-Control", "no-store"),
    ]
    ran = subprocess.run(
        [sys.executable, "-c", _IN_DJANGO, code, json.dumps(headers)],
        capture_output=True,
        text=True,
        check=True,
    )
    asked = json.loads(ran.stdout)
    assert asked[:2] == [303, "go"]
    told = {name: value for name, value in asked[2:] if name != "Set-Cookie"}
    assert told.items() >= {headers[0], headers[3]}
    sent = [value for name, value in headers if name == "Set-Cookie"]
    cookies = [value for name, value in asked[2:] if name == "Set-Cookie"]
    assert list(map(_parts_of, cookies)) == list(map(_parts_of, sent))


def _parts_of(cookie):
    pair, *attributes = cookie.split("; ")
    return pair.replace('""', ""), {one.lower() for one in attributes}
