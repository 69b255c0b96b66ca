"""Mentors, the versions of their prompts, and the places they answer in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from mentorai.core.clock import now
from mentorai.core.database import Database, Instant, metadata
from mentorai.core.errors import Conflict, InputRejected, NotFound
from mentorai.core.identifiers import is_id, new_id, to_slug
from mentorai.core.places import resource_links
from mentorai.core.prepared import Prepared
from mentorai.core.row_locks import hold_rows
from mentorai.core.values import Launch, MentorRef

NAME_LENGTH = 100
PROMPT_LENGTH = 20_000
# A word that stands for something else in an address.
RESERVED = ("bulk",)
# Half a surrogate pair is no character; PostgreSQL keeps no NUL; nobody types the others.
UNKEEPABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
DEFAULT_PROMPT = (
    "You are a patient tutor for this course. Answer from the course's own material, "
    "cite it, and say so when it does not hold the answer."
)

mentors = Table(
    "mentors",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False, index=True),
    Column("slug", String(64), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("proactive_prompt", Text, nullable=False),
    Column("suggested_prompts", JSON, nullable=False),
    Column("prompt_version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("organization_id", "slug"),
)

prompt_versions = Table(
    "prompt_versions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("system_prompt", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("mentor_id", "version"),
)

placements = Table(
    "placements",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column(
        "resource_link_id",
        ForeignKey("resource_links.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("mentor_id", ForeignKey("mentors.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("quiz_id", String(36)),
    Column("created_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Mentor:
    """One mentor with the prompt that is in force."""

    id: str
    organization_id: str
    slug: str
    display_name: str
    description: str
    system_prompt: str
    proactive_prompt: str
    suggested_prompts: tuple[str, ...]
    prompt_version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """What a system prompt once was."""

    version: int
    system_prompt: str
    author: str
    created_at: datetime


class Mentors:
    """The mentors of every organization; each call names the one it means."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, organization_id: str, display_name: str, **facts: Any) -> Mentor:
        """Make a mentor.

        facts: description, system_prompt, proactive_prompt, suggested_prompts, slug, author.
        Raises InputRejected; Conflict if the slug is taken.
        """
        given = {"display_name": display_name, "system_prompt": DEFAULT_PROMPT} | facts
        try:
            with self._database.write() as connection:
                mentor_id = add_mentor(connection, organization_id, given)
        except IntegrityError as error:
            slug = given.get("slug") or to_slug(display_name)
            raise Conflict(f"There is a mentor called {slug} already.") from error
        return self.get(organization_id, mentor_id)

    def get(self, organization_id: str, mentor: str) -> Mentor:
        """The mentor with this id or slug. Raises NotFound."""
        wanted = {"organization_id": organization_id, "mentor": mentor}
        row = self._database.run(_GET, wanted)
        if row is None:
            raise NotFound("There is no such mentor.")
        return _mentor(row)

    def list(self, organization_id: str) -> Sequence[Mentor]:
        """All mentors of one organization, by name."""
        query = select_mentors().where(mentors.c.organization_id == organization_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(mentors.c.display_name, mentors.c.id)).all()
        return [_mentor(row) for row in rows]

    def change(
        self,
        organization_id: str,
        mentor_id: str,
        changes: Mapping[str, Any],
        *,
        author: str,
        seen_at: datetime | None = None,
    ) -> Mentor:
        """Change only what `changes` names; a changed system prompt becomes a new version.

        seen_at: the `updated_at` that the caller saw; a later one is Conflict.
        """
        with self._database.write() as connection:
            change_mentor(
                connection, organization_id, mentor_id, changes, author=author, seen_at=seen_at
            )
        return self.get(organization_id, mentor_id)

    def remove(self, organization_id: str, mentor_id: str) -> None:
        """Take a mentor away with all that is its own: prompts, material, quizzes, keys, grades.

        Raises NotFound.
        """
        self.get(organization_id, mentor_id)
        with self._database.write() as connection:
            connection.execute(
                delete(mentors).where(
                    mentors.c.organization_id == organization_id, mentors.c.id == mentor_id
                )
            )

    def list_prompts(self, organization_id: str, mentor_id: str) -> Sequence[PromptVersion]:
        """Every version of the system prompt, newest first."""
        self.get(organization_id, mentor_id)
        query = select(prompt_versions).where(prompt_versions.c.mentor_id == mentor_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(prompt_versions.c.version.desc())).all()
        return [
            PromptVersion(row.version, row.system_prompt, row.author, row.created_at)
            for row in rows
        ]

    def restore_prompt(
        self,
        organization_id: str,
        mentor_id: str,
        version: int,
        *,
        author: str,
        seen_at: datetime | None = None,
    ) -> Mentor:
        """Put an old system prompt back in force, as a new version.

        seen_at: as for `change`. Raises NotFound, Conflict.
        """
        for kept in self.list_prompts(organization_id, mentor_id):
            if kept.version == version:
                changes = {"system_prompt": kept.system_prompt}
                return self.change(
                    organization_id, mentor_id, changes, author=author, seen_at=seen_at
                )
        raise NotFound("There is no such version of the prompt.")

    def place(
        self, connection: Connection, launch: Launch, resource_link_id: str, ref: MentorRef
    ) -> None:
        """Remember who answers in a resource link."""
        key = {"resource_link_id": resource_link_id}
        row = connection.execute(_FIND_PLACED, key).one_or_none()
        if row is None:
            connection.execute(
                insert(placements).values(
                    id=new_id(),
                    organization_id=launch.organization_id,
                    resource_link_id=resource_link_id,
                    mentor_id=ref.mentor_id,
                    quiz_id=ref.quiz_id,
                    created_at=now(),
                )
            )
        elif (row.mentor_id, row.quiz_id) != (ref.mentor_id, ref.quiz_id):
            connection.execute(
                update(placements)
                .where(placements.c.id == row.id)
                .values(mentor_id=ref.mentor_id, quiz_id=ref.quiz_id)
            )

    def find_placement(self, launch: Launch) -> MentorRef | None:
        """Who was placed in the launch's resource link before."""
        if launch.resource_link is None:
            return None
        key = {
            "registration_id": launch.registration_id,
            "deployment_id": launch.deployment_id,
            "lms_resource_link_id": launch.resource_link.lms_id,
        }
        row = self._database.run(_FIND_PLACEMENT, key)
        return MentorRef(row.mentor_id, row.quiz_id) if row else None


def judge_slug(slug: str) -> str:
    """What is wrong with a short name, or an empty text."""
    if slug != to_slug(slug):
        return "Lower-case letters, digits and hyphens, please."
    # Addresses name a mentor by id or by slug: one's slug must not be another's id.
    if slug in RESERVED or is_id(slug):
        return "This names something else in addresses; another one, please."
    return ""


def add_mentor(connection: Connection, organization_id: str, facts: Mapping[str, Any]) -> str:
    """Make a mentor in the caller's transaction; its id. facts: as `Mentors.add` has them.

    Raises InputRejected; IntegrityError if the slug is taken.
    """
    given = dict(facts)
    author = given.pop("author", "")
    moment, mentor_id = now(), new_id()
    slug = given.pop("slug", "") or _make_slug(given["display_name"], mentor_id)
    checked = check_facts(given)
    fault = judge_slug(slug)
    if fault:
        raise InputRejected({"slug": [fault]})
    prompt = checked.pop("system_prompt")
    defaults = {"description": "", "proactive_prompt": "", "suggested_prompts": []}
    row = {
        "id": mentor_id,
        "organization_id": organization_id,
        "slug": slug,
        "prompt_version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    connection.execute(insert(mentors).values(defaults | checked | row))
    _add_version(connection, mentor_id, 1, prompt, author)
    return mentor_id


def _make_slug(name: str, mentor_id: str) -> str:
    """A short name from a mentor's name; from its id if the name's letters make none."""
    slug = to_slug(name)
    return slug if slug and not judge_slug(slug) else f"mentor-{mentor_id[:8]}"


def change_mentor(
    connection: Connection,
    organization_id: str,
    mentor_id: str,
    changes: Mapping[str, Any],
    *,
    author: str,
    seen_at: datetime | None = None,
) -> None:
    """Change a mentor in the caller's transaction, as `Mentors.change` does."""
    checked = check_facts(dict(changes))
    prompt = checked.pop("system_prompt", None)
    mine = (mentors.c.organization_id == organization_id, mentors.c.id == mentor_id)
    # First, so that what is read here still is so when it is written.
    hold_rows(connection, mentors, *mine)
    row = connection.execute(select_mentors().where(*mine)).first()
    if row is None:
        raise NotFound("There is no such mentor.")
    if seen_at is not None and row.updated_at != seen_at:
        raise Conflict("Someone else changed this mentor in the meantime.")
    if prompt is not None and prompt != row.system_prompt:
        latest = connection.execute(
            select(func.max(prompt_versions.c.version)).where(
                prompt_versions.c.mentor_id == mentor_id
            )
        ).scalar_one()
        _add_version(connection, mentor_id, latest + 1, prompt, author)
        checked["prompt_version"] = latest + 1
    if checked:
        connection.execute(update(mentors).where(*mine).values(**checked, updated_at=now()))


# Asked at every launch, and so made once: making a query costs more than running it.
_FIND_PLACED = select(placements).where(
    placements.c.resource_link_id == bindparam("resource_link_id")
)
_FIND_PLACEMENT = Prepared(
    select(placements.c.mentor_id, placements.c.quiz_id)
    .join(resource_links, resource_links.c.id == placements.c.resource_link_id)
    .where(
        resource_links.c.registration_id == bindparam("registration_id"),
        resource_links.c.deployment_id == bindparam("deployment_id"),
        resource_links.c.lms_resource_link_id == bindparam("lms_resource_link_id"),
    )
)


def select_mentors() -> Any:
    """Mentors with the prompt that is in force."""
    return select(mentors, prompt_versions.c.system_prompt).join(
        prompt_versions,
        (prompt_versions.c.mentor_id == mentors.c.id)
        & (prompt_versions.c.version == mentors.c.prompt_version),
    )


_GET = Prepared(
    select_mentors().where(
        mentors.c.organization_id == bindparam("organization_id"),
        or_(mentors.c.id == bindparam("mentor"), mentors.c.slug == bindparam("mentor")),
    )
)


def _mentor(row: Row[Any]) -> Mentor:
    return Mentor(
        id=row.id,
        organization_id=row.organization_id,
        slug=row.slug,
        display_name=row.display_name,
        description=row.description,
        system_prompt=row.system_prompt,
        proactive_prompt=row.proactive_prompt,
        suggested_prompts=tuple(row.suggested_prompts),
        prompt_version=row.prompt_version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _add_version(
    connection: Connection, mentor_id: str, version: int, prompt: str, author: str
) -> None:
    connection.execute(
        insert(prompt_versions).values(
            id=new_id(),
            mentor_id=mentor_id,
            version=version,
            system_prompt=prompt,
            author=author,
            created_at=now(),
        )
    )


def check_facts(given: dict[str, Any]) -> dict[str, Any]:
    """What may be kept of a mentor's facts. Raises InputRejected with all that is wrong."""
    errors: dict[str, list[str]] = {}
    name = given.get("display_name")
    if name is not None and not (0 < len(name.strip()) <= NAME_LENGTH and name.isprintable()):
        errors["display_name"] = [f"1 to {NAME_LENGTH} printable characters, please."]
    for field in ("system_prompt", "proactive_prompt", "description"):
        text = given.get(field) or ""
        if len(text) > PROMPT_LENGTH:
            errors[field] = [f"At most {PROMPT_LENGTH} characters, please."]
        if UNKEEPABLE.search(text):
            errors[field] = ["No control characters, please."]
    prompts = given.get("suggested_prompts", ())
    if len(prompts) > 8 or any(not 0 < len(prompt.strip()) <= 200 for prompt in prompts):
        errors["suggested_prompts"] = ["At most 8, each of 1 to 200 characters, please."]
    if any(UNKEEPABLE.search(prompt) for prompt in prompts):
        errors["suggested_prompts"] = ["No control characters, please."]
    unknown = given.keys() - {
        "display_name",
        "description",
        "system_prompt",
        "proactive_prompt",
        "suggested_prompts",
    }
    errors |= {field: ["This cannot be changed."] for field in unknown}
    if errors:
        raise InputRejected(errors)
    checked = {k: v for k, v in given.items() if v is not None}
    if "suggested_prompts" in checked:
        checked["suggested_prompts"] = list(checked["suggested_prompts"])
    return checked
