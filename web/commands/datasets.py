"""`mentorai datasets`: give a mentor documents to answer from."""

import mimetypes
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mentorai.core.datasets import Dataset
    from mentorai.core.engine import Engine


@click.group("datasets")
def command() -> None:
    """What the mentors have read."""


@command.command("add")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--mentor", required=True, help="The mentor's slug or id.")
def add(files: tuple[Path, ...], mentor: str) -> None:
    """Give FILES to a mentor.

    A file that the mentor has already, byte for byte, is left as it is; one of the same name
    with other content takes the old one's place. A file that cannot be read is named, the
    others are taken, and the exit code is 1.
    """
    from mentorai.core.errors import DocumentRejected
    from mentorai.web.commands.opening import opened

    started = time.monotonic()
    with opened() as engine:
        organization_id = engine.organizations.get().id
        mentor_id = engine.mentors.get(organization_id, mentor).id
        reading = Reading(engine, organization_id, mentor_id)
        for position, path in enumerate(files, start=1):
            click.echo(f"[{position}/{len(files)}] {reading.take(path)}")
    click.echo(reading.sum_up(time.monotonic() - started))
    if reading.failed:
        raise DocumentRejected(f"These were not taken: {', '.join(reading.failed)}.")


@command.command("list")
@click.option("--mentor", required=True, help="The mentor's slug or id.")
def list_(mentor: str) -> None:
    """List the documents of a mentor."""
    from mentorai.web.commands.opening import opened, print_rows

    with opened() as engine:
        organization_id = engine.organizations.get().id
        mentor_id = engine.mentors.get(organization_id, mentor).id
        found: Sequence[Dataset] = engine.datasets.list(organization_id, mentor_id)
    print_rows(
        ("NAME", "TYPE", "BYTES", "PASSAGES", "STATUS"),
        [(d.name, d.media_type, d.size, d.passages, d.training_status) for d in found],
        none="This mentor has read nothing yet; add files with `mentorai datasets add`.",
    )


@dataclass
class Reading:
    """Files taken one after another, and what became of them."""

    engine: "Engine"
    organization_id: str
    mentor_id: str
    taken: int = 0
    unchanged: int = 0
    passages: int = 0
    failed: list[str] = field(default_factory=list)

    def take(self, path: Path) -> str:
        """Take one file and say what came of it; a failure is kept in `failed`."""
        from mentorai.core.errors import DocumentRejected, InputRejected

        try:
            dataset = self._add(path)
        except (DocumentRejected, InputRejected) as error:
            self.failed.append(str(path))
            return f"{path}: {error.message} [{error.code}]"
        except OSError as error:
            self.failed.append(str(path))
            return f"{path}: {error.strerror}"
        self.passages += dataset.passages
        if dataset.unchanged:
            self.unchanged += 1
            return f"{dataset.name}: unchanged"
        self.taken += 1
        return f"{dataset.name}: {_count_passages(dataset.passages)}"

    def sum_up(self, seconds: float) -> str:
        """One line on all files."""
        return (
            f"{self.taken} taken, {self.unchanged} unchanged, {len(self.failed)} failed; "
            f"{_count_passages(self.passages)} in {seconds:.1f} s"
        )

    def _add(self, path: Path) -> "Dataset":
        with path.open("rb") as stream:
            return self.engine.datasets.add(
                self.organization_id,
                self.mentor_id,
                path.name,
                _guess_media_type(path.name),
                stream,
                author="command line",
            )


def _count_passages(count: int) -> str:
    return "1 passage" if count == 1 else f"{count} passages"


def _guess_media_type(name: str) -> str:
    from mentorai.core.ingest import guess_media_type

    guessed = guess_media_type(name) or mimetypes.guess_type(name)[0]
    return guessed or "application/octet-stream"
