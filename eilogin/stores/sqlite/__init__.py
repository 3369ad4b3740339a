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
"""

from eilogin.stores.sqlite.sqlite_store import SQLiteStore as SQLiteStore
