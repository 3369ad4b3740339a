"""What a site keeps of its federation on disk.

What belongs here, by module:

``state_folder``
    What is kept of a federation on disk: ``federation_folder``, a folder in it
    a site.
``state_origin``
    What a state was made by, options and files, and whether that is otherwise
    now.
``state_records``
    What is kept of a federation, as values, and as the JSON that they are
    written as.
"""
