"""Single sign-on and single logout in front of any WSGI application.

eilogin is a set of composable WSGI filters, configured through PasteDeploy, with a hub,
a portal and a demonstration. They give an unchanged application session checking,
federation trust and logout propagation.

From the top down; each room imports only from the rooms below it::

    cli, testing             the commands; a whole federation in one process for tests
    filters.participant      all filters of a participant in the right order
    filters, hub, portal,    one filter a file; the identity provider; the portal;
      compose, registry      plain WSGI callables and host names as PasteDeploy apps;
                             the members and signed metadata of a federation's operator
    participant              path rules, login, logout, forms and expiry at a site
    web                      what filters and apps share about HTTP
    sessions, federation     the session records; the members and their keys
    saml, stores,            SAML messages and metadata; storage with atomic verbs;
      http_client,           HTTP from server to server;
      object_references      import the objects that an ini file names
    audit, config            audit events as lines of JSON; options from ini files
    metrics                  counters and gauges for Prometheus
    clock, errors, logos,    the time of day; the errors and their codes; images;
      atomic_files,          files that are written whole or not at all;
      shell_quoting,         commands for a person to copy into a shell;
      interposition,         lxml beside another libxml2;
      subinterpreter         interpreters in which eilogin cannot work

Citations such as "DigiD 2.4" or "Attacks G8" name sections of contrib/sources.rst.
"""

from eilogin import interposition, subinterpreter

__version__ = "0.1.0"

subinterpreter.refuse()
# Before any import of lxml.
interposition.load_apart()
