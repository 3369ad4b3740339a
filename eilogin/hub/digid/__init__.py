"""The hub with ``profile = digid``: it does what DigiD does (DigiD 1 to 3).

It has only the differences from the plain hub, for rehearsals of a connection. It does
not imitate the bugs of DigiD's code (DigiD 9). Its modules:

* ``digid_artifacts``: Store and resolve artifacts.
* ``digid_logout``: Single logout by the session of the browser (DigiD 3).
* ``digid_peers``: Answer 404 to the messages of unconnected parties.
* ``digid_requests``: Check and read an AuthnRequest (DigiD 1.2).
* ``digid_response``: Write the Response and assertion as XML (DigiD 1.5).
* ``digid_sso``: Single sign-on in DigiD's order and with its timers (DigiD 2.4).
* ``reauthentication``: When a citizen must sign in again (DigiD 2.2 and 2.3).
* ``relay_state``: The sticky RelayState in a browser (DigiD 1.1).
* ``sector_numbers``: The number of a citizen for a participant (DigiD 1.4).
"""
