"""Paste factories to compose a site: callables as apps, and host names.

Factories that have to do with login do not belong here.

By module:

``factory``
    Call a function with the options of a section, and use the app that it returns.
``hosts``
    Several sites in one process, by host name: ``egg:eilogin#hosts``.
``wsgi``
    Use a plain WSGI callable as an app of PasteDeploy: ``egg:eilogin#wsgi``.
"""
