"""/key: what the caller's own key is."""

from datetime import datetime
from functools import lru_cache

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from mentorai.core.key_checks import MEMORY_SIZE
from mentorai.core.keys import CheckedKey
from mentorai.web.api.replies import reply_json
from mentorai.web.api.resource import Resource
from mentorai.web.api.shapes import PAGE_SIZE_LIMIT
from mentorai.web.auth import calling_key, get_engine

api = Resource("key", "The key that you call with.")


class Limits(BaseModel):
    """What one call may hold at most, and how many there may be."""

    page_size: int
    upload_bytes: int
    message_characters: int
    calls_per_minute: int | None = Field(description="None: any number.")
    calls_per_month: int | None = Field(description="In a month of UTC. None: any number.")


class KeyFacts(BaseModel):
    """A key, as its holder may see it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "4fTq0Zb81k",
                    "name": "LMS-integration-Aug 2025",
                    "kind": "mentor",
                    "mentor": "7b0e3f0a-58c7-4f0e-9f0b-0a3d5b1f2c11",
                    "mentor_name": "Tidal Pools",
                    "scopes": ["chat:write", "grades:read"],
                    "expires_at": "2026-12-23T10:00:00Z",
                    "limits": {
                        "page_size": 200,
                        "upload_bytes": 50000000,
                        "message_characters": 8000,
                        "calls_per_minute": 600,
                        "calls_per_month": None,
                    },
                }
            ]
        }
    )

    id: str = Field(description="The public part of the key.")
    name: str
    kind: str = Field(description="`mentor` or `provisioning`.")
    mentor: str | None = Field(description="The mentor that the key is bound to.")
    mentor_name: str | None
    scopes: list[str]
    expires_at: datetime | None = Field(description="None: never.")
    limits: Limits


@api.operation("get", "/key", scope=None, summary="See your key", returns=KeyFacts)
def read_key() -> Response:
    """What your key is, what it may do, and until when. Any living key may ask."""
    key, settings = calling_key(), get_engine().settings
    per_minute = key.rate_limit or settings.key_calls_per_minute or None
    return reply_json(
        _write_facts(key, settings.upload_bytes, settings.message_characters, per_minute)
    )


# A program that asks whether its key lives asks again and again, and hears the same. Of as many
# keys as a check remembers.
@lru_cache(MEMORY_SIZE)
def _write_facts(
    key: CheckedKey, upload_bytes: int, message_characters: int, calls_per_minute: int | None
) -> bytes:
    facts = KeyFacts(
        id=key.id,
        name=key.name,
        kind=key.kind,
        mentor=key.mentor_id,
        mentor_name=key.mentor_name,
        scopes=sorted(key.scopes),
        expires_at=key.expires_at,
        limits=Limits(
            page_size=PAGE_SIZE_LIMIT,
            upload_bytes=upload_bytes,
            message_characters=message_characters,
            calls_per_minute=calls_per_minute,
            calls_per_month=key.monthly_quota,
        ),
    )
    return facts.model_dump_json().encode()
