"""Single sign-on and single logout in front of any WSGI application.

eilogin is a set of composable WSGI filters, configured through PasteDeploy, that
give an unchanged application session checking, federation trust and logout
propagation; and, to make that whole, a hub, a portal and a demonstration.

The rooms, from the top down; each imports only from the rooms below it::

    cli, testing             commands; a whole federation in one process for tests
    filters.participant      all filters of a participant in the right order
    filters, hub, portal,    one filter a file; the identity provider; the portal;
      compose, operator      plain callables and host names as PasteDeploy apps; who is
                             a member, and the signature on that
    visit                    from a stranger's click to her page, and what may go wrong
    web                      what filters and apps share about HTTP
    sessions, federation     the login record; who trusts whom
    saml, stores,            messages in, messages out; atomic verbs over storage;
      backchannel, by_name   HTTP from server to server; code of others by its name
    audit, settings          one line of JSON an event; options from ini files
    metrics                  how much happens, where somebody wants to know
    clock, errors, files,    the time of day; what goes wrong; whole files or none;
      logos, shell,            images that draw and do nothing else; commands to copy;
      interposition,           lxml beside another libxml2;
      subinterpreter           interpreters in which eilogin cannot work
"""

from eilogin import interposition, subinterpreter

__version__ = "0.1.0"

subinterpreter.refuse()
# Before anything of eilogin imports lxml.
interposition.load_apart()
