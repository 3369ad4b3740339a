"""An ID is an XML name of 160 random bits."""

import re

from eilogin.saml.messages import new_id


def test_a_new_id_is_an_xml_name_with_160_random_bits():
    assert re.fullmatch("_[0-9a-f]{40}", new_id())
    assert new_id() != new_id()
