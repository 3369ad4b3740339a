"""A Response and an ArtifactResponse, and the messages inside."""

import pytest
from example_messages import ARTIFACT_RESPONSE, ASSERTION, RESPONSE

from eilogin.errors import MalformedMessage
from eilogin.saml.messages import (
    read_artifact_response,
    read_assertion,
    read_response,
    write_artifact_response,
    write_assertion,
    write_response,
)
from eilogin.saml.safe_xml import validate


class TestCarriers:
    def test_a_response_holds_its_assertion_last(self):
        element = write_response(RESPONSE, write_assertion(ASSERTION))
        validate(element, "protocol")
        assert read_assertion(element[-1]) == ASSERTION

    def test_an_artifact_response_gives_what_it_carries_in_its_place(self):
        element = write_artifact_response(
            ARTIFACT_RESPONSE, write_response(RESPONSE, None)
        )
        validate(element, "protocol")
        value, carried = read_artifact_response(element)
        assert value == ARTIFACT_RESPONSE
        assert carried.getparent() is element
        assert read_response(carried) == RESPONSE

    def test_an_artifact_response_may_carry_nothing(self):
        element = write_artifact_response(ARTIFACT_RESPONSE, None)
        assert read_artifact_response(element) == (ARTIFACT_RESPONSE, None)

    def test_an_artifact_response_carries_one_message(self):
        element = write_artifact_response(
            ARTIFACT_RESPONSE, write_response(RESPONSE, None)
        )
        element.append(write_response(RESPONSE, None))
        with pytest.raises(MalformedMessage):
            read_artifact_response(element)
