"""A rehearsal of DigiD whose back channel wants to see a certificate, as the real one.

The hub has two servers on one store: the one for visitors, and gunicorn, which speaks
TLS, for servers. Everything in it is real but the browser.
"""

import json

import pytest
from paste.deploy import loadapp
from real_parts import free_ports
from tls_servers import certificate, serving

from eilogin.cli import main
from eilogin.compose.hosts import Hosts
from eilogin.hub.signin.citizen_accounts import demo_citizens, to_json
from eilogin.saml.signing_keys import new_key_pair
from eilogin.testing import Browser

DIGID, MIJN = "digid.localhost", "mijn.localhost"
WRONG = "Er is een fout opgetreden in de communicatie met DigiD."

REHEARSAL = """
[pipeline:main]
pipeline = session trust hub

[filter:session]
use = egg:eilogin#session
store = sqlite:///%(here)s/rehearsal.db

[filter:trust]
use = egg:eilogin#trust
role = hub
profile = digid
public_url = http://digid.localhost:8090
back_channel_url = https://digid.localhost:PORT
name = DigiD (oefening)
key = %(here)s/rehearsal.key
certificate = %(here)s/rehearsal.crt
federation =
    %(here)s/mijn.xml   %(here)s/mijn.crt

[app:hub]
use = egg:eilogin#hub
citizens = %(here)s/citizens.json
name_id_key = file:%(here)s/name-id.key
rehearsal = true
"""

SITE = """
[pipeline:main]
pipeline = eilogin app

[filter:eilogin]
use = egg:eilogin
profile = digid
public_url = http://mijn.localhost:8080
name = Mijn
key = %(here)s/mijn.key
certificate = %(here)s/mijn.crt
federation = %(here)s/digid.xml
federation_unsigned = true
store = memory:
OPTIONS

[app:app]
use = egg:eilogin#wsgi
app = mijn_site:application
path = %(here)s
"""

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"welcome"]
"""


@pytest.fixture
def folder(tmp_path, capsys):
    """Both ini files, keys, certificates of TLS, and the metadata of both."""
    for name in ("rehearsal", "mijn"):
        for ending, octets in zip(("key", "crt"), new_key_pair(name), strict=True):
            (tmp_path / f"{name}.{ending}").write_bytes(octets)
    certificate(tmp_path, "was", certificate(tmp_path, "root"), hosts=(DIGID,))
    certificate(tmp_path, "tls", certificate(tmp_path, "ours"))
    certificate(tmp_path, "stranger")
    (tmp_path / "name-id.key").write_text("a secret of this very test")
    (tmp_path / "citizens.json").write_bytes(to_json(demo_citizens()))
    (tmp_path / "mijn_site.py").write_text(APPLICATION)
    return tmp_path


@pytest.fixture
def port(folder, capsys):
    """Where the hub answers to servers, by TLS."""
    [found] = free_ports(1)
    (folder / "rehearsal.ini").write_text(REHEARSAL.replace("PORT", str(found)))
    (folder / "mijn.ini").write_text(SITE.replace("OPTIONS", ""))
    for ini, metadata in (("mijn", "mijn"), ("rehearsal", "digid")):
        main(["metadata", str(folder / f"{ini}.ini")], standalone_mode=False)
        (folder / f"{metadata}.xml").write_text(capsys.readouterr().out)
    return found


@pytest.fixture
def served(folder, port):
    with serving(folder, "rehearsal", "was", port):
        yield


@pytest.fixture
def anna(folder, served):
    """Log a citizen in at a site with these options; her browser."""

    def logs_in(**options):
        said = {"back_channel_ca": "root.crt", **options}
        lines = [f"{name} = %(here)s/{file}" for name, file in said.items()]
        text = SITE.replace("OPTIONS", "\n".join(lines))
        (folder / "mijn.ini").write_text(text)
        apps = {
            host: loadapp(f"config:{folder}/{ini}.ini")
            for host, ini in ((DIGID, "rehearsal"), (MIJN, "mijn"))
        }

        browser = Browser(Hosts(apps))
        browser.visit("http://mijn.localhost:8080/")
        browser.press("Inloggen", username="anna", password="demo-anna")
        return browser

    return logs_in


def test_digid_answers_client_with_accepted_certificate(anna):
    browser = anna(tls_client_certificate="tls.crt", tls_client_key="tls.key")
    assert browser.url == "http://mijn.localhost:8080/"
    assert browser.text == "welcome"
    browser.visit("http://mijn.localhost:8080/eilogin/session")
    assert json.loads(browser.page.text)["logged_in"]


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        pytest.param({}, "asks for a client certificate: set tls_client_certificate"),
        pytest.param(
            {
                "tls_client_certificate": "stranger.crt",
                "tls_client_key": "stranger.key",
            },
            "rejects our tls_client_certificate",
        ),
    ],
    ids=["none", "another"],
)
def test_log_explains_missing_or_rejected_client_certificate(
    anna, caplog, port, shown, said
):
    browser = anna(**shown)
    assert WRONG in browser.text
    assert "(peer-unavailable)" in caplog.text
    assert f"https://digid.localhost:{port}/artifact" in caplog.text
    assert said in caplog.text
