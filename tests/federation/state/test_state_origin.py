"""The digests in a stored state, on which nodes of two versions must agree."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from eilogin.federation.sources.member_filters import MemberFilters
from eilogin.federation.sources.source_lines import FederationAddress, FederationFile
from eilogin.federation.state.state_origin import configuration_of

FILTERS = MemberFilters(
    role="participant",
    entities=("https://*.test/sp",),
    registrars=("https://a.test",),
    categories=("https://c.test",),
    include=("https://x.test/sp",),
    exclude=("https://y.test/sp",),
)
FILE = FederationFile(
    path=Path("/etc/eilogin/federation.xml"), is_unsigned=True, choice=FILTERS
)
QUERY = FederationAddress(url="https://mdq.test/", is_query=True, validity=86400.0)


def options_with(*lines):
    return SimpleNamespace(
        federation=lines,
        hub=("https://hub.test/metadata",),
        public_url="https://uwv.test",
        back_channel_url=None,
        federation_validity=None,
        federation_unsigned=True,
        federation_certificate=(),
    )


@pytest.mark.parametrize(
    ("line", "digest"),
    [
        (FILE, "eb519f345956b6cb4a88c2a3288b080d16f2c3703e403d78622415fcae348396"),
        (QUERY, "b1fa0a6f623b3b0a23390c599e733023d2a40cf59e067de3f6f0d75b1c92b4e5"),
    ],
    ids=["a-file", "a-query"],
)
def test_configuration_has_the_digest_of_the_version_before(line, digest):
    assert configuration_of(options_with(line)) == digest


def test_filters_have_the_digest_of_the_version_before():
    assert FILTERS.read().version == (
        "ade8d43ee09aaa68a964241092ed85d58caa33ee45f2a6e95a6d5c313097fe28"
    )
