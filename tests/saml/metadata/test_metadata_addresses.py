"""Where citizens and keys may be sent to is seen at a glance as it is at leisure."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.errors import MalformedMessage
from eilogin.saml.metadata import metadata_addresses
from eilogin.saml.metadata.metadata_texts import clean

HOSTS = st.text("a0x.-7", max_size=8) | st.sampled_from(
    (
        *(
            "localhost",
            "a.localhost",
            "localhost.localdomain",
            "localhost4.localdomain4",
        ),
        *("127.1", "0x7f.1", "[::1]", "a_b.nl", "uwv.nl:443", "uwv.nl:0", "u@uwv.nl"),
        *("uwv.nl", "uwv.nl.", "UWV.nl", "local.nl", "a..nl", ".nl", "nl", "uwv.n1"),
    )
)


def judged(url):
    """Whether citizens may be sent there, or why not; and its host."""
    for name in ("_checked_origin", "_host"):
        vars(metadata_addresses)[name].cache_clear()
    try:
        why = metadata_addresses.require_address(url, on_loopback=False)
    except MalformedMessage as error:
        why = str(error)
    return why, metadata_addresses.web_host(url)


@given(st.sampled_from(["https://", "http://", "ftp://"]), HOSTS, HOSTS)
def test_a_usual_origin_is_judged_as_any_other_is(scheme, host, more):
    for name in (host, f"{host}.nl", f"{host}.{more}"):
        url = f"{scheme}{name}/acs"
        with pytest.MonkeyPatch.context() as patch:
            verdict = judged(url)
            patch.setattr(metadata_addresses, "_SITE", re.compile("(?!)"))
            assert verdict == judged(url)


@given(st.text(" \t\n\x9b\xa0\u2028ab", max_size=9) | st.text())
def test_a_text_is_on_one_line_whatever_it_was(text):
    cleaned = clean(text)
    assert cleaned == " ".join(cleaned.split(" "))
    assert cleaned.split() == clean(f"\n {text}\t").split()
    assert cleaned == cleaned.strip()
