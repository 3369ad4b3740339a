"""Beaker's backends for the data of an application: texts by name, and no pickles.

The kinds, their URLs or folders, and their drivers are those of Beaker's sessions
(``type``). The stored records are eilogin's own, because Beaker has three faults:

* Despite ``data_serializer``, Beaker pickles the record around the data: anyone who can
  write to a backend can run code in the application.
* If two write at once, the last one undoes the other.
* ``ext:memcached`` would empty the whole server to remove one name.

A write here is a compare-and-swap: it replaces only the text that its writer has read,
or adds one if none is there. Each text expires.

* ``beaker_backend``: the interface of a backend, and its circuit breaker.
* ``beaker_database``: ``ext:database``: a table of SQLAlchemy's, in SQLite, for the
  processes of a machine.
* ``beaker_files``: ``file``: Beaker's files in a folder, for the processes of one
  machine.
* ``beaker_memcached``: ``ext:memcached``: one memcached or several, at the names that
  Beaker gives.
* ``beaker_memory``: ``memory``: Beaker's dictionaries, for the threads of one process.
* ``beaker_opening``: open one of Beaker's backends by the options of an ini file.
* ``beaker_redis``: ``ext:redis``: a Redis, for several machines; at the names that
  Beaker gives.
"""

from eilogin.stores.beaker.beaker_backend import Backend as Backend
from eilogin.stores.beaker.beaker_backend import NamedTexts as NamedTexts
from eilogin.stores.beaker.beaker_opening import BackendURL as BackendURL
from eilogin.stores.beaker.beaker_opening import open_backend as open_backend
