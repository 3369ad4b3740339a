"""What commands share: prompts, progress, files and calendars.

What belongs here, by module:

``command_files``
    Files that commands make: keys, certificates, secrets; and that they change.
``icalendar``
    Events as an iCalendar (RFC 5545), which people import into their own
    calendar.
``progress_bar``
    How far a long piece of work is, for who waits for it at a terminal.
``prompts``
    What commands ask: what they were not told, and before what cannot be
    undone.
"""
