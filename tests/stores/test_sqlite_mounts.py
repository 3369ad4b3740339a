"""A network file system is refused: two machines would not see each other's logouts."""

import sqlite3
from pathlib import Path

import pytest

from eilogin.errors import ConfigurationError, StoreUnavailable
from eilogin.stores.sqlite import SQLiteStore, mounts
from eilogin.stores.sqlite.mounts import file_system_of, network_file_system

# As a kernel writes it: with optional fields, escapes, and one mount over another.
TABLE = r"""
21 26 0:20 / /proc rw,nosuid shared:12 - proc proc rw
26 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 26 0:40 / /srv rw,relatime shared:2 master:1 - nfs4 files:/export rw,vers=4.2
31 30 0:41 / /srv/local rw - xfs /dev/vdb rw
32 26 0:42 / /home/a\040b rw - fuse.sshfs a@b: rw
33 26 0:43 / /mnt rw - ext4 /dev/vdc rw
34 33 0:44 / /mnt rw - cifs //files/share rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param("/var/lib/eilogin.db", "ext4", id="the root"),
        pytest.param("/srv/eilogin.db", "nfs4", id="a mount"),
        pytest.param("/srv/local/eilogin.db", "xfs", id="a mount on a mount"),
        pytest.param("/srvs/eilogin.db", "ext4", id="a name that begins alike"),
        pytest.param("/home/a b/eilogin.db", "fuse.sshfs", id="a space in the name"),
        pytest.param("/mnt/eilogin.db", "cifs", id="of two on one point the last"),
    ],
)
def test_the_mount_that_a_path_lies_on(path: str, kind: str) -> None:
    assert file_system_of(Path(path), TABLE) == kind


def test_no_mount_is_told() -> None:
    assert file_system_of(Path("/var"), "") == ""


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def mount(folder: Path, kind: str) -> None:
        table = tmp_path / "mountinfo"
        table.write_text(
            f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:1 / {folder} rw - {kind} x rw\n"
        )
        monkeypatch.setattr(mounts, "MOUNTS", table)

    return mount


OVER_A_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "lustre")
FROM_THE_HOST = ("virtiofs", "vboxsf")
BY_A_PROGRAM = ("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs")


@pytest.mark.parametrize("kind", [*OVER_A_NETWORK, *FROM_THE_HOST, *BY_A_PROGRAM])
def test_a_store_over_a_network_is_refused(tmp_path, mounted, kind) -> None:
    mounted(tmp_path, kind)
    path = tmp_path / "store.db"
    with pytest.raises(ConfigurationError) as refused:
        SQLiteStore(path).prepare()
    assert str(path) in str(refused.value)
    assert repr(kind) in str(refused.value)
    assert "expected a local disk" in str(refused.value)
    assert not path.exists()


def test_a_link_is_followed(tmp_path: Path, mounted) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.symlink_to(there)
    mounted(there, "nfs")
    assert network_file_system(here / "store.db") == "nfs"


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "overlay", "fuse", "fuseblk", "zfs"])
def test_a_local_disk_is_taken(tmp_path: Path, mounted, kind) -> None:
    mounted(tmp_path, kind)
    SQLiteStore(tmp_path / "store.db").prepare()


def test_nothing_is_said_where_the_kernel_tells_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert network_file_system(tmp_path / "store.db") is None


def test_a_disk_without_shared_memory_is_refused(tmp_path, monkeypatch) -> None:
    """Of SQLite's own ways to use a disk, one has no shared memory."""
    real = sqlite3.connect

    def connect(address: str, **options: object) -> sqlite3.Connection:
        return real(f"{address}&vfs=unix-dotfile", **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    store = SQLiteStore(tmp_path / "store.db")
    with pytest.raises(ConfigurationError, match=r"share memory .*found 'delete'"):
        store.prepare()
    with pytest.raises(StoreUnavailable, match="share memory"):
        store.read("key")
