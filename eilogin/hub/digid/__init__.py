"""The hub with ``profile = digid``: it does what DigiD does (DIGID.md 1 to 3).

What belongs here: where DigiD differs from the plain hub, in what it answers, whom it
asks again and how it logs out, so that an organisation can rehearse its connection, and
the answers that a tester chooses. What does not: the bugs of DigiD's own code (DIGID.md
9); what both have in common (``hub``); how DigiD signs (``saml``).
"""
