"""The application behind the filters: its cookies, its sessions and its own logout.

``app_cookie_names``
    The names of the cookies that the application sets.
``app_cookies``
    Binds the application's cookies to the login in which it set them.
``app_logout``
    Turns the application's own logout into a single logout.
``app_logout_call``
    Calls the application's own logout after a logout elsewhere.
``app_session_records``
    The record of a session of ``appsession``.
``app_session_stores``
    Stores the sessions of ``appsession``.
``sealed_cookies``
    The format of a sealed cookie of the application.
"""
