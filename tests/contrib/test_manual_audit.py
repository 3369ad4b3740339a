"""The pages for auditors list every event and every cookie of the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from manual_blocks import blocks

import eilogin
from eilogin.federation import Own
from eilogin.federation.local.profiles import PROFILES
from eilogin.participant.digid_profile import named
from eilogin.saml.messages import NameID

HOUSE = Path(eilogin.__file__).parent
AUDIT = HOUSE.parent / "contrib" / "manual" / "audit"
SOURCES = "\n".join(
    file.read_text("utf-8")
    for file in sorted(HOUSE.rglob("*.py"))
    # Nobody audits the demo.
    if file.parent.name != "demo"
)

EVENTS = set(re.findall(r'audit\.event\(\s*"([a-z.-]+)"', SOURCES))
EVENTS |= set(re.findall(r'"(trust\.[a-z]+)"', SOURCES))
EVENTS |= set(re.findall(r'_(?:note|report)\((?:case, )?"([a-z]+\.[a-z-]+)"', SOURCES))
#: Refusals, which are events too.
EVENTS |= set(re.findall(r'\bevent="([a-z.-]+)"', SOURCES))
EVENTS |= set(re.findall(r'note_refusal\(error, "([a-z.-]+)"', SOURCES))
EVENTS |= set(re.findall(r'_refused\(visit, error, "([a-z.-]+)"', SOURCES))
#: Outcomes of a login: see eilogin.participant.response.session_creation.
EVENTS |= set(re.findall(r'return "(keep-alive)" if .* else "(step-up)"', SOURCES)[0])
COOKIES = set(re.findall(r'Cookie\("(eilogin-[a-z-]+)"', SOURCES))
COOKIES |= set(re.findall(r'_COOKIES = "(eilogin-[a-z-]+)"', SOURCES))
REASONS = set(re.findall(r'end_here\([a-z]+, "([a-z-]+)"', SOURCES))
REASONS |= set(re.findall(r'end_everywhere\([\w., ]+, "([a-z-]+)"\)', SOURCES))
REASONS |= set(
    re.findall(r'audit\.event\(\s*"session\.ended".*reason="([a-z-]+)"', SOURCES)
)
REASONS |= set(re.findall(r'entity_id, "(removed)"', SOURCES))


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_the_page_of_events_lists_each_event(event):
    page = (AUDIT / "events.rst").read_text("utf-8")
    table = page.partition("\nEvents\n------")[2].partition("\nReasons of")[0]
    rows = [line[:24] for line in table.splitlines()]
    assert any(f"``{event}``" in row for row in rows)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_the_page_of_events_lists_each_reason_of_an_end(reason):
    assert f"\n``{reason}`` " in (AUDIT / "events.rst").read_text("utf-8")


@pytest.mark.parametrize("cookie", sorted(COOKIES))
def test_the_page_of_cookies_lists_each_cookie(cookie):
    assert f"\n``{cookie}" in (AUDIT / "cookies.rst").read_text("utf-8")


def test_finds_the_events_cookies_and_reasons_of_the_code():
    assert {"session.ended", "trust.waiting", "store.end-all", "access"} < EVENTS
    assert {"path", "address", "form", "logout", "step-up"} < EVENTS
    assert {"eilogin-known", "eilogin-login-"} < COOKIES
    assert {
        "limit",
        "too-many",
        "here",
        "another-citizen",
        "operator",
        "removed",
        "logged-out-before",
    } <= REASONS


class TestPseudonyms:
    """The lines that lead from a name to its pseudonym."""

    KEY = "from which this test makes pseudonyms"

    @pytest.fixture
    def printed(self, tmp_path):
        """Run the lines of the page with a key in a file, and this name."""
        file = tmp_path / "pseudonym.key"
        file.write_text(f"{self.KEY}\n")

        def run(number, name):
            text = blocks("audit/events.rst", "From a person to a pseudonym", "sh")
            assert "/etc/eilogin/pseudonym.key" in text[number]
            command = text[number].replace("/etc/eilogin/pseudonym.key", str(file))
            command = command.replace("python3", sys.executable)
            ran = subprocess.run(
                ["sh", "-c", command],
                input=f"{name}\n",
                capture_output=True,
                text=True,
                check=True,
            )
            return ran.stdout.strip()

        return run

    @pytest.fixture
    def own(self):
        """Make the site, with a profile."""

        def made(profile):
            return Own(
                role="participant",
                public_url="https://uwv.test",
                prefix="/eilogin",
                keys=(),
                entity_id="https://uwv.test/eilogin/metadata",
                back_channel_url="https://uwv.test",
                pseudonym_key=self.KEY.encode(),
                profile=PROFILES[profile],
            )

        return made

    def test_of_a_bsn_are_those_of_the_audit_log(self, printed, own):
        site = own("digid")
        who = named(site, NameID("s00000000:900000016"), "https://digid.test")
        assert printed(0, "900000016") == site.pseudonym(who.name_id)

    def test_of_a_name_are_those_of_the_audit_log(self, printed, own):
        assert printed(1, "anna@burger.test") == own("saml").pseudonym(
            "anna@burger.test"
        )
