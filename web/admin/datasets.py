"""The Datasets tab: the course material that a mentor answers from."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import DocumentRejected, InputRejected
from mentorai.web.admin.desk import desk, mentor

PAGE_SIZE = 25
SUFFIXES = ".md,.markdown,.txt,.html,.htm,.xhtml,.pdf"


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of one file."""

    name: str
    is_taken: bool
    sentence: str


class DatasetPages:
    """The documents of one mentor."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base = "/mentors/<mentor>/datasets"
        admin.add_url_rule(base, "datasets", self.datasets)
        admin.add_url_rule(base, "upload", self.upload, methods=["POST"])
        admin.add_url_rule(f"{base}/<dataset_id>", "dataset", self.dataset)
        admin.add_url_rule(f"{base}/<dataset_id>/train", "train", self.train, methods=["POST"])
        admin.add_url_rule(f"{base}/<dataset_id>/delete", "doubt_dataset", self.doubt_dataset)
        admin.add_url_rule(
            f"{base}/<dataset_id>/delete", "delete_dataset", self.delete_dataset, methods=["POST"]
        )

    def datasets(self) -> str:
        """The list, with the form that adds files."""
        return self._list(())

    def upload(self) -> tuple[str, int]:
        """Take files in and say of each what became of it; sending them again changes nothing."""
        files = [file for file in request.files.getlist("files") if file.filename]
        if not files:
            nothing = Upload("", False, "Choose one or more files first.")
            return self._list((nothing,)), 422
        uploads = tuple(self._take(file) for file in files)
        return self._list(uploads), 200 if any(one.is_taken for one in uploads) else 422

    def dataset(self, dataset_id: str) -> str:
        """What a document was cut into, page by page."""
        place = (mentor().organization_id, mentor().id, dataset_id)
        found = self._engine.datasets.get(*place)
        pages = max(1, -(-found.passages // PAGE_SIZE))
        page = min(max(1, request.args.get("page", 1, type=int)), pages)
        return render_template(
            "admin/dataset.html",
            dataset=found,
            passages=self._engine.datasets.list_passages(*place, page=page, page_size=PAGE_SIZE),
            page=page,
            pages=pages,
        )

    def train(self, dataset_id: str) -> Response:
        """Have a document read again, which failed."""
        self._engine.trainings.repeat(mentor().organization_id, mentor().id, dataset_id)
        return redirect(url_for(".datasets"), 303)

    def doubt_dataset(self, dataset_id: str) -> str:
        """Ask whether the document shall really go."""
        found = self._engine.datasets.get(mentor().organization_id, mentor().id, dataset_id)
        return render_template(
            "admin/confirm.html",
            title=f"Remove “{found.name}”?",
            warning="The mentor stops using it at once. Answers that quoted it keep their quotes.",
            action="Remove document",
            back=url_for(".datasets"),
        )

    def delete_dataset(self, dataset_id: str) -> Response:
        """Remove a document."""
        self._engine.datasets.delete(mentor().organization_id, mentor().id, dataset_id)
        return redirect(url_for(".datasets", done="removed"), 303)

    def _take(self, file: FileStorage) -> Upload:
        name = PurePosixPath((file.filename or "").replace("\\", "/")).name
        try:
            made = self._engine.trainings.submit(
                mentor().organization_id,
                mentor().id,
                name,
                file.mimetype,
                cast(BinaryIO, file.stream),
                author=desk().author,
            )
        except DocumentRejected as error:
            return Upload(name, False, error.message)
        except InputRejected as error:
            return Upload(
                name, False, " ".join(s for found in error.errors.values() for s in found)
            )
        if made.unchanged:
            return Upload(name, True, "was here already, unchanged")
        if made.training_status != "trained":
            return Upload(name, True, "is being read; the list says when it is done")
        return Upload(
            name, True, f"added, {made.passages:,} passage{'' if made.passages == 1 else 's'}"
        )

    def _list(self, uploads: tuple[Upload, ...]) -> str:
        found = self._engine.datasets.list(mentor().organization_id, mentor().id)
        return render_template(
            "admin/datasets.html",
            datasets=found,
            waiting=sum(one.training_status in ("pending", "training") for one in found),
            uploads=uploads,
            largest=self._engine.settings.upload_bytes,
            suffixes=SUFFIXES,
        )
