import pytest

from eilogin.backchannel import BackChannel
from eilogin.errors import UnknownPeer
from eilogin.federation import Federation, Trust
from eilogin.saml.metadata import EntityDescriptor, FederationMetadata, IdentityProvider

HUB, UWV = "https://hub.test/metadata", "https://uwv.test/eilogin/metadata"


@pytest.fixture
def make_trust(make_own):
    def make(hub_id=HUB, *more):
        hub = make_own("hub", entity_id=HUB, public_url="https://hub.test")
        members = (hub.descriptor(), make_own().descriptor(), *more)
        federation = Federation(FederationMetadata(members, None, "", None))
        return Trust(make_own(), federation, BackChannel(), (hub_id,))

    return make


def test_knows_the_hub_and_where_it_takes_questions(make_trust):
    assert make_trust().sso(HUB).location == "https://hub.test/sso"


def test_a_hub_that_is_none_is_refused(make_trust):
    with pytest.raises(UnknownPeer, match="not an identity provider"):
        make_trust(UWV).hub(UWV)


def test_a_hub_without_redirect_is_refused(make_trust):
    other = EntityDescriptor(entity_id="x", identity_provider=IdentityProvider())
    with pytest.raises(UnknownPeer, match="by Redirect"):
        make_trust("x", other).sso("x")


def test_only_our_hub_has_keys(make_trust, key):
    assert [k.public_numbers() for k in make_trust().hub_keys(HUB)] == [
        key.public.public_numbers()
    ]
    with pytest.raises(UnknownPeer, match="not a hub of"):
        make_trust().hub_keys(UWV)


def test_only_participants_have_keys_at_the_hub(make_trust):
    assert make_trust().participant_keys(UWV)
    with pytest.raises(UnknownPeer, match="not a service provider"):
        make_trust().participant_keys(HUB)


def test_signs_for_a_peer_in_its_role_as_that_wants_it(make_trust, key):
    sha512 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
    other = EntityDescriptor(
        entity_id="x", identity_provider=IdentityProvider(signing_methods=(sha512,))
    )
    trust = make_trust(HUB, other)
    assert trust.key_for(HUB).private is key.private
    assert trust.key_for("x").method == sha512
    with pytest.raises(UnknownPeer, match="no role that we sign for"):
        trust.key_for(UWV)
    with pytest.raises(UnknownPeer, match="not a member"):
        trust.key_for("https://gone.test/")


@pytest.mark.parametrize(
    ("entity_id", "whom"),
    [(HUB, f"ask who runs '{HUB}'"), ("urn:gone", "'urn:gone' is in no metadata of")],
)
def test_says_whom_to_ask_of_anybody(make_trust, entity_id, whom):
    assert make_trust().whom_to_ask(entity_id).startswith(whom)
