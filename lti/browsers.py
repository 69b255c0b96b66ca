"""Which browser a launch came with, in so coarse a form that it names nobody."""

import re
from functools import lru_cache

AGENT_LENGTH = 400
OTHER = "Other"
# In this order: each of them also says that it is one of the later ones.
_BROWSERS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/(\d{1,4})")),
    ("Opera", re.compile(r"\bOPR/(\d{1,4})")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/(\d{1,4})")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d{1,4})")),
    ("Chrome", re.compile(r"\b(?:Chrome|CriOS|HeadlessChrome)/(\d{1,4})")),
    ("Safari", re.compile(r"\bVersion/(\d{1,4})[\d.]* (?:Mobile/\w+ )?Safari/")),
    ("App", re.compile(r"\bAppleWebKit/(\d{1,4})")),
)
_SYSTEMS = (
    ("iOS", re.compile(r"\b(?:iPhone|iPad|iPod)\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMac OS X\b")),
    ("Linux", re.compile(r"\bLinux\b")),
)


def name_browser(user_agent: str) -> str:
    """`Safari 18 on iOS`: family, main version and system of a User-Agent header, else `Other`."""
    return _name(user_agent[:AGENT_LENGTH])


@lru_cache(maxsize=512)
def _name(user_agent: str) -> str:
    found = ((name, pattern.search(user_agent)) for name, pattern in _BROWSERS)
    browser = next((f"{name} {match[1]}" for name, match in found if match), OTHER)
    system = next((name for name, pattern in _SYSTEMS if pattern.search(user_agent)), "")
    # What Safari calls itself in an app of iOS and what WebKit is elsewhere differ in this alone.
    browser = "App" if browser.startswith("App ") else browser
    return f"{browser} on {system}" if system else browser
