"""The options of the hub, and which of them exclude each other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from eilogin import config
from eilogin.config import (
    Count,
    Flag,
    LongSecret,
    MetricsToken,
    OptionNote,
    Options,
    ReadableFile,
    Seconds,
    Topic,
    Words,
    did_you_mean,
    exposed_files,
    is_loopback,
    option,
)
from eilogin.errors import LOGOUT_IMPOSSIBLE, EiloginError, Fault
from eilogin.federation.local.profiles import Profile
from eilogin.hub.digid.sector_numbers import SectorLines
from eilogin.hub.participants.attribute_release import (
    WORDS,
    AttributeNames,
    ReleaseLines,
    is_entity,
)
from eilogin.hub.participants.logout_bindings import LogoutBindingLines
from eilogin.hub.participants.name_ids import NameAttributes
from eilogin.hub.participants.response_protection import EncryptLines, SignLines
from eilogin.hub.signin.citizen_accounts import ATTRIBUTES, Citizens
from eilogin.saml.sector_names import BSN
from eilogin.web.limits.slots import DEFAULT_SLOTS

_OUT_OF_PLACE: Mapping[str, str] = {
    **{
        name: f"expected none with 'profile = digid': DigiD {does}"
        for name, does in {
            "logout_scope": (
                "identifies the citizen and no session, so all sessions of the citizen"
                " end"
            ),
            "confirm_logout": "asks if the citizen is signed in at several services",
            "logout_binding": "sends every LogoutRequest over SOAP",
            "logout_in_browser": "sends every LogoutRequest over SOAP",
        }.items()
    },
    **dict.fromkeys(
        ("sectors", "inactive", "rehearsal"),
        "expected 'profile = digid' in the filter 'trust'",
    ),
}


class HubOptions(Options, name="hub"):
    """The options of ``[app:…] use = egg:eilogin#hub``."""

    sign_in: Literal["own", "above"] = option(
        "Chooses who signs citizens in. ``own``: this hub. ``above``: "
        "another hub, through the filters of a participant that stand "
        "before this hub (``hub_inside``).",
        default="own",
    )
    citizens: ReadableFile | None = option(
        "Names the JSON file with the citizens who can sign in. Required with ``own``.",
        default=None,
        shown="none",
    )
    passed_on_to: Words = option(
        "Lists the entityIDs of the participants that may get a login from "
        "the hub above. These are the applications that its connection is "
        "meant for. Required with ``above``.",
        default=(),
        shown="none",
    )
    name_id_key: LongSecret = option(
        "Derives NameIDs from this secret. If you change it, no participant "
        "recognises its users any more. At least 16 bytes; the value "
        "itself, ``env:NAME``, ``file:PATH`` or ``credential:NAME``."
    )
    logout_timeout: Seconds = option(
        "Limits how long each participant may take to confirm a logout. "
        "Duration, such as ``5s``.",
        default="5s",
    )
    logouts_at_once: Count = option(
        "Limits how many logouts of a process wait for participants at the "
        "same time. Another logout waits a few seconds, and then shows a "
        "page that retries by itself. Whole number; keep it below the "
        "number of server threads, because a participant that hangs holds "
        "one thread for each.",
        default=DEFAULT_SLOTS,
    )
    logout_scope: Literal["citizen", "browser"] = option(
        "Chooses which sessions a logout ends: all sessions of the "
        "``citizen`` in all browsers, or those of the ``browser`` with the "
        "logout. Not with ``profile = digid``.",
        default="citizen",
    )
    confirm_logout: Flag = option(
        "Asks the citizen after a logout at one service whether to log out "
        "of all services, and lists them. Without a yes, the other sessions "
        "go on. ``profile = digid`` always asks.",
        default=False,
    )
    show_session: Flag = option(
        "Shows which services are signed in already in this browser, before "
        "a login goes on to another service. The citizen goes on, or says "
        "that the session belongs to another person, which logs that person "
        "out everywhere. The page shows the username of the session to anybody "
        "who uses this browser. Not with ``sign_in = above``.",
        default=False,
    )
    work: Flag = option(
        "Runs the logout retry queue and ends sessions at ``max_session``, "
        "in a thread of each process that begins with its first request. "
        "With ``false`` only ``eilogin work`` does both.",
        default=True,
    )
    logout_binding: LogoutBindingLines = option(
        "Chooses how participants get a LogoutRequest. Each line has an "
        "entityID or ``*``, and ``soap`` (only from server to server) or "
        "``browser`` (only through the citizen's browser). Without a line, "
        "the hub uses SOAP first, and then the browser if SOAP fails.",
        default={},
        shown="none",
    )
    logout_in_browser: Literal["frames", "one-by-one"] = option(
        "Chooses how the citizen's browser delivers LogoutRequests. "
        "``frames`` uses hidden frames of one page; browsers send no "
        "cookies of participants there. ``one-by-one`` leads the browser to "
        "each participant in turn, with its cookies. If a participant does "
        "not lead back, the browser stays there, and the hub continues at "
        "the next visit.",
        default="frames",
    )
    name_id: Literal["persistent", "transient", "email", "unspecified"] = option(
        "Chooses the NameID format for participants that choose none in "
        "their request or metadata. ``persistent`` is the same at every "
        "login, ``transient`` differs in every session. ``email`` and "
        "``unspecified`` take an attribute.",
        default="persistent",
    )
    name_id_attributes: NameAttributes = option(
        "Chooses the attribute for these formats. Each line has ``email`` "
        "or ``unspecified``, and an attribute. The participant must be "
        "allowed to get that attribute.",
        default={"email": "mail"},
        shown="``email mail``",
    )
    nameless: Words = option(
        "Lists the entityIDs of participants that get no NameID, only "
        "attributes. No logout can reach them.",
        default=(),
        shown="none",
    )
    release: ReleaseLines = option(
        "Says which participants get which attributes. Each line has an "
        "entityID, ``category:`` with the URI of an entity category, or "
        "``*``, and names of attributes. ``requested`` means those that its "
        "metadata asks for, ``required`` those that it marks as required. "
        "An entityID's own line counts alone; else the lines of its "
        "categories; else ``*``.",
        default={"*": ("requested",)},
        shown="``* requested``",
    )
    default_attributes: config.Names = option(
        "Lists the attributes that ``requested`` means for a participant "
        "whose metadata asks for none. Names, separated by blanks.",
        default=("name",),
        shown="``name``",
    )
    attribute_names: AttributeNames = option(
        "Renames attributes for participants. Each line has our name and "
        "theirs, such as ``mail urn:oid:0.9.2342.19200300.100.1.3``. A "
        "NameFormat may stand behind them: ``uri``, ``basic`` or "
        "``unspecified``.",
        default={},
        shown="our own names",
    )
    sign: SignLines = option(
        "Chooses what the hub signs: ``assertion``, ``response`` or "
        "``both``. One word for all participants, or lines of an entityID "
        "(``*`` for the rest) and a word. If a participant's metadata asks "
        "for signed assertions, the hub always signs the assertion.",
        default={},
        shown="``both``",
    )
    encrypt: EncryptLines = option(
        "Encrypts assertions: ``off``; ``when-possible`` if the "
        "participant's metadata has a key; ``required``, so that a "
        "participant without a key gets no login. One word for all "
        "participants, or lines of an entityID (``*`` for the rest) and a "
        "word. A participant with a key that lists only algorithms which "
        "eilogin does not write (CBC, RSA 1.5) gets no login.",
        default={},
        shown="``off``",
    )
    encrypt_name_id: Flag = option(
        "Encrypts the NameID of a LogoutRequest for participants whose "
        "metadata has a key for that.",
        default=False,
    )
    metrics_token: MetricsToken | None = option(
        "Publishes the metrics of this hub at ``/metrics`` for Prometheus. "
        "The client sends this secret (``Authorization: Bearer …``); "
        "without it the address answers 404. At least 16 bytes; the value "
        "itself, ``env:NAME``, ``file:PATH`` or ``credential:NAME``.",
        default=None,
        shown="none",
    )
    demo: Flag = option(
        "Shows the demo citizens on the sign-in page, with their passwords "
        "and codes. A button for each fills in the form. Only on a loopback "
        "address or below ``.test``.",
        default=False,
    )
    sectors: SectorLines = option(
        "With ``profile = digid``: chooses the number by which a "
        "participant knows a citizen. Each line has an entityID or ``*``, "
        "and sector codes, the preferred one first: ``s00000000`` (BSN) or "
        "``s00000001`` (SOFI).",
        default={"*": (BSN,)},
        shown="``* s00000000``",
    )
    inactive: Words = option(
        "With ``profile = digid``: lists the entityIDs of participants "
        "whose connection is not active. They get no login (RequestDenied).",
        default=(),
        shown="none",
    )
    rehearsal: Flag = option(
        "With ``profile = digid``: lets a tester choose on the pages how "
        "DigiD answers. Only on a loopback address or below ``.test``.",
        default=False,
    )

    @model_validator(mode="after")
    def _require_citizens(self) -> "HubOptions":
        if self.sign_in == "own" and self.citizens is None:
            raise ValueError("citizens: is required with sign_in = own")
        if self.sign_in == "above" and not self.passed_on_to:
            raise ValueError(
                "passed_on_to: is required with sign_in = above, because only these"
                " participants get a login"
            )
        return self

    @property
    def entities(self) -> Mapping[str, Sequence[str]]:
        """The entityIDs that each option names, without ``*`` and categories."""
        entities_by_option: Mapping[str, Iterable[str]] = {
            "passed_on_to": self.passed_on_to,
            "nameless": self.nameless,
            "logout_binding": filter(is_entity, self.logout_binding),
            "release": filter(is_entity, self.release),
            "sign": filter(is_entity, self.sign),
            "encrypt": filter(is_entity, self.encrypt),
            "sectors": filter(is_entity, self.sectors),
            "inactive": self.inactive,
        }
        return {name: tuple(entities) for name, entities in entities_by_option.items()}

    def faults(self) -> Iterator[Fault]:
        """See the base class."""
        yield from super().faults()
        try:
            if self.citizens is not None:
                Citizens.load(self.citizens)
        except EiloginError as error:
            yield Fault("", "", "citizens", "", str(error))

    def options_with_thread_limits(self) -> Iterator[str]:
        """See the base class."""
        yield from super().options_with_thread_limits()
        yield "logouts_at_once"

    def notes(self) -> Iterator[OptionNote]:
        """See the base class."""
        yield from super().notes()
        if self.sign_in == "own":
            yield from _unusable_attributes(self.release)
        for name in self.nameless:
            text = (
                f"{name!r} gets no NameID, so for its sessions single logout is "
                f"impossible ({LOGOUT_IMPOSSIBLE})"
            )
            yield OptionNote("nameless", text, LOGOUT_IMPOSSIBLE, Topic.LOGOUT)
        if self.citizens is not None:
            yield from exposed_files("citizens", [self.citizens], Topic.KEY_FILE)
        files = self.named_files("name_id_key")
        yield from exposed_files("name_id_key", files, Topic.SECRET_FILE)


def _unusable_attributes(release: Mapping[str, Sequence[str]]) -> Iterator[OptionNote]:
    usable = (*ATTRIBUTES, *WORDS)
    for name in dict.fromkeys(n for names in release.values() for n in names):
        if name not in usable:
            hint = did_you_mean(name, usable)
            text = f"{name!r} is no attribute of the hub's citizens{hint}"
            yield OptionNote("release", text)


def contradictions(
    options: HubOptions, public_url: str, profile: Profile
) -> Iterator[tuple[str, str]]:
    """Yield options that do not fit the hub, with what was expected."""
    for name in ("demo", "rehearsal"):
        if getattr(options, name) and not is_for_trying(public_url):
            yield name, f"expected a loopback address or one in .test, not {public_url}"
    for name in profile.refused_hub_options:
        if getattr(options, name) != HubOptions.model_fields[name].default:
            yield name, _OUT_OF_PLACE[name]
    if options.show_session and options.sign_in == "above":
        yield (
            "show_session",
            "expected none with 'sign_in = above', where the hub above has the name",
        )
    if not profile.allows_hub_above and options.sign_in == "above":
        yield (
            "sign_in",
            "expected 'own' with 'profile = digid': DigiD signs citizens in itself",
        )


def is_for_trying(public_url: str) -> bool:
    """Whether an address is for tests: loopback, or .test (RFC 6761 6.2)."""
    host = urlsplit(public_url).hostname or ""
    return is_loopback(host) or host.endswith(".test")
