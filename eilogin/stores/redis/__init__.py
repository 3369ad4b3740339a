"""``redis://…`` keeps everything in a Redis or Valkey: for several machines.

What belongs here, from the top down: the verbs on sessions (:mod:`.store`) and on
values (:mod:`.values`), what looks at all that there is (:mod:`.housekeeping`), how
labels of other shards are found (:mod:`.hints`), how the servers are asked
(:mod:`.client`), what they do in one step (:mod:`.scripts`), what they must be like
(:mod:`.checks`), which of them to ask (:mod:`.servers`), the connections to one
(:mod:`.nodes`), and the address of them all (:mod:`.urls`). The package ``redis`` is an
extra of ours, and is imported only where such a store is used: nothing is imported
here.

By module:

``cluster_hints``
    Where, in a Cluster, the sessions of other shards are that may carry a label.
``lua_scripts``
    What a server does in one step: Lua scripts, which nothing comes in between.
``redis_checks``
    What a server has to be like for sessions to be kept in it.
``redis_client``
    Questions to the servers of a store, and what is asked of them in one step.
``redis_housekeeping``
    What looks at every session that the servers have: the end of all, and
    figures.
``redis_nodes``
    One server, and the connections to it.
``redis_servers``
    Which server to ask: the one, the one that the sentinels name, one of a
    Cluster.
``redis_store``
    The verbs, over one server or several.
``redis_urls``
    Where the servers of a store are: one URL, read once.
``redis_values``
    Values, each of which is at the server of its own key.
"""
