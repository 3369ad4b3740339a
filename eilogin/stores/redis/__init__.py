"""``redis://…`` keeps everything in a Redis or Valkey: for several machines.

What belongs here: the address of the servers (:mod:`.urls`), the connections to them
(:mod:`.servers`), what they must be like (:mod:`.checks`), what they do in one step
(:mod:`.scripts`), and the store over all of that (:mod:`.store`). The package ``redis``
is an extra of ours, and is imported only where such a store is used: nothing is
imported here.
"""
