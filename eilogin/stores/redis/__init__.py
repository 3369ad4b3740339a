"""``redis://…`` keeps everything in a Redis or Valkey: for several machines.

What belongs here, from the top down: the verbs on sessions (:mod:`.store`) and on
values (:mod:`.values`), what looks at all that there is (:mod:`.housekeeping`), how
labels of other shards are found (:mod:`.hints`), how the servers are asked
(:mod:`.client`), what they do in one step (:mod:`.scripts`), what they must be like
(:mod:`.checks`), which of them to ask (:mod:`.servers`), the connections to one
(:mod:`.nodes`), and the address of them all (:mod:`.urls`). The package ``redis`` is an
extra of ours, and is imported only where such a store is used: nothing is imported
here.
"""
