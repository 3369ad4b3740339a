"""Where state lives that must survive a request: one small interface of atomic verbs.

What belongs here: the interface (:class:`Store`), its implementations (``memory:``,
``sqlite:///path`` and ``redis://…``), :func:`open_store`, which picks one by its URL,
what keeps the values of parties apart that share a store (:class:`Values`), what
leaves a store alone that does not answer (:mod:`.breaker`), and what tells the log of
what cannot be read (:mod:`.garbage`). What does not: what the stored text means. A
store sees keys, labels and text; it knows nothing of HTTP, of SAML, or of who is
logged in.

By module:

``circuit_breaker``
    A store that does not answer is left alone for a while, and then asked again.
``logout_reserve``
    Mark what a request writes as a part of a logout, which a full store still
    accepts.
``memory_store``
    ``memory:`` keeps everything in this process: for tests, and for one process.
``short_lived_values``
    The short-lived values of one party, apart from those of all others.
``store_interface``
    The promises that every store keeps; ``tests/stores`` holds them to it.
``store_opening``
    From the ``store`` option of an ini file to a store.
``unreadable_records``
    What is in a store and cannot be read: it counts as nothing, and the log is
    told.
``beaker``
    Beaker's backends, for what an application keeps: texts by name, and no
    pickles.
``redis``
    ``redis://…`` keeps everything in a Redis or Valkey: for several machines.
``sqlite``
    ``sqlite:///path`` keeps everything in one file: for one machine, any
    processes.
"""

from eilogin.stores.short_lived_values import Values as Values
from eilogin.stores.store_interface import START_TIMEOUT as START_TIMEOUT
from eilogin.stores.store_interface import TIMEOUT as TIMEOUT
from eilogin.stores.store_interface import EndedSession as EndedSession
from eilogin.stores.store_interface import Store as Store
from eilogin.stores.store_interface import StoredSession as StoredSession
from eilogin.stores.store_interface import shard_of as shard_of
from eilogin.stores.store_opening import StoreURL as StoreURL
from eilogin.stores.store_opening import open_store as open_store
