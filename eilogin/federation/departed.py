"""Who was a member once, as it was then: to know it again if it comes back.

Who goes is told and no more. If it were forgotten, somebody could take its place in two
steps: have it be gone today, and tomorrow come as a new member of that name, with keys
and addresses of their own. So the last that was known of it is kept, and when it comes
back it is compared with that.
"""

from eilogin.errors import ConfigurationError
from eilogin.federation.folder import SiteFolder
from eilogin.federation.index import write_index
from eilogin.federation.members import Federation
from eilogin.saml.metadata import FederationMetadata

_FILE = "departed"
#: How many are kept: the last ones.
_MOST = 10_000


def departed_of(folder: SiteFolder) -> Federation:
    """Those who have gone and did not come back; nobody where that cannot be read.

    Such as after an update, from which on it is kept anew.
    """
    try:
        return Federation.from_index(folder.path / _FILE)
    except ConfigurationError:
        return Federation()


def note_departed(folder: SiteFolder, old: Federation, new: Federation) -> None:
    """Keep those who go with ``new``, before that is active: under the lock.

    Raises :class:`eilogin.errors.ConfigurationError` where it cannot be written.
    """
    before = departed_of(folder).members
    leaving = [name for name in old.members if name not in new.members]
    staying = [n for n in before if n not in new.members and n not in old.members]
    if not leaving and len(staying) == len(before):
        return
    members = *(before[n] for n in staying), *(old.members[n] for n in leaving)
    path = folder.path / _FILE
    try:
        write_index(path, [FederationMetadata(members[-_MOST:], None, "", None)])
        folder.take(path)
    except OSError as error:
        told = f"federation_folder: {path}: {error.strerror}"
        raise ConfigurationError(told) from error
