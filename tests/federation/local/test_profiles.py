"""Profiles: one value for each interface."""

from dataclasses import fields, replace

import pytest

from eilogin.federation.local.local_options import OwnOptions
from eilogin.federation.local.profiles import PROFILES, SAML_PROFILE, Profile
from eilogin.saml import bindings
from eilogin.saml.metadata import write_entity


def test_the_option_offers_each_profile():
    offered = OwnOptions.model_fields["profile"].annotation.__args__
    assert set(offered) == set(PROFILES)


@pytest.mark.parametrize("setting", [one.name for one in fields(Profile)])
def test_a_profile_changes_every_setting(setting):
    assert len({getattr(profile, setting) for profile in PROFILES.values()}) > 1


def test_third_profile_is_one_more_value(make_own):
    profile = replace(SAML_PROFILE, hub_logout_services=(bindings.SOAP,))
    own = make_own("hub", profile=profile)
    services = own.descriptor().identity_provider.single_logouts
    assert [one.binding for one in services] == [bindings.SOAP]
    assert write_entity(own.descriptor(), own.key)
