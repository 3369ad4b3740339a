"""What ``eilogin check`` tells of a site that is open to others."""

import pytest

from eilogin.cli.checks.configuration_check import check
from eilogin.cli.inifiles.ini_sections import IniFile

OUT = "redis://192.0.2.1"


@pytest.fixture
def codes(site):
    """The codes of the notes on a section that are about its exposure."""

    def read(section="filter:uwv-eilogin"):
        found = check(IniFile.read(site.file, {})).remarks
        return [note.code for note in found if note.section == section]

    return read


@pytest.mark.parametrize(
    ("lines", "is_open"),
    [("/ off", True), ("/ optional", False), ("/ basis", False), ("=/ off", False)],
)
def test_a_site_that_asks_nobody_is_noted(site, codes, lines, is_open):
    site.set("filter:uwv-eilogin", protect=lines)
    assert ("no-login" in codes()) is is_open


@pytest.mark.parametrize(
    ("store", "told"),
    [
        (f"{OUT}/0", {"store-without-password", "store-without-tls"}),
        ("redis://:word@192.0.2.1/0", {"store-without-tls"}),
        ("rediss://192.0.2.1/0", {"store-without-password"}),
        ("rediss://:word@192.0.2.1/0", set()),
        ("rediss://192.0.2.1/0?cert=paste.ini&key=paste.ini", set()),
        ("redis://127.0.0.1:1/0", set()),
        ("redis://localhost:1/0", set()),
        ("redis+cluster://127.0.0.1:1,192.0.2.1:1", {"store-without-password"}),
    ],
)
def test_a_store_on_another_host_is_noted(site, codes, store, told, monkeypatch):
    monkeypatch.setattr(
        "eilogin.filters.session.SessionOptions.store_faults", lambda _: []
    )
    site.set("filter:uwv-eilogin", store=store)
    assert told <= set(codes())
    assert bool(told) == any("store-" in code for code in codes())


@pytest.mark.parametrize(
    ("server", "proxies", "is_noted"),
    [
        ({"listen": "127.0.0.1:1"}, None, True),
        ({"listen": "localhost:1 [::1]:1"}, None, True),
        ({"listen": None, "host": "127.0.0.1"}, None, True),
        ({"listen": "127.0.0.1:1"}, "127.0.0.1", False),
        ({"listen": "127.0.0.1:1 192.0.2.1:1"}, None, False),
        ({"listen": "*:1"}, None, False),
    ],
)
def test_a_proxy_that_nobody_trusts_is_noted(site, codes, server, proxies, is_noted):
    for name, options in {"main": server, "back": {"listen": "*:2"}}.items():
        site.set(f"server:{name}", **options)
    site.set(
        "filter:uwv-eilogin",
        public_url="https://uwv.example.nl",
        trusted_proxies=proxies,
    )
    assert ("no-proxies" in codes()) is is_noted


def test_a_site_over_http_has_no_proxy(codes):
    assert "no-proxies" not in codes()


def test_a_file_without_a_server_is_noted(site, codes):
    assert "no-server" not in codes("")
    text = site.file.read_text()
    site.file.write_text(text.replace("[server:", "[other:"))
    assert "no-server" in codes("")


def test_citizens_that_others_can_read_are_noted(site, codes):
    assert "open-file" not in codes("app:hub")
    (site.var / "citizens.json").chmod(0o644)
    assert "open-file" in codes("app:hub")


class TestAFilterInNoPipeline:
    def test_is_a_fault_where_an_application_is_open(self, site):
        site.set("pipeline:uwv", pipeline="app")
        fault = site.fault()
        assert (fault.section, fault.code) == ("filter:uwv-eilogin", "unguarded")
        assert "is before [app:app]; expected 'filter-with" in fault.expected
        assert "'filter-with = uwv-eilogin'" in fault.expected

    def test_is_no_fault_where_every_application_has_a_filter(self, site, codes):
        site.set(
            "pipeline:uwv", pipeline="g-session g-trust g-login g-logout g-identity app"
        )
        assert site.faults() == []
        assert "no-effect" in codes()


@pytest.mark.parametrize("section", ["filter:g-logout", "app:app", "app:hub"])
def test_a_section_without_use_is_a_fault(site, section):
    site.set(section, use=None)
    faults = {(fault.section, fault.option) for fault in site.faults()}
    assert (section, "use") in faults


@pytest.mark.parametrize("name", ["__Secure-x", "__host-x", "__Host-__Host-x"])
def test_a_cookie_with_a_prefix_of_browsers_is_a_fault(site, name):
    site.set("filter:uwv-eilogin", cookie=name)
    assert "expected a name without '__" in str(site.fault())


def test_a_cookie_may_be_called_as_a_browser_sees_it(site):
    site.set("filter:uwv-eilogin", cookie="__Host-x")
    assert site.faults() == []


def test_an_application_that_its_module_has_not_is_a_fault(site):
    site.set("app:app", app="wsgiref.simple_server:demoapp")
    assert "'demoapp'; did you mean 'demo_app'" in str(site.fault())
