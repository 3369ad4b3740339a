"""A participant that wants to see a certificate of who tells it of a logout.

It has two servers on one store: the one for visitors, and gunicorn, which speaks TLS,
for servers. Everything is real but the browser.
"""

import pytest
from paste.deploy import loadapp
from real_parts import free_ports
from tls_servers import certificate, serving

from eilogin.cli import main
from eilogin.compose.hosts import Hosts
from eilogin.hub.signin.citizen_accounts import demo_citizens, to_json
from eilogin.saml.signing_keys import new_key_pair
from eilogin.testing import Browser
from tests.journeys.test_digid_mutual_tls import APPLICATION

INLOGGEN, MIJN = "inloggen.localhost", "mijn.localhost"
HUB, SITE = f"http://{INLOGGEN}:8090", f"http://{MIJN}:8080"

HUB_FILE = f"""
[pipeline:main]
pipeline = session trust hub

[filter:session]
use = egg:eilogin#session
store = sqlite:///%(here)s/hub.db

[filter:trust]
use = egg:eilogin#trust
role = hub
public_url = {HUB}
name = Inloggen
key = %(here)s/hub.key
certificate = %(here)s/hub.crt
federation =
    %(here)s/mijn.xml   %(here)s/mijn.crt
OPTIONS

[app:hub]
use = egg:eilogin#hub
citizens = %(here)s/citizens.json
name_id_key = a key that only this test knows
logout_binding = * soap
work = false
"""

SITE_FILE = f"""
[pipeline:main]
pipeline = eilogin app

[filter:eilogin]
use = egg:eilogin
public_url = {SITE}
back_channel_url = https://{MIJN}:PORT
name = Mijn
key = %(here)s/mijn.key
certificate = %(here)s/mijn.crt
federation = %(here)s/hub.xml
federation_unsigned = true
store = sqlite:///%(here)s/mijn.db
acs = post

[app:app]
use = egg:eilogin#wsgi
app = mijn_site:application
path = %(here)s
"""


@pytest.fixture
def port(tmp_path, capsys):
    """Where the participant answers to servers; all files are there too."""
    for name in ("hub", "mijn"):
        for ending, octets in zip(("key", "crt"), new_key_pair(name), strict=True):
            (tmp_path / f"{name}.{ending}").write_bytes(octets)
    certificate(tmp_path, "site", certificate(tmp_path, "root"), hosts=(MIJN,))
    certificate(tmp_path, "tls", certificate(tmp_path, "ours"))
    certificate(tmp_path, "stranger")
    (tmp_path / "citizens.json").write_bytes(to_json(demo_citizens()))
    (tmp_path / "mijn_site.py").write_text(APPLICATION)
    [found] = free_ports(1)
    (tmp_path / "mijn.ini").write_text(SITE_FILE.replace("PORT", str(found)))
    (tmp_path / "hub.ini").write_text(HUB_FILE.replace("OPTIONS", ""))
    for name in ("mijn", "hub"):
        main(["metadata", str(tmp_path / f"{name}.ini")], standalone_mode=False)
        (tmp_path / f"{name}.xml").write_text(capsys.readouterr().out)
    return found


@pytest.fixture
def served(tmp_path, port):
    with serving(tmp_path, "mijn", "site", port):
        yield


@pytest.fixture
def logs_out(tmp_path, served):
    """Log a citizen in, and out at a hub with these options; her browser."""

    def logs_out(**options):
        said = {"back_channel_ca": "root.crt", **options}
        lines = [f"{name} = %(here)s/{file}" for name, file in said.items()]
        text = HUB_FILE.replace("OPTIONS", "\n".join(lines))
        (tmp_path / "hub.ini").write_text(text)
        apps = {
            host: loadapp(f"config:{tmp_path}/{ini}.ini")
            for host, ini in ((INLOGGEN, "hub"), (MIJN, "mijn"))
        }

        browser = Browser(Hosts(apps))
        browser.visit(f"{SITE}/")
        browser.press("Inloggen", username="anna", password="demo-anna")
        assert browser.text == "welcome"
        browser.visit(f"{HUB}/")
        browser.press("Overal uitloggen")
        return browser

    return logs_out


def test_logout_reaches_participant_with_accepted_client_certificate(logs_out):
    browser = logs_out(tls_client_certificate="tls.crt", tls_client_key="tls.key")
    assert "U bent overal uitgelogd" in browser.text
    assert browser.fetch(f"{SITE}/").status_int == 401


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
def test_logout_page_and_log_report_rejected_client_certificate(
    logs_out, caplog, port, shown, said
):
    browser = logs_out(**shown)
    assert "nog niet overal uitgelogd" in browser.text
    assert "Mijn Hier is uitloggen nog niet gelukt" in browser.text
    assert f"https://{MIJN}:{port}/eilogin/slo/soap" in caplog.text
    assert said in caplog.text
    assert browser.fetch(f"{SITE}/").text == "welcome"
