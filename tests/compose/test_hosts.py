"""``egg:eilogin#hosts``: several sites in one process, by host name."""

import pytest
from paste.deploy import loadapp
from webtest import TestApp as Browser

from eilogin.compose.hosts import Hosts, host_of, make_hosts
from eilogin.errors import InvalidOptions


def site(name):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{name} {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]

    return app


class FakeLoader:
    """A loader of PasteDeploy that makes an app of any name."""

    def get_app(self, name, global_conf=None):
        assert global_conf == {"here": "x"}
        return site(name)


@pytest.fixture
def browser():
    hosts = {"UWV.example.nl": "uwv", "inloggen.localhost": "hub", "127.0.0.1": "uwv"}
    return Browser(make_hosts(FakeLoader(), {"here": "x"}, **hosts))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("uwv.example.nl", "uwv"),
        ("uwv.example.nl:8443", "uwv"),
        ("UWV.Example.NL", "uwv"),
        ("uwv.example.nl.", "uwv"),
        ("uwv.example.nl.:80", "uwv"),
        ("uwv.example.nl:", "uwv"),
        ("127.0.0.1:8080", "uwv"),
        ("inloggen.localhost", "hub"),
    ],
)
def test_the_app_of_the_host_answers_with_environ_as_it_was(browser, host, name):
    answer = browser.get("/a/b", headers={"Host": host})
    assert answer.text == f"{name} |/a/b"


@pytest.mark.parametrize(
    "host",
    ["", "example.nl", "uwv.example.nl.evil.example", "x.uwv.example.nl", "<b>", "a:b"],
)
def test_another_host_is_misdirected_and_not_reflected(browser, host):
    answer = browser.get(
        "/", headers={"Host": host, "Accept-Language": "en"}, status=421
    )
    assert answer.status == "421 Misdirected Request"
    assert "There is no website at this address" in answer.text
    assert "evil" not in answer.text
    assert "<b>" not in answer.text


def test_a_request_without_host_asks_for_none():
    assert host_of({}) == ""
    assert host_of({"HTTP_HOST": "[::1]:8080"}) == "[::1]"


def test_an_ini_file_composes_sites(tmp_path):
    ini = tmp_path / "site.ini"
    ini.write_text(
        "[composite:main]\nuse = egg:eilogin#hosts\na.localhost = one\n"
        "B.localhost = one\n"
        "[app:one]\nuse = egg:eilogin#wsgi\napp = wsgiref.simple_server:demo_app\n"
    )
    app = loadapp(f"config:{ini}")
    assert isinstance(app, Hosts)
    answer = Browser(app).get("/", headers={"Host": "b.localhost:8080"})
    assert "Hello world!" in answer.text


def test_an_app_that_is_not_there_is_named(tmp_path):
    ini = tmp_path / "site.ini"
    ini.write_text("[composite:main]\nuse = egg:eilogin#hosts\na.localhost = nowhere\n")
    with pytest.raises(LookupError, match="nowhere"):
        loadapp(f"config:{ini}")


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ({}, "a line 'host name = app'"),
        ({"https://a.example": "x"}, "host names without a port"),
        ({"a.example:80": "x"}, "host names without a port"),
        ({"a.example": "x", "A.example": "y"}, "one line for each host name"),
    ],
)
def test_lines_that_are_no_hosts_are_refused(tmp_path, hosts, reason):
    ini = tmp_path / "site.ini"
    lines = "".join(
        f"{host.replace(':', '?')} = {app}\n" for host, app in hosts.items()
    )
    ini.write_text(f"[composite:main]\nuse = egg:eilogin#hosts\n{lines}")
    with pytest.raises(InvalidOptions, match=reason):
        make_hosts(FakeLoader(), {"__file__": str(ini)}, **hosts)
