"""The hub with ``profile = digid``: it does what DigiD does (DIGID.md 1 to 3).

What belongs here: where DigiD differs from the plain hub, in what it answers, whom it
asks again and how it logs out, so that an organisation can rehearse its connection, and
the answers that a tester chooses. What does not: the bugs of DigiD's own code (DIGID.md
9); what both have in common (``hub``); how DigiD signs (``saml``).

By module:

``digid_logout``
    Single logout as DigiD does it (DIGID.md 3): by the session of the browser.
``digid_peers``
    Whom DigiD takes messages from, and what it does with all others: nothing at
    all.
``digid_response``
    DigiD's answers as XML (DIGID.md 1.5): what it says, and what it leaves out.
``digid_sso``
    Single sign-on as DigiD does it: in its order, and with its timers (DIGID.md
    2.4).
``reauthentication``
    Whether DigiD asks a citizen again, and where it takes her to be logged in.
``relay_state``
    The RelayState that DigiD keeps for a browser, and gives to who sends none.
``sector_numbers``
    Which number of a citizen a participant gets: that of a sector of its own.
"""
