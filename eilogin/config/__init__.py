"""Options of ini sections: declared once, read by one function.

A filter or app declares its options as a subclass of :class:`Options`::

    class IdentityOptions(Options, name="identity"):
        user: Lines = option("Chooses the value of REMOTE_USER.", default=("subject",))

:func:`read` reports all faults of a section at once, and never shows the value of a
secret. Options of one filter belong beside that filter, not here. From the top down:

* ``option_reading``: read a section, or report all its faults.
* ``section_lookup``: the section of the ini file that gave a factory its options.
* ``option_secrets``: types of options that are secrets, or the places that hold them.
* ``option_paths``: types for files and folders.
* ``option_types``: types for numbers, flags, words, lines and networks.
* ``option_urls``: types for URLs, and for paths of this site.
* ``option_declarations``: declare options, and describe them for the documentation.
* ``option_lines``: values of several lines; comments in a value.
* ``option_findings``: notes that options make on themselves.
* ``redaction``: show a value without its secrets.
* ``suggestions``: names that a misspelt name may stand for.
"""

from eilogin.config.option_declarations import (
    REGISTRY,
    OptionDescription,
    Options,
    OptionsT,
    describe,
    option,
    plain,
)
from eilogin.config.option_findings import OptionNote, Topic, exposed_files
from eilogin.config.option_lines import comment_in, no_comments, read_lines, split
from eilogin.config.option_paths import (
    Folder,
    NewFolder,
    ReadableFile,
    ReadableFiles,
    from_ini,
    is_there,
    readable_file,
)
from eilogin.config.option_reading import attempt, placed, placing, read
from eilogin.config.option_secrets import LongSecret, MetricsToken, Secret, Secrets
from eilogin.config.option_types import (
    UNIX,
    Count,
    Flag,
    IPNetwork,
    Lines,
    Names,
    Networks,
    Seconds,
    Size,
    Words,
    lines_of,
    name_of,
    names_of,
    seconds_of,
    shown_size,
    words_of,
)
from eilogin.config.option_urls import (
    LONGEST_TARGET,
    WEB_HOST,
    PathPrefix,
    PublicURL,
    SitePath,
    WebAddress,
    is_loopback,
    site_path,
    web_address,
)
from eilogin.config.redaction import is_secret, without_password
from eilogin.config.section_lookup import section_of
from eilogin.config.suggestions import did_you_mean

__all__ = (
    "LONGEST_TARGET",
    "REGISTRY",
    "UNIX",
    "WEB_HOST",
    "Count",
    "Flag",
    "Folder",
    "IPNetwork",
    "Lines",
    "LongSecret",
    "MetricsToken",
    "Names",
    "Networks",
    "NewFolder",
    "OptionDescription",
    "OptionNote",
    "Options",
    "OptionsT",
    "PathPrefix",
    "PublicURL",
    "ReadableFile",
    "ReadableFiles",
    "Seconds",
    "Secret",
    "Secrets",
    "SitePath",
    "Size",
    "Topic",
    "WebAddress",
    "Words",
    "attempt",
    "comment_in",
    "describe",
    "did_you_mean",
    "exposed_files",
    "from_ini",
    "is_loopback",
    "is_secret",
    "is_there",
    "lines_of",
    "name_of",
    "names_of",
    "no_comments",
    "option",
    "placed",
    "placing",
    "plain",
    "read",
    "read_lines",
    "readable_file",
    "seconds_of",
    "section_of",
    "shown_size",
    "site_path",
    "split",
    "web_address",
    "without_password",
    "words_of",
)
