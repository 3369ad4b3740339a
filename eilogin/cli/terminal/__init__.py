"""Terminal helpers of the commands: prompts, progress, files and calendars.

Nothing here knows ini files, SAML or the work of a command.

``command_files``
    Write keys, certificates and secrets, and change files.
``icalendar``
    Write events as an iCalendar (RFC 5545), which people can import.
``progress_bar``
    Show the progress of a long piece of work.
``prompts``
    Ask for missing values, and for a yes before work that cannot be undone.
``reports``
    Print faults, notes and errors for a person.
"""
