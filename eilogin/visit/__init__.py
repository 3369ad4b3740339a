"""One visit, from a stranger's click to her page, and what may come in between.

What belongs here: which path needs what (``paths``, ``zope``, ``rules``, ``limits``,
``whereabouts``), the question to the hub and the way back (``asking``, ``under_way``,
``answers``, ``arrival``), and what goes wrong on the way (``rounds``: it never ends or
cookies are refused; ``again``, ``kept``: a form came too late; ``warning``,
``injection``:
it is about to). ``sealing`` and ``handles`` serve them. What does not: who calls them
when, which :mod:`eilogin.filters.login` says.
"""
