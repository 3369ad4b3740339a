"""Where metadata comes from: files and addresses, and what eilogin accepts of them.

Comparing members and storing state do not belong here. Modules:

``local_files``
    Detect changes of the local files that the sources name.
``member_filters``
    Select members of a source by filters.
``metadata_acceptance``
    Verify and parse metadata.
``metadata_downloads``
    Metadata over HTTP: from an address, or by Metadata Query Protocol.
``metadata_sources``
    Sources of metadata, and the copy that replaces an unavailable one.
``source_lines``
    Parse a line of the option ``federation``.
``source_merging``
    Merge several sources, each member in exactly one.
"""
