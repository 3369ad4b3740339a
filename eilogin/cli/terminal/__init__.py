"""Terminal helpers of the commands, which know no ini files and no SAML.

* ``command_files``: writes keys, certificates and secrets, and changes files.
* ``icalendar``: writes events as an iCalendar (RFC 5545), to import.
* ``key_kinds``: names the kinds of keys that the commands make.
* ``progress_bar``: shows the progress of long work.
* ``prompts``: asks for missing values, and for a yes before final work.
* ``reports``: prints faults, notes and errors for a person.
"""
