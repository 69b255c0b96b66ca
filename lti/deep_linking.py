"""Deep linking: what a platform asked to have picked, and where the answer may go.

Source: LTI Deep Linking 2.0, section 4.4 (request message).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mentorai.core.errors import ClaimMissing, TokenInvalid
from mentorai.core.mentors import UNKEEPABLE
from mentorai.core.settings import Settings
from mentorai.lti.claims import Claims, read_object
from mentorai.lti.content_items import KINDS, TEXT_LENGTH, TITLE_LENGTH
from mentorai.lti.origins import find_origin, find_url_fault
from mentorai.lti.registrations import Registration

SETTINGS_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
CLAUSE = "LTI Deep Linking 2.0, section 4.4.1 (deep linking settings claim)"
# Some platforms put a whole token into the return URL's query.
RETURN_URL_LENGTH = 4_000
DATA_LENGTH = 100_000
LISTED = 100
FRAMES = ("iframe", "frame")
WINDOW = "window"


@dataclass(frozen=True, slots=True)
class DeepLinkingSettings:
    """What the platform wants picked.

    accept_types: those of the five kinds of content items that it takes, in our order.
    accept_media_types: of files; empty: any. accept_targets: iframe, frame, window, embed.
    accept_line_item: whether a gradebook column can come with a link; None: it did not say,
    and then one is sent, since a platform that makes none leaves it out (section 4.4.1).
    auto_create: it keeps the items at once, without showing them to the person again.
    title, text: what it proposes for a new item. data: opaque, echoed only if it came.
    """

    return_url: str
    accept_types: tuple[str, ...]
    accept_media_types: tuple[str, ...] = ()
    accept_targets: tuple[str, ...] = ()
    accept_multiple: bool = False
    accept_line_item: bool | None = None
    auto_create: bool = False
    title: str = ""
    text: str = ""
    data: str | None = None

    @property
    def takes_line_items(self) -> bool:
        """Whether a gradebook column may come with a link."""
        return self.accept_line_item is not False

    @property
    def takes_frames(self) -> bool:
        """Whether a link may ask to be shown in the page."""
        return any(frame in self.accept_targets for frame in FRAMES)

    @property
    def takes_windows(self) -> bool:
        """Whether a link may ask for a window of its own."""
        return WINDOW in self.accept_targets


def read_settings(claims: Claims) -> DeepLinkingSettings:
    """The settings claim: strict where the answer depends on it, forgiving elsewhere.

    Raises ClaimMissing, TokenInvalid.
    """
    found = read_object(claims, SETTINGS_CLAIM)
    if not found:
        raise ClaimMissing("The id_token lacks the deep linking settings.", clause=CLAUSE)
    types = found.get("accept_types")
    if not isinstance(types, list) or not all(isinstance(each, str) for each in types):
        raise TokenInvalid("accept_types is not a list of texts.", clause=CLAUSE)
    return DeepLinkingSettings(
        return_url=_read_return_url(found.get("deep_link_return_url")),
        accept_types=tuple(kind for kind in KINDS if kind in types),
        accept_media_types=_read_list(found.get("accept_media_types")),
        accept_targets=_read_list(found.get("accept_presentation_document_targets")),
        accept_multiple=_read_flag(found.get("accept_multiple")) is True,
        accept_line_item=_read_flag(found.get("accept_lineitem")),
        auto_create=_read_flag(found.get("auto_create")) is True,
        title=" ".join(_read_text(found.get("title")).split())[:TITLE_LENGTH],
        text=_read_text(found.get("text")).strip()[:TEXT_LENGTH],
        data=_read_data(found.get("data")),
    )


def check_return_url(url: str, registration: Registration, settings: Settings) -> None:
    """Let the answer go to an address that a signed request of this registration named.

    It must be https on the public internet (in development also http and loopback), and not
    ours. Where campus IT has listed whose pages may frame us, it must be of one of those, or
    of an address of the registration. Without such a list the signature decides: many LMSs
    share one issuer and serve each campus from a host of its own.
    Raises TokenInvalid.
    """
    loopback = settings.allow_loopback_platforms
    fault = find_url_fault(url, allow_loopback=loopback, longest=RETURN_URL_LENGTH)
    if fault:
        raise TokenInvalid(f"The return URL cannot be used. {fault}", clause=CLAUSE)
    origin = find_origin(url)
    if origin == find_origin(settings.public_url):
        raise TokenInvalid("The return URL is our own address.", clause=CLAUSE)
    if registration.frame_origins and origin not in _known_origins(registration):
        raise TokenInvalid(
            f"The LMS wants its answer at {origin}, which is none of its registered origins.",
            clause=CLAUSE,
        )


def _known_origins(registration: Registration) -> set[str | None]:
    urls = (registration.issuer, registration.auth_url, registration.token_url)
    known = {find_origin(url) for url in (*urls, registration.keyset_url)}
    return known | set(registration.frame_origins)


def _read_return_url(found: object) -> str:
    if not found:
        raise ClaimMissing("The deep linking settings lack the return URL.", clause=CLAUSE)
    if not isinstance(found, str) or find_origin(found) is None:
        raise TokenInvalid("The return URL is not a full address.", clause=CLAUSE)
    return found


def _read_data(found: Any) -> str | None:
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > DATA_LENGTH:
        raise TokenInvalid("The data of the deep linking settings is not text.", clause=CLAUSE)
    try:
        found.encode()
    except UnicodeEncodeError as error:
        sentence = "The data of the deep linking settings is not valid Unicode."
        raise TokenInvalid(sentence, clause=CLAUSE) from error
    return found


def _read_list(found: object) -> tuple[str, ...]:
    """Lower-case texts; of a list, or of a text with commas, as both are seen in the wild."""
    listed: Sequence[object] = found.split(",") if isinstance(found, str) else ()
    listed = found if isinstance(found, list) else listed
    texts = (each.strip().lower() for each in listed[:LISTED] if isinstance(each, str))
    return tuple(text for text in texts if text and text.isascii() and text.isprintable())


def _read_flag(found: object) -> bool | None:
    """A yes or no; some platforms send them as words."""
    words = {"true": True, "false": False}
    return found if isinstance(found, bool) else words.get(str(found).lower())


def _read_text(found: object) -> str:
    return UNKEEPABLE.sub(" ", found) if isinstance(found, str) else ""
