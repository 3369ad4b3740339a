"""What pages show of a site that has set nothing of it: for stand-ins of an ``Own``."""

PLAIN = {
    "names": {"nl": "UWV", "en": "UWV"},
    "telephone": "",
    "templates": None,
    "role": "participant",
    "url": lambda address: f"https://uwv.test/eilogin/{address}",
    "logo": "",
    "accent": None,
    "footer": (),
    "accessibility_url": "",
}
