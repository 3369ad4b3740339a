"""Start a login: from a page without a session to the AuthnRequest at the hub.

What belongs here, by module:

``authn_requests``
    Asking the hub who a visitor is: the question that leaves, in this very
    browser.
``cancelled_login``
    She cancelled logging in: back to the page where she began, with a word that
    says so.
``hub_choice``
    Which hub is asked, where a participant may send its visitors to several.
``hub_key_probe``
    Whether a hub knows a key of ours: it is asked, and nobody is there.
``hub_reachability``
    Whether a hub is there, before a citizen is sent to it.
``idle_notice``
    Why a visitor has to log in again: the session was idle for too long.
``login_address``
    ``/eilogin/login``: a login that somebody asks for by a link.
``login_required``
    A page needs a login that is not there: what is answered in its place.
``passive_login``
    The silent question on public pages (``silent``): whether the hub knows a
    visitor.
``pending_logins``
    Logins that are under way: from the redirect to the hub until its answer.
``return_targets``
    Where a visitor goes on to: a page of this site, and none of our own
    addresses.
"""
