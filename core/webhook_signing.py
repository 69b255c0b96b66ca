"""How a delivery is signed: HMAC-SHA256 over id, time and body, as Standard Webhooks has it.

The secret is `whsec_` and 32 bytes in Base64. What is signed is `<id>.<seconds>.<body>`; the header
`webhook-signature` holds `v1,<Base64>`, once for each secret that is good at that moment.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def make_secret() -> str:
    """A fresh secret, as its owner is shown it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign_delivery(
    delivery_id: str, body: bytes, at: datetime, secret_texts: Sequence[str]
) -> Mapping[str, str]:
    """The headers of one try at a delivery."""
    seconds = int(at.timestamp())
    signed = f"{delivery_id}.{seconds}.".encode() + body
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(_sign(signed, text) for text in secret_texts),
    }


def _sign(signed: bytes, secret_text: str) -> str:
    key = base64.b64decode(secret_text.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
