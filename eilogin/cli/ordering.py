"""The faults of one pipeline: what stands in it, in which order, and in which role."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from eilogin.cli.inifile import IniFile
from eilogin.cli.pipelines import Part, Stack
from eilogin.federation.own import HUB, PARTICIPANT
from eilogin.filters.trust import OwnOptions
from eilogin.hub.app import HubOptions, is_for_trying
from eilogin.settings import Options
from eilogin.web.environ import ORDER

#: What each filter or app of eilogin finds in environ, and who must have left it.
_NEEDS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "trust": ("session",),
        "login": ("session", "trust"),
        "logout": ("session", "trust"),
        "identity": ("session",),
        "appsession": ("session",),
        "hub": ("session", "trust"),
        "portal": ("session", "trust"),
    }
)

#: What ``egg:eilogin`` stands for.
_MAIN = ("session", "trust", "login", "logout", "identity")

#: What comes of it where one of them is not there.
_WITHOUT: Mapping[str, str] = MappingProxyType(
    {
        "session": "nobody has a session",
        "trust": "nobody is trusted",
        "login": "nobody is asked to log in",
        "logout": "a logout elsewhere does not arrive here",
        "identity": "the application is told nothing, and what a client forges",
    }
)

#: What only a participant has.
_OF_A_PARTICIPANT = ("main", "login", "logout", "identity", "portal")


def check_stack(file: IniFile, stack: Stack, read: Mapping[str, Options]) -> None:
    """Note what is wrong with the filters around one application.

    ``read`` has the options of each section that has them, by its title.
    """
    _check_order(file, stack)
    trusts = [
        (part.title, options)
        for part in stack.parts
        if isinstance(options := read.get(part.title), OwnOptions)
    ]
    hubs = [part for part in stack.parts if part.entry_point == "hub"]
    theirs = [part for part in stack.parts if part.entry_point in _OF_A_PARTICIPANT]
    for title, own in trusts:
        if bool(hubs) != bool(theirs):
            _check_role(file, title, own, HUB if hubs else PARTICIPANT)
        for hub in hubs:
            _check_demo(file, hub, read.get(hub.title), own)
    # A hub could only stand there if they signed in for it, which they do not.
    for part in theirs if hubs else ():
        expected = f"is a participant's, and cannot stand before [{hubs[0].title}]"
        file.note(part.title, "", "", expected)


def remarks(stack: Stack) -> list[str]:
    """What is no fault, and yet leaves an application open or half protected.

    Filters of others may do what ours would; nobody but the sysadmin can tell.
    """
    here = {part.entry_point for part in stack.parts}
    app = stack.parts[-1].title if stack.parts else stack.title
    if not here.intersection((*_NEEDS, "main", "session")):
        return [f"[{app}]: no filter of eilogin stands before it"]
    if here.intersection(("main", "hub")):
        return []
    return [
        f"[{app}]: no filter '{name}' stands before it, so {_WITHOUT[name]}"
        for name in _MAIN
        if name not in here
    ]


def _check_role(file: IniFile, title: str, own: OwnOptions, role: str) -> None:
    if own.role != role:
        expected = f"expected '{role}': a {role}'s filters or app stand behind it"
        file.note(title, "role", repr(own.role), expected)


def _check_demo(
    file: IniFile, hub: Part, options: Options | None, own: OwnOptions
) -> None:
    """Passwords are shown where nobody in earnest can be."""
    is_demo = isinstance(options, HubOptions) and options.demo
    if is_demo and not is_for_trying(own.public_url):
        expected = f"expected a loopback address for it, not {own.public_url}"
        file.note(hub.title, "demo", repr(hub.options["demo"]), expected)


def _check_order(file: IniFile, stack: Stack) -> None:
    """Whether each of our filters finds what it needs, in the right order."""
    here: list[str] = []
    for part in stack.parts:
        name = part.entry_point or ""
        missing = [need for need in _NEEDS.get(name, ()) if need not in here]
        if missing:
            _out_of_order(file, part, f"needs {_quoted(missing)} before it")
        for provided in _MAIN if name == "main" else [name]:
            _check_place(file, part, provided, here)
            here.append(provided)


def _check_place(file: IniFile, part: Part, name: str, here: Sequence[str]) -> None:
    if name not in ORDER:
        return
    if name in here:
        _out_of_order(file, part, f"is the second '{name}' around one application")
        return
    later = [other for other in ORDER[ORDER.index(name) + 1 :] if other in here]
    if later:
        _out_of_order(file, part, f"should stand before {_quoted(later)}")


def _out_of_order(file: IniFile, part: Part, what: str) -> None:
    file.note(part.title, "", "", f"{what}; the order is: {' '.join(ORDER)} app")


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
