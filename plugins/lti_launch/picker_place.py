"""Where the things that a teacher picks go: what the platform takes, and our own addresses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mentorai.core.datasets import Dataset
from mentorai.lti.content_items import (
    FILE,
    HTML,
    IMAGE,
    LINK,
    RESOURCE_LINK,
    can_address,
    takes_media_type,
)
from mentorai.lti.deep_linking import DeepLinkingSettings

# What each thing can be placed as, the best first.
MENTOR_KINDS = (RESOURCE_LINK, HTML, IMAGE)
QUIZ_KINDS = (RESOURCE_LINK, HTML)


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a platform.

    address_file: makes the address that a document can be fetched from for a while.
    allow_http: development only.
    """

    settings: DeepLinkingSettings
    launch_url: str
    icon_url: str
    address_file: Callable[[Dataset], str]
    allow_http: bool

    @property
    def takes_mentors(self) -> bool:
        """Whether a mentor can be placed as anything."""
        return bool(self.fit(MENTOR_KINDS))

    @property
    def takes_documents(self) -> bool:
        """Whether there is a kind that a document could have."""
        return bool(self.fit((LINK, FILE)))

    def fit(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """Those of these kinds that the platform takes."""
        return tuple(kind for kind in kinds if kind in self.settings.accept_types)

    def fit_document(self, document: Dataset, *, is_kept: bool) -> tuple[str, ...]:
        """What a document can be placed as.

        One that came from the web stays where it is, and is linked; what was sent can be copied.
        is_kept: it is there as it was sent.
        """
        kinds = [LINK] if can_address(document.url, allow_http=self.allow_http) else []
        if is_kept and takes_media_type(document.media_type, self.settings.accept_media_types):
            kinds.append(FILE)
        return self.fit(kinds)
