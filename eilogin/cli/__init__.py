"""The command line: ``eilogin serve``, ``demo``, ``check``, ``options``.

What belongs here: reading arguments, asking the rooms below to work, and telling a
person what came of it. Each command is a file.
"""
