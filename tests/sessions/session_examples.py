"""Examples that several tests of sessions use."""

from eilogin.sessions import Login, Participant, Sessions, Subject

NOON = 1_800_000_000.0
HUB = "https://hub.example/metadata"


def live_login(sessions: Sessions, token: str) -> Login:
    """The login with this cookie value, which must be live."""
    login = sessions.find(token)
    assert login is not None
    return login


def participant_of(name: str, index: str = "1") -> Participant:
    """A participant that knows anna."""
    entity_id = f"https://{name}.example/metadata"
    return Participant(entity_id, Subject(HUB, entity_id, f"anna@{name}"), index, NOON)
