"""Values that a browser keeps for eilogin: cookies, sealed values and handles.

These modules know no filter and no environ key:

``browser_cookies``
    Cookies: their names and attributes, and a tolerant reader of the Cookie header.
``random_handles``
    Handles: random names of records that wait for a browser.
``per_tab_cookies``
    Cookies for pending logins: a browser holds one for each tab.
``sealing``
    Encrypt and authenticate a value that a browser keeps, and open it again.
"""
