"""Submission Review: a platform's gradebook opens the work that a score stands for.

Source: LTI Submission Review 1.0; LTI AGS 2.0, section 3.2 (line items).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mentorai.core.errors import ClaimMissing
from mentorai.core.values import Launch
from mentorai.lti.claim_values import get_id
from mentorai.lti.claims import CLAIM, SUBMISSION_REVIEW, Claims, read_object

CLAUSE = "LTI Submission Review 1.0, section 3 "
# From the first answer on there is something to see; scores come later.
REVIEWABLE = ("InProgress", "Submitted", "Completed")
LABEL = "Open the attempt and the conversation"


def add_review(launch: Launch, claims: Claims) -> Launch:
    """The launch with whose work it asks for, if it is a submission review.

    Raises ClaimMissing, TokenInvalid.
    """
    if launch.message_type != SUBMISSION_REVIEW:
        return launch
    if launch.grade_service is None or launch.grade_service.line_item_url is None:
        raise ClaimMissing(
            "The review names no gradebook column (lineitem).", clause=f"{CLAUSE}(endpoint claim)"
        )
    if launch.context is None:
        raise ClaimMissing("The review names no course (context).", clause=f"{CLAUSE}(context)")
    return replace(launch, review_of=read_for_user(claims))


def read_for_user(claims: Claims) -> str:
    """The platform's id of the person that a message is about.

    Raises ClaimMissing, TokenInvalid.
    """
    clause = f"{CLAUSE}(for_user claim)"
    return get_id(read_object(claims, f"{CLAIM}for_user"), "user_id", clause, "for_user.user_id")


def build_review(quiz_id: str | None) -> Mapping[str, Any]:
    """What a line item says so that the platform offers the review (`submissionReview`)."""
    built: dict[str, Any] = {"reviewableStatus": list(REVIEWABLE), "label": LABEL}
    return built | ({"custom": {"quiz": quiz_id}} if quiz_id else {})
