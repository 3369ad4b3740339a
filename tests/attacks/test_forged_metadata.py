"""Forged metadata, at the start of a site: by file, alone or in a folder (G19).

Nothing of it is trusted: the start is stopped, with a message that names the file, what
was found and what was expected. While a site runs it is tried in
``test_forged_refreshes``.
"""

import logging
from copy import deepcopy
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from arena import HUB, SVB, UWV
from click.testing import CliRunner
from forging.federations import (
    EXPIRED,
    LOCATIONS,
    MEMBERS,
    NO_HUB,
    OVER,
    WHOLE,
    entities,
)
from forging.sites import ATTACKER, LOST, Site, generic, message_of, twice_the_hub
from forging.trying import by_kind, by_name, is_even
from lxml import etree

from eilogin.cli import main
from eilogin.errors import UnknownPeer
from eilogin.saml import safe_xml
from eilogin.saml.bindings import POST
from eilogin.saml.metadata.metadata_values import REGISTRATION_INFO
from eilogin.saml.signing_keys import new_key_pair


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
    assert "expected" in str(error) or "ask " in str(error).lower()
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
    assert "ask " in str(left_out).lower()


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


#: Entities within entities.
BOMB = (
    '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


def drawing(inside, before=""):
    octets = f'{before}<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>'
    return f"data:image/svg+xml,{quote(octets)}"


LOGOS = {
    "script": "javascript:alert(1)",
    "page": "data:text/html,%3Cscript%3Ealert(1)%3C/script%3E",
    "drawing with script": drawing("<script>alert(1)</script>"),
    "drawing with handler": drawing('<path onclick="alert(1)"/>'),
    "drawing with page": drawing("<foreignObject><p/></foreignObject>"),
    "drawing that fetches": drawing('<use href="//evil.test/x#y"/>'),
    "drawing that fetches by style": drawing("<style>@import '//evil.test'</style>"),
    "drawing with entities": drawing("<text>&c;</text>", BOMB),
    "large image": f"data:image/png;base64,{'A' * 1_000_000}",
    "markup": 'data:image/png;base64,x" onerror="alert(1)',
    "address of another site": "https://evil.test/who-is-there.png",
    "address without scheme": "//evil.test/who-is-there.png",
}


def _say(member, about):
    """Have a member say this of itself to people, and nothing else."""
    made = etree.fromstring(
        f'<md:Extensions xmlns:md="{safe_xml.MD}" xmlns:mdui="{safe_xml.MDUI}">'
        f"<mdui:UIInfo>{about}</mdui:UIInfo></md:Extensions>"
    )
    for old in member.role.findall(safe_xml.q("md:Extensions")):
        member.role.remove(old)
    member.role.insert(0, made)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x/"])
def test_a_link_that_is_no_address_stands_on_no_page(hub, url):
    """Of a member that is taken all the same."""
    root = hub.told.root()
    member = hub.member(root, SVB)
    _say(member, f'<mdui:InformationURL xml:lang="nl">{url}</mdui:InformationURL>')
    trust = hub.trust(hub.told.signed(root))
    entity_id = hub.arena.federation.trusts[SVB].own.entity_id
    assert trust.participant(entity_id)
    assert trust.federation.link_of(entity_id, "nl") == ""


@pytest.mark.parametrize("name", LOGOS)
def test_a_logo_that_does_more_than_draw_stands_on_no_page(hub, name):
    """It costs its member nothing else, and no other member."""
    root = hub.told.root()
    member = hub.member(root, SVB)
    _say(member, f"<mdui:Logo>{escape(LOGOS[name])}</mdui:Logo>")
    trust = hub.trust(hub.told.signed(root))
    entity_id = hub.arena.federation.trusts[SVB].own.entity_id
    assert trust.participant(entity_id)
    assert trust.federation.logo_of(entity_id, "nl") == ""
    assert trust.federation.left_out == {}


def test_one_that_is_good_is_taken(uwv, hub):
    assert uwv.trust(uwv.told.octets).hub_ids == hub.trust(hub.told.octets).hub_ids


# --- what is read leniently -----------------------------------------------------------


def _key(site):
    """A KeyDescriptor with the key of somebody outside of the federation."""
    return (
        f'<md:KeyDescriptor xmlns:md="{safe_xml.MD}" use="signing"><ds:KeyInfo'
        f' xmlns:ds="{safe_xml.DS}"><ds:X509Data><ds:X509Certificate>'
        f"{site.told.stranger.certificate_text}</ds:X509Certificate></ds:X509Data>"
        "</ds:KeyInfo></md:KeyDescriptor>"
    )


def _role(name, inside, *, kind="", protocol=safe_xml.SAMLP):
    kind = kind and f' xsi:type="{kind}"'
    return (
        f'<md:{name} xmlns:md="{safe_xml.MD}" xmlns:xsi="{safe_xml.XSI}"{kind}'
        f' protocolSupportEnumeration="{protocol}">{inside}<md:SingleSignOnService'
        f' Binding="{POST}" Location="https://attacker.test/sso"/></md:{name}>'
    )


def _extension(inside):
    return f'<md:Extensions xmlns:md="{safe_xml.MD}">{inside}</md:Extensions>'


def _member(name, role):
    return (
        f'<md:EntityDescriptor xmlns:md="{safe_xml.MD}" entityID="{name}">{role}'
        "</md:EntityDescriptor>"
    )


#: Where somebody hides a key, in the member of a hub and of its participants.
HIDDEN = {
    "role-of-adfs": lambda key, name: _role(
        "RoleDescriptor", key, kind="fed:SecurityTokenServiceType"
    ),
    "role-typed-as-a-hub": lambda key, name: _role(
        "RoleDescriptor", key, kind="md:IDPSSODescriptorType"
    ),
    "attribute-authority": lambda key, name: _role("AttributeAuthorityDescriptor", key),
    "hub-of-saml1": lambda key, name: _role(
        "IDPSSODescriptor", key, protocol="urn:oasis:names:tc:SAML:1.1:protocol"
    ),
    "hub-of-saml2-but-for-its-case": lambda key, name: _role(
        "IDPSSODescriptor", key, protocol=safe_xml.SAMLP.upper()
    ),
    "extension": lambda key, name: _extension(key),
    "member-in-an-extension": lambda key, name: _extension(
        _member(name, _role("IDPSSODescriptor", key))
    ),
    "role-in-an-extension": lambda key, name: _extension(
        _role("IDPSSODescriptor", key)
    ),
    "role-in-a-role": lambda key, name: _role(
        "RoleDescriptor", _role("IDPSSODescriptor", key), kind="x"
    ),
    "member-in-a-role": lambda key, name: _role(
        "RoleDescriptor", _member(name, _role("IDPSSODescriptor", key)), kind="x"
    ),
    "organization": lambda key, name: (
        f'<md:Organization xmlns:md="{safe_xml.MD}"><md:OrganizationName>'
        f"&lt;script&gt;alert(1)&lt;/script&gt;</md:OrganizationName>{key}"
        "</md:Organization>"
    ),
    "contact": lambda key, name: (
        f'<md:ContactPerson xmlns:md="{safe_xml.MD}" contactType="x">{key}'
        "</md:ContactPerson>"
    ),
}


def hides(site, root, host, part):
    """Put a part into the member of this host, where the schema would have it."""
    entity = site.member(root, host).entity
    element = etree.fromstring(part(_key(site), ATTACKER))
    is_last = element.tag in (
        safe_xml.q("md:Organization"),
        safe_xml.q("md:ContactPerson"),
    )
    if element.tag == safe_xml.q("md:Extensions"):
        for old in entity.findall(element.tag):
            element.extend(list(old))
            entity.remove(old)
    entity.insert(len(entity) if is_last else 0, element)


#: The registrar of a member.
REGISTRAR = "https://registrar.test"


def registered(entity):
    """Have a member say who took it in."""
    extensions = entity.find(safe_xml.q("md:Extensions"))
    if extensions is None:
        extensions = etree.Element(safe_xml.q("md:Extensions"))
        entity.insert(0, extensions)
    info = etree.SubElement(extensions, REGISTRATION_INFO)
    info.set("registrationAuthority", REGISTRAR)


def certificates_in(trust):
    """All that a site believes of anybody."""
    roles = [
        role
        for one in trust.federation.entities
        for role in (one.identity_provider, one.service_provider)
        if role is not None
    ]
    return {
        text
        for role in roles
        for text in (*role.signing_certificates, *role.encryption_certificates)
    }


@pytest.mark.parametrize("host", [HUB, SVB])
@pytest.mark.parametrize("part", HIDDEN.values(), ids=HIDDEN.keys())
def test_trusts_no_certificate_hidden_in_unread_parts_of_metadata(uwv, hub, part, host):
    """The operator has signed it. It costs nobody anything either."""
    root = uwv.told.root()
    hides(uwv, root, host, part)
    octets = uwv.told.signed(root)
    assert uwv.told.stranger.certificate_text.encode() in octets
    for site in (uwv, hub):
        good, trust = site.trust(site.told.octets), site.trust(octets)
        assert trust.federation.digests == good.federation.digests
        assert trust.hub_ids == good.hub_ids
        assert trust.federation.left_out == {}
        assert uwv.told.stranger.certificate_text not in certificates_in(trust)
        assert all(text.isprintable() for text in trust.federation.remarks)


@pytest.mark.parametrize("part", HIDDEN.values(), ids=HIDDEN.keys())
def test_rejects_metadata_with_a_part_added_after_signing(uwv, part):
    root = safe_xml.parse(uwv.told.signed(uwv.told.root()), safe_xml.METADATA)
    hides(uwv, root, HUB, part)
    assert uwv.stops(safe_xml.serialize(root)).code == "metadata-untrusted"


@pytest.mark.parametrize("kind", ["md:SPSSODescriptorType", "fed:Any", "x"])
def test_a_hub_is_none_by_another_type(uwv, kind):
    root = uwv.told.root()
    uwv.member(root, HUB).role.set(safe_xml.q("xsi:type"), kind)
    error = uwv.stops(uwv.told.signed(root))
    assert error.code == "peer-unusable"
    assert "xsi:type" in str(error)


@pytest.mark.parametrize("host", [HUB, SVB])
@pytest.mark.parametrize("name", LOCATIONS)
def test_an_address_beside_a_good_one_leads_nobody_there(uwv, hub, host, name):
    """The first address of each service is spoilt, and eilogin uses only the others."""
    root = uwv.told.root()
    member = uwv.member(root, host)
    spoilt = [services[0] for services in (member.main, member.logout)]
    for one in spoilt:
        assert len(member.role.findall(one.tag)) > 1
        one.set("Location", LOCATIONS[name])
    octets = uwv.told.signed(root)
    for site in (uwv, hub):
        trust = site.trust(octets)
        entity = trust.federation.entity(site.entity_id(host))
        role = entity.identity_provider or entity.service_provider
        main = getattr(role, "single_sign_ons", ()) or role.assertion_consumers
        assert len(main) == len(member.main) - 1
        assert len(role.single_logouts) == len(member.logout) - 1
        locations = {one.location for one in (*main, *role.single_logouts)}
        assert LOCATIONS[name] not in locations
        assert len(trust.federation.remarks) >= len(spoilt)
        assert all(text.isprintable() for text in trust.federation.remarks)


class TestOneNameForTwo:
    """Somebody has a second member of another's entityID taken into the metadata."""

    @staticmethod
    def twice(site, host, *, is_first):
        """Sign a federation with a second member that has the stranger's key."""
        root = site.told.root()
        entity = site.member(root, host).entity
        evil = deepcopy(entity)
        for certificate in evil.iter(safe_xml.q("ds:X509Certificate")):
            certificate.text = site.told.stranger.certificate_text
        (entity.addprevious if is_first else entity.addnext)(evil)
        return site.told.signed(root)

    @pytest.mark.parametrize("is_first", [True, False])
    @pytest.mark.parametrize("wanted", ["", f" registrar={REGISTRAR}"])
    def test_has_no_other_source_say_who_it_is(self, uwv, wanted, is_first):
        """It would be the attacker's, who got two of them into the first one.

        Also where the line of the first one wants one of them alone.
        """
        root = safe_xml.parse(
            self.twice(uwv, SVB, is_first=is_first), safe_xml.METADATA
        )
        root.remove(root.find(safe_xml.q("ds:Signature")))
        both = [e for e in entities(root) if f"//{SVB}" in e.get("entityID")]
        evil, good = both if is_first else reversed(both)
        registered(good)
        registered(uwv.member(root, HUB).entity)
        uwv.file.write_bytes(uwv.told.signed(root))
        other = uwv.folder / "other.xml"
        other.write_bytes(safe_xml.serialize(evil))
        lines = f"{uwv.file}{wanted}\n{other} unsigned=true validity=off"
        trust = uwv.trust(federation=lines)
        with pytest.raises(UnknownPeer):
            trust.participant(uwv.entity_id(SVB))
        assert uwv.told.stranger.certificate_text not in certificates_in(trust)
        assert trust.hub_ids == (uwv.entity_id(HUB),)

    def test_costs_nobody_who_is_taken_from_elsewhere(self, uwv):
        """The line of the first source wants nobody who is called so."""
        uwv.file.write_bytes(self.twice(uwv, SVB, is_first=True))
        other = uwv.folder / "other.xml"
        other.write_bytes(safe_xml.serialize(uwv.member(uwv.told.root(), SVB).entity))
        lines = f"{uwv.file} role=hub\n{other} unsigned=true validity=off"
        trust = uwv.trust(federation=lines)
        svb, known = uwv.entity_id(SVB), uwv.arena.federation.trusts[HUB]
        assert trust.participant(svb)[1] == known.participant(svb)[1]


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
