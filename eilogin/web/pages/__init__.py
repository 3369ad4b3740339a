"""Pages for a visitor: templates, languages, themes and error pages.

A page decides nothing: filters and apps choose it. By module:

``accessibility_statement``
    The accessibility statement of a site, which Dutch law requires of public bodies.
``page_frame``
    The header, footer and icon of each page: name, logo and links of the site.
``page_languages``
    Choose the language of a page, and make the switch in its header.
``page_rendering``
    Render templates, set the headers of pages, and make error pages.
``themes``
    Templates, stylesheet and sentences: those of eilogin, or a site's own.
``translations``
    The sentences of the pages, by key and language; those of eilogin and of a site.
"""
