"""Addresses that people give for webhooks, looked at before they are kept."""

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.lti.origins import find_url_fault


def check_webhook_url(engine: Engine, url: str) -> None:
    """Raise InputRejected for an address that could not be called; each call looks anew."""
    fault = find_url_fault(url, allow_loopback=engine.settings.allow_loopback_platforms)
    if fault:
        raise InputRejected({"url": [fault]})
