"""Single sign-on and single logout in front of any WSGI application.

eilogin is a set of composable WSGI filters, configured through PasteDeploy, that
give an unchanged application session checking, federation trust and logout
propagation; and, to make that whole, a hub, a portal and a demonstration.

The rooms, from the top down; each imports only from the rooms below it::

    cli, testing             commands; a whole federation in one process for tests
    filters.participant      all filters of a participant in the right order
    filters, hub, portal,    one filter a file; the identity provider; the portal;
      compose                plain callables and host names as PasteDeploy apps
    visit                    from a stranger's click to her page, and what may go wrong
    web                      what filters and apps share about HTTP
    sessions, federation     the login record; who trusts whom
    saml, stores,            messages in, messages out; atomic verbs over storage;
      backchannel            HTTP from server to server
    audit, settings          one line of JSON an event; options from ini files
    clock, errors            the time of day; what goes wrong
"""

__version__ = "0.1.0"
