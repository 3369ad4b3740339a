"""What tests of sessions say in one word."""

from eilogin.sessions import Login, Participant, Sessions, Subject

NOON = 1_800_000_000.0
HUB = "https://hub.example/metadata"


def found(sessions: Sessions, token: str) -> Login:
    """The login with this cookie value, which has to be there."""
    login = sessions.find(token)
    assert login is not None
    return login


def told(name: str, index: str = "1") -> Participant:
    """A participant that was told of anna."""
    entity_id = f"https://{name}.example/metadata"
    return Participant(entity_id, Subject(HUB, entity_id, f"anna@{name}"), index, NOON)
