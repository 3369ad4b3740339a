"""Where state lives that must survive a request: one small interface of atomic verbs.

What belongs here: the interface (:class:`Store`), its implementations (``memory:``,
``sqlite:///path`` and ``redis://…``), :func:`open_store`, which picks one by its URL,
what keeps the values of parties apart that share a store (:class:`Values`), what
leaves a store alone that does not answer (:mod:`.breaker`), and what tells the log of
what cannot be read (:mod:`.garbage`). What does not: what the stored text means. A
store sees keys, labels and text; it knows nothing of HTTP, of SAML, or of who is
logged in.
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
