"""HTTP parts that filters and apps share.

Nothing here decides about access: the participant, each filter and each app do. From
the top down:

* ``outbound_messages``: SAML messages that leave by the browser or in a SOAP response.
* ``pages``: Pages for a visitor: templates, languages, themes and error pages.
* ``limits``: Limits on the work, storage and login loops that requests can cause.
* ``metrics_address``: The URL of the metrics of a hub or site.
* ``inbound_messages``: Read and verify the SAML message of a request.
* ``untrusted_proxies``: Warn of an X-Forwarded-For from an unknown proxy.
* ``public_origin``: Give the application the scheme and host that its visitors use.
* ``set_cookie_headers``: Read the Set-Cookie headers of the application.
* ``authentication_proofs``: Record for which page a visitor authenticated.
* ``cache_headers``: Tell browsers and shared caches which responses they may keep.
* ``site_urls``: URLs of this site, always from ``public_url``.
* ``requests``: Facts of a request: client, origin, body, query.
* ``visit``: One request as a filter or app sees it.
* ``environ``: The keys of environ that connect the filters, with their types.
* ``pipeline``: How the filters and the application of one pipeline fit together.
* ``logout_above``: A logout above a hub, as a participant's filters report it.
* ``browser``: Values that a browser keeps: cookies, sealed values and handles.
* ``reporting``: Log lines of refused requests, and their reference numbers.
* ``shared_caches``: Keep a visitor's response out of shared caches.
"""
