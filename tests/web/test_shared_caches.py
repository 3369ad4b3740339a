"""The headers with which shared caches keep no answer to a signed-in visitor."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eilogin.web import shared_caches
from eilogin.web.shared_caches import for_one_visitor, varying

NEVER = "Fri, 31 Dec 9999 23:59:59 GMT"
FUTURE, PAST = "Tue, 24 Nov 2026 10:00:00 GMT", "Tue, 24 Nov 2026 08:59:59 GMT"


def control(*said, otherwise="no-store"):
    """The Cache-Control of an answer with these headers."""
    headers = for_one_visitor([*said], otherwise)
    found = [text for name, text in headers if name.lower() == "cache-control"]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("public", "private"),
        ("max-age=0, s-maxage=8, no-cache", "private, max-age=0, no-cache"),
        ("PUBLIC, S-MaxAge=60, Max-Age=60", "private, Max-Age=60"),
        ("public, max-age=31536000, immutable", "private, max-age=31536000, immutable"),
        ("private, max-age=60", "private, max-age=60"),
        ('private="Set-Cookie", max-age=60', "private, max-age=60"),
        ('no-cache="X, Y", max-age=60', 'private, no-cache="X, Y", max-age=60'),
        (r'x="a\", public", max-age=60', r'private, x="a\", public", max-age=60'),
        ("\tpublic\t,\ts-maxage\t=\t60\t,max-age=5", "private, max-age=5"),
        ('s-maxage="60"', "private"),
        # As MapProxy writes it.
        ("max-age=3600 public", "private, max-age=3600"),
        ("no-store", "no-store"),
        ("No-Store, public, max-age=60", "No-Store, max-age=60"),
        ("must-understand, no-store", "no-store"),
        ('no-store="x", public', 'private, no-store="x"'),
        ('x="no-store"', 'private, x="no-store"'),
        # Malformed: each cache reads it in another way.
        ('x="no-store, s-maxage=60', "no-store"),
        ("public; s-maxage=60", "no-store"),
        ("=60, public", "no-store"),
        ("public\\", "no-store"),
        ("public\xa0, x\x0bs-maxage=60", "no-store"),
        (f"max-age=60, {'x' * 1000}", "no-store"),
    ],
)  # fmt: skip
def test_leaves_to_the_browser_what_the_application_says(said, found):
    assert control(("Cache-Control", said)) == found


@given(
    st.lists(
        st.sampled_from(
            ["public", "s-maxage=60", "private", "no-store", "x", *'",;= \t\\']
        ),
        max_size=12,
    ).map("".join)
)
def test_opens_no_answer_whatever_the_application_says(said):
    found = control(("Cache-Control", said))
    words = [word.strip() for word in found.split(",")]
    # A cache that knows nothing of quotes sees it, too.
    assert words[0] == "private" or "no-store" in words
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", found)
    assert not re.search(r"(^|,)\s*(public|s-maxage)\b", outside)


def test_reads_several_headers_as_one():
    said = [("Cache-Control", "private"), ("CACHE-CONTROL", "public, s-maxage=60")]
    assert control(*said) == "private"
    assert control(("cache-control", "max-age=5"), *said) == "private, max-age=5"


@pytest.mark.parametrize(
    ("said", "found", "kept"),
    [
        ({"Expires": FUTURE}, "private, max-age=3600", []),
        ({"Expires": FUTURE, "Cache-Control": "public"}, "private, max-age=3600", []),
        ({"Expires": FUTURE, "Cache-Control": "max-age=5"}, "private, max-age=5", []),
        ({"Expires": FUTURE, "Cache-Control": "no-store"}, "no-store", []),
        ({"Expires": FUTURE, "Pragma": "no-cache"}, "private, no-cache", ["Pragma"]),
        ({"Expires": FUTURE, "expires": PAST}, "private", ["Expires", "expires"]),
        ({"Expires": NEVER}, "private, max-age=31536000", []),
        ({"Expires": PAST}, "private", ["Expires"]),
        ({"Expires": "0"}, "private", ["Expires"]),
        ({"Expires": "Tue, 99 Nov 2026 10:00:00 GMT"}, "private", ["Expires"]),
        ({"Expires": f"Fri, 31 Dec {'9' * 12} 10:00:00 GMT"}, "private", ["Expires"]),
        ({"Pragma": "x"}, "private", ["Pragma"]),
        ({"Cache-Control": ""}, "no-store", []),
        ({"ETag": '"1"'}, "no-store", ["ETag"]),
    ],
)
def test_reads_the_headers_of_older_caches(clock, said, found, kept):
    headers = list(said.items())
    assert control(*headers) == found
    names = [name for name, _ in for_one_visitor(headers, "no-store")]
    assert names == [*kept, "Cache-Control", "Vary"]


@pytest.mark.parametrize(
    ("name", "closed"),
    [
        ("CDN-Cache-Control", "no-store"),
        ("Cloudflare-CDN-Cache-Control", "no-store"),
        ("x-litespeed-cache-control", "no-store"),
        ("SURROGATE-CONTROL", "no-store"),
        ("Edge-Control", "no-store"),
        ("X-Accel-Expires", "0"),
    ],
)
def test_forbids_a_shared_cache_what_a_header_of_its_own_allows(name, closed):
    headers = [(name, "max-age=60"), ("X-DNS-Prefetch-Control", "off")]
    assert shared_caches.are_about_caches([headers[0]])
    assert for_one_visitor(headers, "no-store") == [
        (name, closed),
        headers[1],
        ("Cache-Control", "no-store"),
        ("Vary", "Cookie"),
    ]
    assert shared_caches.without_words(headers) == [headers[1]]


def test_says_nothing_of_what_a_browser_kept_unless_the_application_does():
    assert control(("X-Accel-Expires", "60"), otherwise="") is None
    assert control(("Cache-Control", "public"), otherwise="") == "private"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([], ["Cookie"]),
        (["Accept-Encoding"], ["Accept-Encoding, Cookie"]),
        (["Accept", "X, \tY,"], ["Accept, X, Y, Cookie"]),
        (["Accept, COOKIE"], ["Accept, COOKIE"]),
        (["*"], ["*"]),
        (["X-Cookie"], ["X-Cookie, Cookie"]),
    ],
)
def test_depends_on_cookies_besides_what_the_application_says(said, found):
    headers = varying([("vary", text) for text in said])
    assert [text for _, text in headers] == found
