"""Currently unavailable: what the portal knows without a call."""

import logging
import os

import pytest
import time_machine
from portals import LOGIN, RESOLVER, SSO, browser, hub_and, member, tiles

from eilogin.errors import InvalidOptions
from eilogin.http_client import BackChannel, Reachability
from eilogin.portal import make_portal
from eilogin.portal import service_reachability as module
from eilogin.portal.portal_app import PortalOptions

NOTE = "Nu niet bereikbaar"
DAY = 24 * 3600.0
A, B = "https://a.example/metadata", "https://b.example/metadata"


def two(**more):
    return hub_and(member("a.example", {"nl": "Alfa"}, **more), beta())


def beta():
    return member("b.example", {"nl": "Beta"})


def away(page):
    """The names of the services that the page says are not reachable."""
    found = page.html.select(".away")
    assert all(one.svg["aria-hidden"] == "true" and NOTE in one.text for one in found)
    links = [one.find_previous(class_="name") for one in found]
    assert [one["aria-describedby"] for one in links] == [one["id"] for one in found]
    return [one.text for one in links]


@pytest.fixture
def patience(monkeypatch):
    """Let the portal look at its file at every request."""
    monkeypatch.setattr(module, "_CHECKED_EVERY", 0.0)


# --- metadata -----------------------------------------------------------------------


def test_a_page_that_knows_nothing_says_nothing():
    page = browser(two(), LOGIN).get("/")
    assert away(page) == []
    assert "niet bereikbaar" not in page.text


def test_a_service_with_expired_metadata_is_marked_for_a_week_and_then_vanishes():
    visitor = browser(two(valid_until=1000.0), LOGIN)
    shown = []
    for now in (900.0, 1059.0, 1060.0, 7 * DAY + 1059.0, 7 * DAY + 1060.0):
        with time_machine.travel(now, tick=False):
            page = visitor.get("/")
        shown.append((tiles(page), away(page)))
    assert shown == [
        (["Alfa", "Beta"], []),
        (["Alfa", "Beta"], []),
        (["Alfa", "Beta"], ["Alfa"]),
        (["Alfa", "Beta"], ["Alfa"]),
        (["Beta"], []),
    ]


# --- the file of the monitoring -----------------------------------------------------


def test_a_service_in_the_file_is_marked_and_its_link_stays(tmp_path):
    file = tmp_path / "down"
    file.write_text(f"# since ten o'clock\n\n  {A}  \nhttps://nobody.example/\n")
    page = browser(two(), LOGIN, not_reachable=str(file)).get("/")
    assert away(page) == ["Alfa"]
    assert page.click("Alfa").location == "https://a.example/"


@pytest.mark.usefixtures("patience")
def test_a_changed_file_is_read_again_and_a_missing_one_names_nobody(tmp_path):
    file = tmp_path / "down"
    visitor = browser(two(), LOGIN, not_reachable=str(file))
    assert away(visitor.get("/")) == []
    file.write_text(A)
    assert away(visitor.get("/")) == ["Alfa"]
    assert away(visitor.get("/")) == ["Alfa"]
    file.write_text(f"{A}\n{B}\n")
    assert away(visitor.get("/")) == ["Alfa", "Beta"]
    file.unlink()
    assert away(visitor.get("/")) == []


def test_the_file_is_looked_at_every_few_seconds(tmp_path):
    file = tmp_path / "down"
    visitor = browser(two(), LOGIN, not_reachable=str(file))
    assert away(visitor.get("/")) == []
    file.write_text(A)
    assert away(visitor.get("/")) == []


@pytest.mark.usefixtures("patience")
def test_a_file_that_cannot_be_read_is_logged_once(tmp_path, caplog):
    file = tmp_path / "down"
    file.write_bytes(b"\xff\xfe" + A.encode())
    visitor = browser(two(), LOGIN, not_reachable=str(file))
    for _ in range(3):
        assert away(visitor.get("/")) == []
    [line] = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "portal: not_reachable: cannot read" in line.getMessage()
    file.write_text(A)
    os.utime(file, (1, 1))
    assert away(visitor.get("/")) == ["Alfa"]


@pytest.mark.parametrize("place", [".", "nowhere/down"])
def test_a_place_without_such_a_file_is_refused(tmp_path, place):
    with pytest.raises(InvalidOptions, match="a file, or a new one in an existing"):
        make_portal({}, not_reachable=str(tmp_path / place))


def test_a_program_gives_a_path(tmp_path):
    assert PortalOptions(not_reachable=tmp_path / "down").not_reachable.name == "down"


# --- the hub ------------------------------------------------------------------------


class Seeing(BackChannel):
    """Sees at an address what a test says, and calls nobody."""

    def __init__(self, **outcomes):
        super().__init__()
        self.outcomes = outcomes

    def _check(self, url, timeout):
        return self.outcomes[url.rpartition("/")[2]]


def seeing(login=LOGIN, **outcomes):
    trust = two()
    trust.back_channel = Seeing(**outcomes)
    return trust, browser(trust, login)


@pytest.mark.parametrize("seen", [Reachability.AWAY, Reachability.REFUSED])
def test_a_hub_that_nobody_found_a_moment_ago_is_told(seen):
    trust, visitor = seeing(sso=seen)
    assert "De inlogdienst" not in visitor.get("/").text
    trust.back_channel.look(SSO)
    page = visitor.get("/")
    assert "De inlogdienst is nu niet bereikbaar." in page.text
    assert "Bij de andere diensten kunt u nu niet inloggen." in page.text


def test_an_anonymous_visitor_is_told_to_try_again():
    trust, visitor = seeing(None, sso=Reachability.AWAY)
    trust.back_channel.look(SSO)
    assert "Probeer het over een paar minuten opnieuw." in visitor.get("/").text


@pytest.mark.parametrize(
    ("sso", "artifact"),
    [
        (Reachability.REFUSED, Reachability.THERE),
        (Reachability.SILENT, Reachability.CUT_OFF),
        (Reachability.THERE, Reachability.THERE),
    ],
)
def test_a_hub_that_may_be_there_is_not_told(sso, artifact):
    trust, visitor = seeing(sso=sso, artifact=artifact)
    for address in (SSO, RESOLVER):
        trust.back_channel.look(address)
    assert "De inlogdienst" not in visitor.get("/").text


def test_observed_reachability_of_hub_expires(monkeypatch):
    trust, visitor = seeing(sso=Reachability.AWAY)
    trust.back_channel.look(SSO)
    monkeypatch.setattr(module, "_KNOWN_FOR", 0.0)
    assert "De inlogdienst" not in visitor.get("/").text


def test_nothing_is_known_of_a_hub_that_is_none_any_more():
    trust, visitor = seeing(sso=Reachability.AWAY)
    trust.hub_ids = ("https://other.example/metadata",)
    visitor.extra_environ["eilogin.session"] = None
    assert "De inlogdienst" not in visitor.get("/").text
