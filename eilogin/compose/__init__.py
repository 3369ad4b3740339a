"""What PasteDeploy lacks to compose a site: callables as apps, and host names.

What belongs here: paste factories that have nothing to do with logging in.
"""
