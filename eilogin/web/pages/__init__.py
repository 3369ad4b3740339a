"""Pages for a person: templates, languages, themes and the page of an error.

What belongs here, by module:

``accessibility_statement``
    The accessibility statement of a site, as Dutch law asks it of public
    bodies.
``page_frame``
    The header, footer and icon of each page: name, logo and links of the site.
``page_languages``
    Choose the language of a page, and make the switch in its header.
``page_rendering``
    Pages for a person: templates, languages, headers, and the page of an error.
``reference_numbers``
    Reference numbers: what a visitor reads out to a help desk, such as
    ``K7F-4MP``.
``themes``
    How pages look: templates, stylesheet and sentences; ours, or a site's own.
``translations``
    The sentences of the pages, by key and language; ours, and those of a site.
"""
