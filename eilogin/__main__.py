"""``python -m eilogin``: the command ``eilogin``."""

from eilogin.cli import main

main()
