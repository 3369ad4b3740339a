"""HTTP parts that filters and apps share.

Nothing here decides about access: the participant, each filter and each app do. From
the top down:

``outbound_messages``
    SAML messages that leave through the browser, or in a SOAP response.
``pages``
    Pages for a visitor: templates, languages, themes and error pages.
``limits``
    Limits on the work, storage and login loops that visitors and bots can cause.
``metrics_address``
    The URL at which a monitoring system reads the metrics of a hub or site.
``inbound_messages``
    Read and verify the SAML message of a request, for every SAML endpoint.
``untrusted_proxies``
    Warn of X-Forwarded-For from a proxy that ``trusted_proxies`` does not name.
``public_origin``
    Give the application the scheme and host that its visitors use.
``set_cookie_headers``
    Read the Set-Cookie headers of the application, as browsers do.
``authentication_proofs``
    Remember the AuthnRequest for which a visitor authenticated.
``cache_headers``
    Tell browsers and shared caches which responses they may keep.
``site_urls``
    URLs of this site, always from ``public_url``, never from a Host header.
``requests``
    Facts of a request that need more than one header: client, origin, body, query.
``visit``
    One request as a filter or app sees it: trust, session, and the facts of headers.
``environ``
    The keys of environ that connect the filters, with their types.
``pipeline``
    How the filters and the application of one pipeline fit together.
``logout_above``
    What a participant's filters tell a hub inside of them about a logout above it.
``browser``
    Values that a browser keeps for eilogin: cookies, sealed values and handles.
``reporting``
    Log lines of refused requests, within bounds, and their reference numbers.
``shared_caches``
    Keep a response for one visitor out of caches that many visitors share.
"""
