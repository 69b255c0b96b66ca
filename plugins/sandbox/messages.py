"""The messages besides launches and content selection: submission review and data privacy.

Each is a launch whose claims differ. Sources: LTI Submission Review 1.0; LTI Data Privacy Launch
1.0; the LTI 1.1 migration claim.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from mentorai.plugins.sandbox.platform import SandboxPlatform
from mentorai.plugins.sandbox.school import Item, Person

CLAIM = "https://purl.imsglobal.org/spec/lti/claim"
AGS_CLAIM = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
NRPS_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
# What an older connection of this college to the tool used, by LTI 1.1.
OLD_KEY, OLD_SECRET = "harbour-college-1", "the secret of the year before"


def build_review(
    grades: Mapping[str, Any], column_url: str, column: Mapping[str, Any], student: Person
) -> dict[str, Any]:
    """The claims that make a launch a review of a student's work in a column.

    grades: the grade service claim of a launch. A claim that is None is to be left out.
    """
    asked = column.get("submissionReview", {})
    review = asked if isinstance(asked, Mapping) else {}
    return {
        f"{CLAIM}/message_type": "LtiSubmissionReviewRequest",
        f"{CLAIM}/for_user": {"user_id": student.sub, **student.shared()},
        f"{CLAIM}/custom": dict(review.get("custom", {})),
        AGS_CLAIM: {**grades, "lineitem": column_url},
        **({} if column.get("resourceLinkId") else {f"{CLAIM}/resource_link": None}),
    }


def build_privacy(about: Person) -> dict[str, Any]:
    """The claims that make a launch a question about a person's data: no course is named."""
    gone = ("context", "resource_link", "custom")
    return {
        f"{CLAIM}/message_type": "LtiDataPrivacyLaunchRequest",
        f"{CLAIM}/for_user": {"user_id": about.sub, **about.shared()},
        **{f"{CLAIM}/{name}": None for name in gone},
        AGS_CLAIM: None,
        NRPS_CLAIM: None,
    }


def build_old_ids(
    platform: SandboxPlatform, claims: Mapping[str, Any], person: Person, item: Item | None
) -> dict[str, Any]:
    """The migration claim for a token with these claims, as the platform's habit has it."""
    habit = platform.behaviour.old_ids
    if habit == "none":
        return {}
    old: dict[str, Any] = {"user_id": old_user_id(person), "oauth_consumer_key": OLD_KEY}
    if item is not None:
        old["resource_link_id"] = f"old-{item.id}"
    signed = (claims[f"{CLAIM}/deployment_id"], claims["iss"], claims["aud"])
    # Some LMSs sign the nonce of an earlier launch, and so prove nothing.
    nonce = claims["nonce"] if habit == "signed" else "of an earlier launch"
    text = "&".join(str(part) for part in (OLD_KEY, *signed, claims["exp"], nonce))
    due = hmac.new(OLD_SECRET.encode(), text.encode(), hashlib.sha256).digest()
    if habit != "unsigned":
        old["oauth_consumer_key_sign"] = base64.b64encode(due).decode()
    return {f"{CLAIM}/lti1p1": old}


def old_user_id(person: Person) -> str:
    """What the older connection called a person."""
    return f"old-{person.id}"
