"""The file system of a path, and whether SQLite can share a file there.

In WAL mode processes share mapped memory, on one machine only. Over a network, two
machines would overwrite each other unnoticed (https://www.sqlite.org/wal.html, 1;
https://www.sqlite.org/howtocorrupt.html, 2.1).
"""

import re
from pathlib import Path

#: proc_pid_mountinfo(5); only Linux has it.
MOUNTS = Path("/proc/self/mountinfo")

#: File systems for several machines, by their names in mountinfo; "fuse." precedes the
#: name of a program.
_is_over_a_network = re.compile(
    r"9p|afs|beegfs|ceph|cifs|coda|davfs|gfs2?|glusterfs|gpfs|lizardfs|lustre|moosefs"
    r"|ncpfs|nfs4?|ocfs2|orangefs|prl_fs|pvfs2|smb3|smbfs|vboxsf|virtiofs|vmhgfs"
    r"|fuse\.(blobfuse2?|ceph|ceph-fuse|curlftpfs|davfs2?|gcsfuse|glusterfs|goofys"
    r"|grpcfuse|gvfsd-fuse|juicefs|lizardfs|mfs|moosefs|osxfs|rclone|s3fs|seaweedfs"
    r"|smbnetfs|sshfs|vmhgfs-fuse)"
).fullmatch

#: File systems that are gone when the machine stops.
_IN_MEMORY = ("tmpfs", "ramfs")


def network_file_system(path: Path) -> str | None:
    """Return the type of a path's file system, if it is over a network, else None.

    None also if the type is unknown. The path may be missing; follows symbolic links.
    """
    try:
        mounts = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return None
    kind = file_system_of(path.resolve(), mounts)
    return kind if _is_over_a_network(kind) else None


def is_in_memory(path: Path) -> bool:
    """Whether the file system of a path is gone when the machine stops."""
    try:
        mounts = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return False
    return file_system_of(path.resolve(), mounts) in _IN_MEMORY


def file_system_of(path: Path, mounts: str) -> str:
    """Return the type of the file system of a resolved path; "" if unknown.

    ``mounts`` is ``/proc/self/mountinfo``; the last one on a mount point counts.
    """
    kind, depth = "", -1
    for line in mounts.splitlines():
        mount, _, file_system = line.partition(" - ")
        fields, kinds = mount.split(" "), file_system.split(" ")
        if len(fields) <= _MOUNT_POINT:
            continue
        point = Path(_unescaped(fields[_MOUNT_POINT]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = kinds[0], len(point.parts)
    return kind


_MOUNT_POINT = 4


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
