"""``eilogin join`` and ``join-hub``: prepare a new member of a federation.

* ``join_command``: ``eilogin join`` prepares a site.
* ``join_hub_command``: ``eilogin join-hub`` prepares a hub.
* ``ini_file_change``: puts eilogin into an ini file, or writes a new file.
* ``existing_sections``: requires that sections agree with the command line.
* ``joined_files``: makes the files that an ini file names, and prints the steps left.
* ``join_questions``: asks for the values that the command line lacks.
* ``join_values``: validates values of the command line as an ini file does.
"""
