"""Where metadata comes from: files and addresses, and what eilogin accepts of them.

* ``local_files``: detects changes of local files.
* ``member_filters``: selects members of a source.
* ``metadata_acceptance``: verifies and parses metadata.
* ``metadata_downloads``: metadata over HTTP, also by Metadata Query Protocol.
* ``metadata_sources``: sources, and the copy of an unavailable one.
* ``source_lines``: parses a line of the option ``federation``.
* ``source_merging``: merges sources, each member in exactly one.
"""
