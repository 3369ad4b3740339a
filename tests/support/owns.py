"""What pages show of a site that has set nothing of it: for stand-ins of an ``Own``."""

PLAIN = {
    "names": {"nl": "UWV", "en": "UWV"},
    "telephone": "",
    "templates": None,
    "logo": "",
    "accent": None,
    "footer": (),
    "accessibility_url": "",
}
