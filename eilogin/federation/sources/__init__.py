"""Where metadata comes from: files and addresses, and what eilogin accepts of them.

What belongs here, by module:

``local_files``
    The files of this machine that the members come from: whether they are
    others now.
``member_filters``
    Which members are taken of a source: what its line of ``federation`` wants
    of it.
``metadata_acceptance``
    Whether what came is metadata that can be taken: read, well signed, and in
    time.
``metadata_downloads``
    Metadata that is fetched over HTTP: from an address, or of one party at a
    time.
``metadata_sources``
    Where metadata comes from: a file here, or what is fetched (``downloads``).
``source_lines``
    A line of the option ``federation``: a source, who signs it, and how it is
    taken.
``source_merging``
    What comes of several sources together: each member is of one of them only.
"""
