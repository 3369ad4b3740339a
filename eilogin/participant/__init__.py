"""One visit, from a stranger's click to her page, and what may come in between.

What belongs here: which path needs what (``paths``, ``zope``, ``rules``,
``form_parts``, ``conditions``, ``access``, ``limits``, ``whereabouts``), and who may
pass (``guard``);
the way to the hub and back (``login_needed``, ``starting``, ``choosing``, ``looking``,
``asking``, ``silence``, ``under_way``; ``acs``, ``answers``, ``resolving``,
``waiting``, ``subjects``, ``proofs``, ``arrival``); what keeps a login alive from then
on (``keeping_alive``); what goes wrong on the way (``no_login``, ``cancelled``,
``ending``, ``refusals``; ``rounds``: it never ends or cookies are refused; ``again``,
``kept``: a form came too late; ``warning``, ``injection``: it is about to); and the end
(``leaving``, ``telling``, ``unheard``, ``app_logout``, ``logged_out_elsewhere``,
``logged_out``, ``hooks``, ``inside``, ``missed_inside``), with what of the application
ends with it (``app_cookies``, ``app_cookie_names``, ``sealed_cookies``,
``set_cookies``, ``app_logout_call``).
``trust_decisions``: nodes of a site share what a person has decided on its federation.
``digid`` is what that profile changes in all of this; ``sealing`` and ``handles`` serve
them. What does not: who calls them when, which :mod:`eilogin.filters.login` and
:mod:`eilogin.filters.logout` say.
"""
