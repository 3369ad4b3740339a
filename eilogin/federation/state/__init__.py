"""The state that a site keeps of its federation on disk.

* ``state_folder``: the folder of one site in ``federation_folder``.
* ``state_origin``: the options and files that a state was made from.
* ``state_records``: the records, as values and as JSON.
"""
