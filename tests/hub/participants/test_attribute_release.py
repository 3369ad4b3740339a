"""Which attributes a participant gets, and by which names."""

import base64
import re
from dataclasses import replace

import pytest

from eilogin.errors import InvalidOptions
from eilogin.hub import make_hub
from eilogin.hub.participants.attribute_release import AttributeRelease, ReleasedName
from eilogin.saml.metadata import AttributeService, EntityDescriptor, ServiceProvider

ANNA = {"bsn": ["900000016"], "name": ["Anna"], "mail": ["anna@burger.test"]}
UWV = "https://uwv.test/"
RESEARCH = "http://refeds.org/category/research-and-scholarship"
MAIL = "urn:oid:0.9.2342.19200300.100.1.3"


def entity(*requested, categories=()):
    services = (AttributeService(requested),) if requested else ()
    return entity_with(*services, categories=categories)


def entity_with(*services, categories=()):
    role = ServiceProvider(attribute_services=services)
    return EntityDescriptor(
        entity_id=UWV, service_provider=role, entity_categories=frozenset(categories)
    )


class TestWhatIsReleased:
    @pytest.mark.parametrize(
        ("lines", "member", "names"),
        [
            ({"*": ("requested",)}, entity("bsn", "city"), ["bsn"]),
            ({"*": ("requested",)}, entity(), ["name"]),
            ({"*": ("requested", "mail")}, entity("bsn"), ["bsn", "mail"]),
            ({"*": ("mail",)}, entity("bsn"), ["mail"]),
            ({"*": ()}, entity("bsn"), []),
            ({}, entity("bsn"), []),
            ({UWV: ("bsn",), "*": ("mail",)}, entity(), ["bsn"]),
            ({UWV: (), "*": ("mail",)}, entity(), []),
            ({"https://other.test/": ("bsn",)}, entity(), []),
            (
                {f"category:{RESEARCH}": ("mail",), "*": ("bsn",)},
                entity(categories=[RESEARCH, "urn:other"]),
                ["mail"],
            ),
            (
                {f"category:{RESEARCH}": ("mail",), "*": ("bsn",)},
                entity(categories=["urn:other"]),
                ["bsn"],
            ),
            (
                {"category:urn:a": ("mail",), "category:urn:b": ("name",)},
                entity(categories=["urn:a", "urn:b"]),
                ["name", "mail"],
            ),
            (
                {UWV: ("name",), f"category:{RESEARCH}": ("mail",)},
                entity(categories=[RESEARCH]),
                ["name"],
            ),
        ],
        ids=["requested", "usual", "more", "other", "nothing", "no line", "own line",
             "own empty line", "line of another", "category", "another category",
             "two categories", "own line before category"],
    )  # fmt: skip
    def test_is_as_the_lines_say(self, lines, member, names):
        assert list(AttributeRelease(lines, usual=("name",)).of(member, ANNA)) == names

    def test_may_be_asked_for_by_the_name_outside(self):
        release = AttributeRelease(
            {"*": ("requested",)}, renamed={"mail": ReleasedName(MAIL)}
        )
        assert release.of(entity(MAIL), ANNA) == {"mail": ANNA["mail"]}

    @pytest.mark.parametrize(
        ("words", "names"),
        [
            (("required",), ["bsn", "mail"]),
            (("required", "name"), ["bsn", "name", "mail"]),
            (("requested",), ["bsn", "name", "mail"]),
        ],
    )
    def test_may_be_what_is_required(self, words, names):
        asked = AttributeService(("bsn", MAIL, "name"), frozenset({MAIL, "bsn"}))
        release = AttributeRelease({"*": words}, renamed={"mail": ReleasedName(MAIL)})
        assert list(release.of(entity_with(asked), ANNA)) == names

    def test_is_nothing_by_what_is_required_of_who_requires_nothing(self):
        release = AttributeRelease({"*": ("required",)}, usual=("name",))
        assert release.of(entity("bsn"), ANNA) == release.of(entity(), ANNA) == {}

    @pytest.mark.parametrize(
        ("index", "names"),
        [(None, ["mail"]), (0, ["bsn"]), (4, ["mail"]), (9, ["mail"])],
    )
    def test_is_of_the_list_that_the_request_names(self, index, names):
        lists = (
            AttributeService(("bsn",)),
            AttributeService(("mail",), index=4, is_default=True),
        )
        release = AttributeRelease({"*": ("requested",)})
        assert list(release.of(entity_with(*lists), ANNA, index)) == names

    def test_is_told_by_the_name_outside(self):
        release = AttributeRelease({}, renamed={"mail": ReleasedName(MAIL)})
        told = release.outside({"mail": ["a"], "name": ["b"]})
        assert told == {MAIL: ["a"], "name": ["b"]}


class TestTheAnswer:
    @pytest.fixture
    def told(self, citizen, service):
        def ask(**changes):
            citizen.sign_in(url=service.address(service.request(**changes)))
            return service.answer()[1].attributes

        return ask

    def test_holds_no_bsn_for_who_does_not_ask_for_it(self, told):
        assert told() == {"name": ["Anna de Proef"]}

    @pytest.mark.parametrize(
        "hub_options",
        [
            {
                "release": "https://stad.test/eilogin/metadata name mail bsn",
                "attribute_names": f"mail {MAIL}",
            }
        ],
    )
    def test_is_as_the_options_say(self, told):
        assert told() == {
            "bsn": ["900000016"],
            "name": ["Anna de Proef"],
            MAIL: ["anna@burger.test"],
        }

    def test_holds_what_the_list_has_that_the_request_names(self, told, hub_believes):
        def asks(entity):
            lists = AttributeService(("mail",)), AttributeService(("bsn",), index=7)
            role = replace(entity.service_provider, attribute_services=lists)
            return replace(entity, service_provider=role)

        hub_believes("stad.test", asks)
        assert told(consumer_service_index=7) == {"bsn": ["900000016"]}

    @pytest.mark.parametrize(
        ("hub_options", "said"),
        [
            ({}, "unspecified"),
            ({"attribute_names": f"name {MAIL}"}, "uri"),
            ({"attribute_names": f"name {MAIL} basic"}, "basic"),
            ({"attribute_names": "name naam uri"}, "uri"),
        ],
    )
    def test_says_how_a_name_is_to_be_read(self, told, service, said):
        told()
        octets = base64.b64decode(service.came[-1]["SAMLResponse"])
        formats = re.findall(rb'NameFormat="([^"]*)"', octets)
        assert formats == [
            f"urn:oasis:names:tc:SAML:2.0:attrname-format:{said}".encode()
        ]

    @pytest.mark.parametrize("hub_options", [{"release": "*"}])
    def test_may_hold_nothing(self, told):
        assert told() == {}


class TestTheLines:
    @pytest.mark.parametrize(
        ("value", "told"),
        [
            ("everybody name", "line 1: 'everybody name'"),
            ("* name\n* mail", "'*' has two"),
        ],
    )
    def test_that_say_not_whom_they_mean_are_refused(self, value, told):
        with pytest.raises(InvalidOptions) as refused:
            make_hub({}, release=value)
        assert told in str(refused.value)

    @pytest.mark.parametrize(
        "value",
        ["mail", "mail a b", "mail a uri b", f"mail {MAIL}\nmail b", "mail a\nname a"],
    )
    def test_of_names_that_are_no_pairs_are_refused(self, value):
        with pytest.raises(InvalidOptions, match="attribute_names"):
            make_hub({}, attribute_names=value)
