"""``redis://…`` keeps everything in a Redis or Valkey: for several machines.

What belongs here, from the top down: the verbs on sessions (:mod:`.store`) and on
values (:mod:`.values`), what the servers do in one step (:mod:`.scripts`), how they are
asked for it (:mod:`.asking`), what they must be like (:mod:`.checks`), which of them to
ask (:mod:`.servers`), the connections to one (:mod:`.nodes`), and the address of them
all (:mod:`.urls`). The package ``redis`` is an extra of ours, and is imported only
where such a store is used: nothing is imported here.
"""
