"""The application behind the filters: its cookies, its sessions and its own logout.

What belongs here, by module:

``app_cookie_names``
    The names of the cookies that the application sets, as far as they matter.
``app_cookies``
    The application's own cookies are worth what the login is in which they were
    set.
``app_logout``
    The application's own logout begins ours.
``app_logout_call``
    The application's own logout is called when a login has ended, wherever she
    did that.
``app_session_stores``
    Where the session lies that an application has of its own, while a login
    lives.
``sealed_cookies``
    A cookie of the application as a browser keeps it: its value is sealed.
"""
