"""What plugins add to our pages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A way to go on: text and address."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class AdminTab:
    """A page that a plugin adds to the mentor's tabs."""

    title: str
    endpoint: str
