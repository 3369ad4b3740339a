"""Values of ini options, and the lines of ``protect``.

Property: each value of each option is taken, or told as a fault; nothing else is
raised, and no fault shows a secret or the password in an address. What is taken is what
its type promises: a duration is positive, a size within its bounds, a path one of this
site, an address https and without a user. Lines of ``protect`` that are taken give a
rule, or PathRefused, for the paths that they name.

The first octet of an input names the filter or app, the second its option; what follows
is the value, in UTF-8. Where the first is above 240 it is lines of ``protect``.
"""

import math
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from eilogin import hub, portal
from eilogin.compose import factory, hosts, wsgi
from eilogin.config import REGISTRY, attempt, describe, is_loopback, is_secret
from eilogin.errors import PathRefused
from eilogin.filters import appsession, participant
from eilogin.participant.policy.path_rules import PathRules
from eilogin.participant.policy.strictest_rule import NEEDS

#: Loading them declares their options.
_LOADED = (hub, portal, factory, hosts, wsgi, appsession, participant)
_CLASSES = tuple(sorted(REGISTRY))
_SECRET = "Zeer-Geheim-7f3a"  # noqa: S105 - it must not be told
_PROTECT = 240
#: Options whose value may be an address with a password in it.
_MAY_HAVE_PASSWORD = ("store", "back_channel_proxy", "url")
#: What stands before the password in one, well written or nearly so.
_USER = re.compile(r"^(?!env:|file:|credential:)([a-z+]*:?/{0,3}\w*)@", re.ASCII)


def check(octets: bytes) -> None:
    """Hold one value against the property."""
    if len(octets) < 2:
        return
    which, option = octets[0], octets[1]
    text = octets[2:].decode(errors="replace")
    if which > _PROTECT:
        _protect(octets[1:].decode(errors="replace"))
    elif "/dev" not in text and "/proc" not in text and "/sys" not in text:
        # What stands there is read as an ini file has it, endless files too.
        _value(which, option, text)


def _value(which: int, number: int, text: str) -> None:
    declared = REGISTRY[_CLASSES[which % len(_CLASSES)]]
    names = list(declared.model_fields)
    name = names[number % len(names)]
    if is_secret(declared.model_fields[name].annotation):
        text = f"{_SECRET}{text}"
    elif name in _MAY_HAVE_PASSWORD:
        text = _USER.sub(rf"\1:{_SECRET}@", text)
    values = {name: text}
    options, faults = attempt(declared, "", "filter:x", values)
    assert (options is None) == bool(faults)
    told = "\n".join(map(str, faults))
    assert _SECRET not in told, "a fault tells a secret"
    if not any(fault.option == name for fault in faults):
        _take(declared.__name__, name, options, text)


def _take(declared: str, name: str, options: object, text: str) -> None:
    value = None if options is None else getattr(options, name)
    if isinstance(value, float):
        assert value >= 0, (declared, name, text)
        assert math.isfinite(value)
    if name in ("keep_post", "max_size") and isinstance(value, int):
        assert 0 <= value <= 64 * 1024**2
    if name == "next" and isinstance(value, str):
        _require_site(value)
    if name == "public_url" and isinstance(value, str):
        _require_address(value)


def _require_site(path: str) -> None:
    joined = urlsplit(urljoin("https://uwv.example.nl/x/y", path))
    assert (joined.scheme, joined.netloc) == ("https", "uwv.example.nl")
    assert path.isascii()
    assert not re.match(r"[/\\]{2}", path)


def _require_address(url: str) -> None:
    parts = urlsplit(url)
    assert parts.scheme == "https" or is_loopback(parts.hostname or "")
    assert parts.hostname
    assert parts.username is None
    assert url.isascii()
    assert url.isprintable()


def _protect(text: str) -> None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    try:
        rules = PathRules.parse(lines)
    except ValueError:
        return
    for line in lines:
        written = line.split()[0].removeprefix("=")
        try:
            assert rules.rule_for(written).need in NEEDS
        except PathRefused:
            continue


def seeds() -> Iterator[bytes]:
    """The default of each option, and values of some kinds."""
    usual = (
        "15m", "90", "0", "2h", "500k", "64m", "off", "true", "nee", "/eilogin",
        "https://uwv.example.nl", "http://uwv.localhost:8080/app", "127.0.0.0/8 ::1",
        "env:HOME", "file:/nergens", "credential:x", "redis://u@host:6379/0?prefix=x",
        "sqlite:///var/x.db", "memory:", "naam MAIL", "X-Name attribute:naam",
        "a=b c=d", "basis urn:x", "//evil.test", "/\\evil.test", "https://a@b/",
    )  # fmt: skip
    for which, name in enumerate(_CLASSES):
        rows = describe(REGISTRY[name])
        for number, row in enumerate(rows):
            yield bytes([which, number]) + row.default.encode()
            yield bytes([which, number]) + usual[(which + number) % len(usual)].encode()
    for lines in (
        "/ optional\n=/mijn midden idle=5m max_age=10m\n/api basis methods=GET,POST",
        "/caf%C3%A9 off\n/beheer hoog role=beheerder\n/x off methods=get",
        "/a/../b off",
    ):
        yield b"\xff" + lines.encode()
