"""``sqlite:///path`` keeps everything in one file: for the processes of one machine.

In WAL mode, readers and the one writer do not wait for each other. A commit is on the
disk when the operation returns (``synchronous=FULL``): a power failure undoes no
logout, mark or used message. If the promises allow a loss, the commit does not wait
(``synchronous=NORMAL``), and the file stays whole (https://www.sqlite.org/wal.html,
2.3).

* ``copied_files``: end the sessions of a file that was copied or restored.
* ``disk_space``: return disk space that a store does not need any more.
* ``file_faults``: find the reason why no store can be in a file, without making the
  file.
* ``mounts``: the file system of a path, and whether SQLite can share a file there.
* ``reserve_file``: disk space that a store keeps for logouts, as a file beside it
  (``PATH-reserve``).
* ``sqlite_backup``: back up the parts of a store worth keeping to another file, and
  restore them.
* ``sqlite_connections``: the connections of a process to one file: any number of
  readers, one writer.
* ``sqlite_file``: the file of a store: its connections, its transactions and its disk
  space.
* ``sqlite_rows``: parts of operations, inside a transaction of the caller.
* ``sqlite_schema``: the tables, their version, and the migration of older files.
* ``sqlite_store``: the operations of a store, over one SQLite file.
"""

from eilogin.stores.sqlite.sqlite_store import SQLiteStore as SQLiteStore
