"""Pages for a visitor: templates, languages, themes and error pages.

A page decides nothing: filters and apps choose it.

``accessibility_statement``
    The accessibility statement of a site, which Dutch law requires of public bodies.
``page_frame``
    The header, footer and icon of each page: name, logo and links of the site.
``security_headers``
    Content-Security-Policy, framing, caching and HSTS of each page (DigiD 5.2).
``page_languages``
    Choose the language of a page, and make the switch in its header.
``page_rendering``
    Render templates as pages, and make error pages and JSON answers.
``refusal_records``
    Write each refusal and its cause to log and audit log, by a reference.
``themes``
    Templates, stylesheet and sentences: those of eilogin, or a site's own.
``translations``
    The sentences of the pages, by key and language; those of eilogin and of a site.
"""
