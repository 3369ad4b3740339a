"""Forged metadata, at the start of a site: by file, alone or in a folder (G19).

Nothing of it is trusted: the start is stopped, with a message that names the file, what
was found and what was expected. While a site runs it is tried in
``test_forged_refreshes``.
"""

import logging

import pytest
from arena import HUB, SVB, UWV
from click.testing import CliRunner
from forging.federations import EXPIRED, MEMBERS, NO_HUB, OVER, WHOLE
from forging.sites import ATTACKER, LOST, Site, generic, message_of, twice_the_hub
from forging.trying import by_kind, by_name, is_even
from lxml import etree

from eilogin.cli import main
from eilogin.errors import UnknownPeer
from eilogin.saml import xml
from eilogin.saml.keys import new_key_pair


@pytest.fixture(scope="module")
def uwv(arena, tmp_path_factory):
    """A participant, as it starts."""
    return Site(arena, tmp_path_factory.mktemp("uwv"), UWV)


@pytest.fixture(scope="module")
def hub(arena, tmp_path_factory):
    return Site(arena, tmp_path_factory.mktemp("hub"), HUB)


@pytest.fixture(autouse=True, scope="module")
def others_stay(arena):
    """Who is served already is served as before."""
    with arena.unchanged():
        yield
    arena.others_stay()


# --- by file ------------------------------------------------------------------------


@pytest.mark.parametrize("forgery", [*WHOLE], ids=str)
def test_a_file_that_is_forged_stops_the_start(uwv, forgery):
    error = uwv.stops(forgery.make(uwv.told))
    forgery.expects(error.code)
    assert str(uwv.file) in str(error)
    assert "expected" in str(error) or "ask " in str(error)
    assert uwv.trust(uwv.told.octets).hub_ids


@pytest.mark.parametrize("forgeries", by_kind(generic()))
def test_a_signature_that_is_forged_stops_the_start(uwv, forgeries):
    """Of an aggregate, or of the metadata of one party."""
    for forgery in forgeries:
        of_one = HUB if is_even(forgery) else None
        with by_name(forgery):
            error = uwv.stops(forgery.make(message_of(uwv, of_one)))
            assert error.code in ("metadata-unusable", "metadata-untrusted")
            assert ATTACKER not in str(error)
    for of_one in (None, HUB):
        assert uwv.trust(message_of(uwv, of_one).octets).hub_ids


@pytest.mark.parametrize("forgery", [*MEMBERS], ids=str)
def test_a_hub_that_is_forged_stops_the_start(uwv, forgery):
    octets, entity_id = uwv.forged(forgery, HUB)
    error = uwv.stops(octets)
    forgery.expects(error.code)
    if not forgery.name.startswith("md-entityid"):
        assert entity_id in str(error)


@pytest.mark.parametrize("forgery", [*MEMBERS], ids=str)
def test_a_participant_that_is_forged_is_left_out(hub, forgery, caplog):
    octets, entity_id = hub.forged(forgery, SVB)
    with caplog.at_level(logging.WARNING, "eilogin"):
        trust = hub.trust(octets)
    with pytest.raises(UnknownPeer):
        trust.participant(entity_id)
    ours = hub.arena.federation.trusts
    with pytest.raises(UnknownPeer):
        trust.participant(ours[SVB].own.entity_id)
    # The others are as they were.
    uwv = ours[UWV].own.entity_id
    assert trust.participant(uwv) == ours[HUB].participant(uwv)
    left_out = next(iter(trust.federation.left_out.values()))
    forgery.expects(left_out.code)
    assert f"left out ({left_out.code})" in caplog.text
    assert "ask " in str(left_out)


@pytest.mark.parametrize("name", OVER)
def test_a_member_that_is_over_is_not_known(uwv, hub, name):
    octets, entity_id = uwv.forged(OVER[name], HUB)
    assert uwv.stops(octets).code in (EXPIRED, NO_HUB)
    octets, entity_id = hub.forged(OVER[name], SVB)
    trust = hub.trust(octets)
    with pytest.raises(UnknownPeer, match=r"expired|not a service provider"):
        trust.participant(entity_id)


@pytest.mark.parametrize("name", LOST)
def test_no_other_member_becomes_the_hub_in_its_place(uwv, name):
    error = uwv.stops(twice_the_hub(uwv, LOST[name]))
    assert "more than one hub" in str(error)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x/"])
def test_a_link_that_is_no_address_stands_on_no_page(hub, url):
    """Of a member that is taken all the same."""
    root = hub.told.root()
    member = hub.member(root, SVB)
    made = etree.fromstring(
        f'<md:Extensions xmlns:md="{xml.MD}" xmlns:mdui="{xml.MDUI}"><mdui:UIInfo>'
        f'<mdui:InformationURL xml:lang="nl">{url}</mdui:InformationURL>'
        "</mdui:UIInfo></md:Extensions>"
    )
    for old in member.role.findall(xml.q("md:Extensions")):
        member.role.remove(old)
    member.role.insert(0, made)
    trust = hub.trust(hub.told.signed(root))
    entity_id = hub.arena.federation.trusts[SVB].own.entity_id
    assert trust.participant(entity_id)
    assert trust.federation.link_of(entity_id, "nl") == ""


def test_one_that_is_good_is_taken(uwv, hub):
    assert uwv.trust(uwv.told.octets).hub_ids == hub.trust(hub.told.octets).hub_ids


# --- by a folder, while the key of its operator changes -------------------------------


@pytest.fixture(scope="module")
def changing(uwv, tmp_path_factory):
    """A participant that takes what either of two keys has signed."""
    folder = tmp_path_factory.mktemp("changing")
    site = Site(uwv.arena, folder, UWV)
    (folder / "next.crt").write_bytes(new_key_pair("next")[1])
    now = site.options["federation_certificate"]
    site.options["federation_certificate"] = f"{folder}/next.crt\n{now}"
    return site


@pytest.mark.parametrize(
    "forgery", [f for f in WHOLE if NO_HUB not in f.reasons], ids=str
)
def test_a_file_in_a_folder_that_is_forged_stops_the_start(changing, forgery):
    changing.options["federation"] = str(changing.folder)
    error = changing.stops(forgery.make(changing.told))
    forgery.expects(error.code)
    assert str(changing.file) in str(error)
    assert changing.trust(changing.told.octets).hub_ids


@pytest.mark.parametrize("forgeries", by_kind(generic()))
def test_a_signature_by_none_of_the_keys_stops_the_start(changing, forgeries):
    for forgery in filter(is_even, forgeries):
        with by_name(forgery):
            error = changing.stops(forgery.make(message_of(changing)))
            assert error.code in ("metadata-unusable", "metadata-untrusted")


# --- as a sysadmin sees it ----------------------------------------------------------


INI = """\
[server:main]
use = egg:waitress
[pipeline:main]
pipeline = eilogin app
[filter:eilogin]
use = egg:eilogin
store = memory:
federation = {file}
{options}
[app:app]
use = egg:eilogin#wsgi
app = wsgiref.simple_server:demo_app
"""


def check(site, octets):
    site.file.write_bytes(octets)
    options = "\n".join(f"{name} = {value}" for name, value in site.options.items())
    ini = site.folder / "paste.ini"
    ini.write_text(INI.format(file=site.file, options=options))
    return CliRunner().invoke(main, ["check", str(ini)])


@pytest.mark.parametrize(
    "name",
    [
        "md-expired",
        "md-validuntil-garbage",
        "md-duplicate-entityid",
        "md-other-operator",
        "md-is-html",
        "md-no-hub",
        "md-nobody",
    ],
)
def test_eilogin_check_names_the_file_and_what_is_wrong(uwv, name):
    (forgery,) = [one for one in WHOLE if one.name == name]
    result = check(uwv, forgery.make(uwv.told))
    assert result.exit_code == 1, result.output
    assert "forged.xml" in result.output
    assert "Traceback" not in result.output
    assert check(uwv, uwv.told.octets).exit_code == 0, "the good one passes"


@pytest.mark.parametrize("forgery", [*MEMBERS][::12], ids=str)
def test_eilogin_check_names_a_member_that_is_wrong(uwv, forgery):
    octets, _ = uwv.forged(forgery, HUB)
    result = check(uwv, octets)
    assert result.exit_code == 1, result.output
    assert "inloggen.localhost" in result.output
