"""``eilogin join`` and ``join-hub``: prepare a new member of a federation.

``join_command``
    ``eilogin join``: prepare a site.
``join_hub_command``
    ``eilogin join-hub``: prepare a hub.
``ini_file_change``
    Put eilogin into the ini file of an application, or write a new file.
``existing_sections``
    Require that existing sections agree with the command line.
``joined_files``
    Make the files that an ini file names, and print the steps left.
``join_questions``
    Ask for the values that the command line lacks.
``join_values``
    Validate values of the command line as an ini file does.
"""
