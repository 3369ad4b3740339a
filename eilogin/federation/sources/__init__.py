"""Where metadata comes from: files and addresses, and what eilogin accepts of them.

Comparing members and storing state do not belong here. Modules:

* ``local_files``: detect changes of local files
* ``member_filters``: select members of a source
* ``metadata_acceptance``: verify and parse metadata
* ``metadata_downloads``: metadata over HTTP, also by Metadata Query Protocol
* ``metadata_sources``: sources, and the copy of an unavailable one
* ``source_lines``: parse a line of the option ``federation``
* ``source_merging``: merge sources, each member in exactly one
"""
