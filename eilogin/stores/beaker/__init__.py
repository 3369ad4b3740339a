"""Beaker's backends, for what an application keeps: texts by name, and no pickles.

The kinds, their places and their drivers are Beaker's own (``type`` of its sessions).
What is written is not. Beaker's pickle whatever ``data_serializer`` says, in the record
around the data, so that who can write to a backend can run code in the application; of
two that write, the last one undoes the other; and ``ext:memcached`` would empty the
whole server to remove one name. Here a text is a text, it takes the place of the one
that was read or none, and what nobody asks for any more goes by itself.

By module:

``beaker_backend``
    What Beaker's backends are here: the interface, and what leaves one alone.
``beaker_database``
    ``ext:database``: a table of SQLAlchemy's, in SQLite, for the processes of a
    machine.
``beaker_files``
    ``file``: Beaker's files in a folder, for the processes of one machine.
``beaker_memcached``
    ``ext:memcached``: one memcached or several, at the names that Beaker gives.
``beaker_memory``
    ``memory``: Beaker's dictionaries, for the threads of one process.
``beaker_opening``
    From the options of an ini file to one of Beaker's backends.
``beaker_redis``
    ``ext:redis``: a Redis, for several machines; at the names that Beaker gives.
"""

from eilogin.stores.beaker.beaker_backend import Backend as Backend
from eilogin.stores.beaker.beaker_backend import Kept as Kept
from eilogin.stores.beaker.beaker_opening import BackendURL as BackendURL
from eilogin.stores.beaker.beaker_opening import open_backend as open_backend
