"""Values that a browser keeps for eilogin: cookies, sealed values and handles.

These modules know no filter and no environ key:

* ``browser_cookies``: Names, attributes and a tolerant reader of cookies.
* ``random_handles``: Random names of records that wait for a browser.
* ``per_tab_cookies``: Cookies for pending logins, one for each tab.
* ``sealing``: Encrypt and authenticate a value that a browser keeps.
"""
