"""The application behind the filters: its cookies, its sessions and its own logout.

* ``app_cookie_choice``: the option ``app_cookies``.
* ``app_cookie_names``: the names of the cookies that the application sets.
* ``app_cookie_reading``: reads the Cookie header of a request.
* ``app_cookies``: binds these cookies to the login in which it set them.
* ``app_logout``: turns the application's own logout into a single logout.
* ``app_logout_call``: calls that logout after a logout elsewhere.
* ``app_session_objects``: Beaker's objects that ``appsession`` hands out.
* ``app_session_records``: the record of a session of ``appsession``.
* ``app_session_stores``: stores the sessions of ``appsession``.
* ``sealed_cookies``: the format of a sealed cookie of the application.
"""
