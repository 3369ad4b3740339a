"""State that must survive a request: one small interface of atomic operations.

:func:`open_store` opens an implementation of :class:`Store` by its URL, and
:class:`Values` separates the values of parties that share it. A store sees keys, labels
and text, and knows nothing of HTTP, SAML or visitors.

* ``circuit_breaker``: a circuit breaker for a store that does not answer.
* ``logout_reserve``: mark what a request writes as a part of a logout, which a full
  store still accepts.
* ``memory_store``: ``memory:`` keeps everything in this process, also for tests.
* ``short_lived_values``: the short-lived values of one party, apart from those of all
  others.
* ``store_interface``: the promises that every store keeps; ``tests/stores`` tests them.
* ``store_locations``: the properties of a store that its URL alone tells.
* ``store_opening``: open the store that the ``store`` option of an ini file names.
* ``unreadable_records``: log records in a store that eilogin cannot read, and count
  them as absent.
* ``beaker``: Beaker's backends for the data of an application: texts by name, and no
  pickles.
* ``redis``: ``redis://…`` keeps everything in a Redis or Valkey: for several machines.
* ``sqlite``: ``sqlite:///path`` keeps everything in one file: for the processes of one
  machine.
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
