"""Pages for a visitor: templates, languages, themes and error pages.

A page decides nothing: filters and apps choose it. The modules:

* ``accessibility_statement``: The accessibility statement of a site.
* ``page_frame``: The header, footer and icon of each page.
* ``security_headers``: Content-Security-Policy, framing, caching and HSTS.
* ``page_languages``: Choose the language of a page, and make its switch.
* ``page_rendering``: Render pages, error pages and JSON answers.
* ``refusal_records``: Write each refusal and its cause to log and audit log.
* ``themes``: Templates, stylesheet and sentences of eilogin or of a site.
* ``translations``: The sentences of the pages, by key and language.
"""
