"""What PasteDeploy lacks to compose a site: callables as apps, and host names.

What belongs here: paste factories that have nothing to do with logging in.

By module:

``factory``
    An app that a function of its own makes, from the options of its section.
``hosts``
    Several sites in one process, by host name: ``egg:eilogin#hosts``.
``wsgi``
    A plain WSGI callable as an app of PasteDeploy: ``egg:eilogin#wsgi``.
"""
