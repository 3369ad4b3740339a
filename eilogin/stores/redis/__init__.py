"""``redis://…`` keeps everything in a Redis or Valkey: for several machines.

The package ``redis`` is optional, so this module imports nothing. From the top down:

* ``redis_store``: the operations on sessions, over one server or several.
* ``redis_values``: the operations on values; each value is at the server of its own
  key.
* ``redis_housekeeping``: operations on every session of all servers: the end of all,
  and figures.
* ``cluster_hints``: hints for labels in a Cluster: which sessions of other shards may
  carry a label.
* ``redis_client``: run commands and scripts at the right server of a store.
* ``lua_scripts``: Lua scripts: the steps that a server executes atomically.
* ``redis_checks``: the properties that a server needs to keep sessions.
* ``redis_servers``: find the server: a single one, the sentinels' master, or a node of
  a Cluster.
* ``redis_nodes``: one server, and its idle connections.
* ``redis_connections``: connect to a server, with or without TLS.
* ``redis_urls``: parse the URL of a store.
"""
