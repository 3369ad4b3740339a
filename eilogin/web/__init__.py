"""What filters and apps share about HTTP.

The package holds the keys of environ, cookies, pages and their languages, the facts of
a request, and SAML messages as requests and responses carry them. It takes no decision
about access: the participant, each filter and each app do.

By module:

``cache_headers``
    Say what browsers and shared caches may keep of an answer.
``composition``
    Which parts of eilogin stand inside of a filter, and which of them it needs
    there.
``environ``
    The keys of environ by which the filters talk, in one place, with their types.
``inbound_messages``
    Messages that a request carries, verified: the way in for every SAML endpoint.
``metrics_address``
    The address at which who watches over a hub or a site reads its numbers.
``outbound_messages``
    Messages that leave through a browser, or as the answer over SOAP.
``public_origin``
    Tell the application by which scheme and host its visitors reach it.
``requests``
    What a request tells about itself: where it came from, what it can be answered
    with.
``shared_caches``
    Keep an answer for one visitor out of caches that many visitors share.
``site_urls``
    URLs of this site, always from ``public_url``, never from a Host header.
``untrusted_proxies``
    Warn of X-Forwarded-For from a proxy that ``trusted_proxies`` does not name.
``browser``
    What a browser keeps for eilogin: cookies, sealed values and handles.
``limits``
    Bounds on what visitors and bots can cause: work, log lines, storage and
    loops.
``pages``
    Pages for a person: templates, languages, themes and the page of an error.
"""
