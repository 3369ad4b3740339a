"""What a browser keeps for eilogin: cookies, sealed values and handles.

What belongs here, by module:

``authentication_proofs``
    Which question a citizen has proven herself for.
``browser_cookies``
    Cookies: their name, their attributes, and a tolerant look for one of them.
``handles``
    Handles: names of what waits for a browser, which nobody guesses.
``per_tab_cookies``
    Cookies for pending logins: a browser holds one for each tab.
``sealing``
    Sealing: what only this party can make and read, though others keep it.
``set_cookie_headers``
    What the application says of its cookies: Set-Cookie, as browsers read it.
"""
