"""A federation that is run with ``eilogin federation`` alone, over real HTTP."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from eilogin.cli import main
from eilogin.errors import UnknownPeer
from eilogin.saml.metadata import write_entity

UWV, STAD, LAND = "https://uwv.test/mijn", "https://stad.test/", "https://land.test/"
HUB = "https://inloggen.test/metadata"
SITES = ("uwv.test", "stad.test", "land.test")


def show_visitor(environ, start_response):
    """An app that says whom it sees."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"<p>user=[{environ.get('REMOTE_USER', '')}]</p>".encode()]


@pytest.fixture
def operator(tmp_path):
    """The commands of the operator, all for one folder."""

    def run(command, *words, code=0):
        asked = ["federation", command, str(tmp_path / "fed"), *map(str, words)]
        result = CliRunner().invoke(main, asked)
        assert result.exit_code == code, result.output
        return result.output

    run("init", "--name", "Proef")
    return run


@pytest.fixture
def published(tmp_path):
    """Where a web server has what is published: files by their names, as asked."""
    folder = tmp_path / "www"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            file = folder.joinpath(*self.path.split("/"))
            status, octets = 404, b""
            if file.is_file():
                status, octets = 200, file.read_bytes()
            self.send_response(status)
            self.send_header("Content-Type", "application/samlmetadata+xml")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def join(federation, operator, tmp_path):
    """Have the sites of a federation join another, by what they say of themselves."""

    def add(*hosts):
        for host in hosts:
            own = federation.trusts[host].own
            file = tmp_path / f"{host}.xml"
            file.write_bytes(write_entity(own.descriptor(), own.key))
            operator("add", file, "--yes")

    return add


@pytest.fixture
def taking(eilogin_federation, tmp_path, published):
    """The same hub and sites, as they take what is published."""

    def make(**options):
        trusted = {
            "federation": f"{published}/metadata.xml",
            "federation_certificate": str(tmp_path / "fed/operator.crt"),
        }
        return eilogin_federation(
            dict.fromkeys(SITES, show_visitor),
            options={host: {**trusted, **options.get(host, {})} for host in SITES},
            hub_options=trusted,
        )

    return make


def test_citizens_log_in_at_who_was_added_signed_and_published(
    join, operator, taking, tmp_path, citizen_at
):
    join("inloggen.test", *SITES)
    operator("sign")
    operator("publish", tmp_path / "www")
    anna = citizen_at(taking().browser())
    anna.log_in(UWV)
    assert anna.user
    assert anna.is_let_in(STAD)


def test_a_participant_may_ask_for_its_hub_alone(  # noqa: PLR0913, PLR0917 - fixtures
    join, operator, taking, published, tmp_path, citizen_at
):
    join("inloggen.test", *SITES)
    operator("sign")
    operator("publish", tmp_path / "www")
    asks = {"federation": f"mdq:{published}", "hub": HUB}
    federation = taking(**{"uwv.test": asks})
    assert len(federation.trusts["uwv.test"].federation.entities) == 1
    assert citizen_at(federation.browser()).log_in(UWV).user


def test_hub_does_not_know_removed_participant(join, operator, taking, tmp_path):
    join("inloggen.test", *SITES)
    operator("sign")
    operator("remove", "https://land.test/eilogin/metadata", "--yes")
    operator("sign")
    operator("publish", tmp_path / "www")
    hub = taking().trusts["inloggen.test"]
    with pytest.raises(UnknownPeer):
        hub.federation.entity("https://land.test/eilogin/metadata")


def test_hub_applies_rules_that_operator_set(join, operator, taking, tmp_path):
    join("inloggen.test", *SITES)
    site = "https://land.test/eilogin/metadata"
    operator("rules", site, "--sso-domain", "none", "--level", "midden")
    operator("sign")
    operator("publish", tmp_path / "www")
    member = taking().trusts["inloggen.test"].federation.entity(site)
    assert (member.sso_domain, member.required_level) == ("none", "midden")
