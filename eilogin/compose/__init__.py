"""Paste factories to compose a site: callables as apps, and host names.

Login does not belong here. Modules:

* ``factory``: an app made by a function, ``egg:eilogin#factory``.
* ``hosts``: several sites in one process, by host name, ``egg:eilogin#hosts``.
* ``wsgi``: a plain WSGI callable as an app, ``egg:eilogin#wsgi``.
"""
