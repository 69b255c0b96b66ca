"""What the bodies and queries of several resources have in common."""

import re
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from pydantic_core import CoreSchema

PAGE_SIZE = 50
PAGE_SIZE_LIMIT = 200
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def to_utc(moment: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for one that UTC has no year for."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("too near to the first or the last year") from error


def _check_written(value: object) -> object:
    # A bare number would be taken for seconds since 1970, or for milliseconds if it is large.
    if not isinstance(value, str) or ":" not in value:
        raise ValueError("a date, a time and an offset, please, as in 2026-11-24T18:00:00Z")
    return value


def _check_day(value: object) -> object:
    # A bare number would be taken for seconds, and an instant for the day that it is in.
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise ValueError("a day, please, as in 2026-11-24")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_check_written), AfterValidator(to_utc)]
Day = Annotated[date, BeforeValidator(_check_day)]


class Shape(BaseModel):
    """A body or query: no field that is not named, and no error that repeats what was sent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @classmethod
    def model_json_schema(cls, *how: Any, **more: Any) -> dict[str, Any]:
        """The schema, made once as it usually is: flask-openapi asks for it at every request."""
        return super().model_json_schema(*how, **more) if how or more else _usual_schema(cls)


@cache
def _usual_schema(kind: type[Shape]) -> dict[str, Any]:
    return super(Shape, kind).model_json_schema()


class Changes(Shape):
    """What is to change: what is left out stays, and nothing of it can be null."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_something(cls, value: object) -> object:
        # None is the default: what was left out, which is not looked at here.
        if value is None:
            raise ValueError("not null, please; leave it out to have it stay")
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Without the null that stands for what was left out."""
        described = handler(schema)
        for field in handler.resolve_ref_schema(described)["properties"].values():
            kinds = [kind for kind in field.pop("anyOf", ()) if kind != {"type": "null"}]
            if len(kinds) == 1:
                field.update(kinds[0])
                field.pop("default", None)
            elif kinds:
                field["anyOf"] = kinds
        return described


class Problem(BaseModel):
    """Why a call failed (RFC 9457)."""

    type: str = Field(description="A URN that ends in the code.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="A sentence for a person.")
    code: str = Field(description="What a program matches; it never changes.")
    request_id: str = Field(description="Give this when you ask for help.")
    errors: dict[str, list[str]] | None = Field(
        default=None, description="For each field what is wrong with it."
    )


class PageQuery(Shape):
    """Which page of a list."""

    page: Annotated[int, Field(ge=1, le=1_000_000, description="Counted from 1.")] = 1
    page_size: Annotated[int, Field(ge=1, le=PAGE_SIZE_LIMIT)] = PAGE_SIZE


class PartQuery(PageQuery):
    """Which page of a list that changes while it is read."""

    after: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Where the page before ended; `next` has it. Then `page` says nothing.",
    )


class Page(BaseModel):
    """A page of a list; `results` are its entries."""

    count: int = Field(description="How many there are on all pages.")
    next: str | None = Field(description="The address of the next page.")
    previous: str | None = Field(description="The address of the page before.")


LATEST = "latest"
# What is deleted is named: no example, and no word that stands for whatever is newest.
ExactId = Annotated[str, Field(min_length=1, max_length=100, description="An id.")]
Id = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="An id, or `latest` for the newest.",
        examples=[LATEST],
    ),
]

NUMBER_LIMIT = 10**15
_Text = Annotated[StrictStr, Field(max_length=1_000)]
_Whole = Annotated[StrictInt, Field(ge=-NUMBER_LIMIT, le=NUMBER_LIMIT)]
_Number = Annotated[StrictFloat, Field(ge=-NUMBER_LIMIT, le=NUMBER_LIMIT)]
_Value = _Text | StrictBool | _Whole | _Number | None


def _say_once(value: object, check: ValidatorFunctionWrapHandler) -> object:
    # Each kind that it could have been would say what it is not.
    try:
        return check(value)
    except ValidationError:
        raise ValueError(
            "text of up to 1,000 characters, a number, true, false or null, please"
        ) from None


Metadata = dict[str, _Value]
# Flat, by name; null takes a name away.
GivenMetadata = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=100)],
        Annotated[_Value, WrapValidator(_say_once)],
    ],
    Field(
        max_length=50,
        description="What holds of the conversation from now on, by name: text, numbers, true or "
        "false. It stays; null takes a name away.",
    ),
]
