"""The state that a site keeps of its federation on disk.

Decisions about the state do not belong here. Modules:

``state_folder``
    Read and write the folder of one site in ``federation_folder``.
``state_origin``
    The options and files that a state was made from.
``state_records``
    The records of the state, as values and as JSON.
"""
