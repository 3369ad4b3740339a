"""Where a stack of others is not there, its test says what to install, or fails."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import apache
import axe
import cache_servers
import chromium
import firefox
import mellon
import memcached_servers
import nginx_servers
import peer_servers
import plone_site
import pysaml2_idp
import pytest
import shibboleth

NOWHERE = Path("/nowhere")
REQUIRE_MEMCACHED = memcached_servers.require_memcached


@pytest.fixture(autouse=True)
def _debian(monkeypatch):
    """Whatever this machine has, all programs are there but the one that is not."""
    for module, name in (
        (apache, "PROGRAM"),
        (pysaml2_idp, "XMLSEC"),
        (chromium, "PROGRAM"),
        (firefox, "PROGRAM"),
        (memcached_servers, "PROGRAM"),
        (nginx_servers, "PROGRAM"),
        (cache_servers, "PROGRAM"),
    ):
        monkeypatch.setattr(module, name, Path(sys.executable))


def no_apache(monkeypatch):
    monkeypatch.setattr(apache, "PROGRAM", NOWHERE)


def no_module(monkeypatch):
    monkeypatch.setattr(apache, "MODULES", NOWHERE)


def no_pysaml2(monkeypatch):
    monkeypatch.setitem(sys.modules, "saml2", None)


def no_xmlsec(monkeypatch):
    monkeypatch.setattr(pysaml2_idp, "XMLSEC", NOWHERE)


def no_faketime(monkeypatch):
    monkeypatch.setattr(peer_servers, "LIBRARIES", NOWHERE)


def no_playwright(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)


def no_chromium(monkeypatch):
    monkeypatch.setattr(chromium, "PROGRAM", NOWHERE)


def no_websockets(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.sync.client", None)


def no_firefox(monkeypatch):
    monkeypatch.setattr(firefox, "PROGRAM", NOWHERE)


def no_axe(monkeypatch):
    monkeypatch.setitem(sys.modules, "axe_playwright_python.base", None)


def no_memcached(monkeypatch):
    monkeypatch.setattr(memcached_servers, "PROGRAM", NOWHERE)


def no_nginx(monkeypatch):
    monkeypatch.setattr(nginx_servers, "PROGRAM", NOWHERE)


def no_varnish(monkeypatch):
    monkeypatch.setattr(cache_servers, "PROGRAM", NOWHERE)


def no_driver_of_memcached(monkeypatch):
    monkeypatch.setitem(sys.modules, "memcache", None)


def no_plone(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")


def start_chromium():
    with chromium.launched():
        raise AssertionError("it was not missing")


def start_firefox():
    with firefox.launched(NOWHERE):
        raise AssertionError("it was not missing")


def inject_axe():
    axe.inject(None)


def start_nginx():
    with nginx_servers.nginx(NOWHERE, "", 0):
        raise AssertionError("it was not missing")


def start_varnish():
    with cache_servers.varnish_keeps(NOWHERE, 0):
        raise AssertionError("it was not missing")


def install_plone():
    with TemporaryDirectory() as folder:
        plone_site.Environment(Path(folder) / "environment").make()


def make_clock():
    peer_servers.Clock(NOWHERE)


PARTS = pytest.mark.parametrize(
    ("remove", "start", "told"),
    [
        (no_apache, mellon.require_mellon, "apt install apache2-bin"),
        (no_module, mellon.require_mellon, "apt install libapache2-mod-auth-mellon"),
        (no_apache, shibboleth.require_shibboleth, "apt install apache2-bin"),
        (no_module, shibboleth.require_shibboleth, "apt install libapache2-mod-shib"),
        (no_pysaml2, pysaml2_idp.require_pysaml2, r"pip install 'eilogin\[test\]'"),
        (no_xmlsec, pysaml2_idp.require_pysaml2, "apt install xmlsec1"),
        (no_faketime, make_clock, "apt install faketime"),
        (no_playwright, start_chromium, r"pip install 'eilogin\[test\]'"),
        (no_chromium, start_chromium, "apt install chromium"),
        (no_websockets, start_firefox, r"pip install 'eilogin\[test\]'"),
        (no_firefox, start_firefox, "apt install firefox-esr"),
        (no_axe, inject_axe, r"pip install 'eilogin\[test\]'"),
        (no_nginx, start_nginx, "apt install nginx-light"),
        (no_varnish, start_varnish, "apt install varnish"),
        (no_plone, install_plone, "pip install -r .*raad/requirements.txt"),
        (no_memcached, REQUIRE_MEMCACHED, "apt install memcached"),
        (no_driver_of_memcached, REQUIRE_MEMCACHED, r"pip install 'eilogin\[memcach"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)


@PARTS
def test_a_test_without_a_part_is_skipped_and_says_what_to_install(
    monkeypatch, remove, start, told
):
    monkeypatch.delenv("EILOGIN_REQUIRE_REAL", raising=False)
    remove(monkeypatch)
    with pytest.raises(pytest.skip.Exception, match=f"^needs .*: {told}"):
        start()


@PARTS
def test_a_test_without_a_part_fails_where_there_has_to_be_one(
    monkeypatch, remove, start, told
):
    monkeypatch.setenv("EILOGIN_REQUIRE_REAL", "1")
    remove(monkeypatch)
    with pytest.raises(pytest.fail.Exception, match=f"^needs .*: {told}"):
        start()
