"""``sqlite:///path`` keeps everything in one file: for one machine, any processes.

The file is in WAL mode, in which readers and the one writer do not wait for each
other. A commit is on the disk when the verb returns (``synchronous=FULL``): a logout,
a mark or a used message is not forgotten when the power fails. Where the promises say
that it may be, the commit does not wait for the disk (``synchronous=NORMAL``), and
the file is whole all the same (https://www.sqlite.org/wal.html, 2.3).

What belongs here, from the top down: the verbs (``store``), their parts inside a
transaction (``rows``), what this process holds open (``connections``), what is kept in
a backup and how it comes back (``backup``), what becomes of a file that was copied or
put back (``copies``), the tables and their versions (``schema``), and which files
SQLite cannot share (``mounts``).

By module:

``copied_files``
    What becomes of a file that was copied, and of one that was put back.
``disk_space``
    Give disk space back that a store does not need any more.
``mounts``
    On which file system a path lies, and whether SQLite can share a file there.
``reserve_file``
    Disk space that a store keeps for logouts, as a file beside it (``PATH-
    reserve``).
``sqlite_backup``
    What of a store is worth keeping, in a file of its own, and how it comes back.
``sqlite_connections``
    What a process holds open of one file: readers as many as are needed, one
    writer.
``sqlite_rows``
    Parts of verbs, inside a transaction that the caller has begun.
``sqlite_schema``
    The tables, their version, and how a file comes from an older version to this
    one.
``sqlite_store``
    The verbs of a store, over one SQLite file.
"""

from eilogin.stores.sqlite.sqlite_store import SQLiteStore as SQLiteStore
