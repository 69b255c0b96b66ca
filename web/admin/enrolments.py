"""Enrolments from a CSV file: looked at first, then applied, by campus IT."""

import io
from collections.abc import Iterator
from pathlib import PurePosixPath

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.bulk import BulkReport
from mentorai.core.engine import Engine
from mentorai.core.enrolment_rows import COLUMNS
from mentorai.core.errors import InputRejected
from mentorai.core.kept_sheets import KeptSheet, KeptSheets
from mentorai.core.sheets import SheetRow, read_csv
from mentorai.web.admin.desk import desk
from mentorai.web.platforms import find_platforms

Page = Response | str | tuple[str, int]
# Of what is not right or would change, how much a page shows.
SHOWN = 50


class EnrolmentPages:
    """The campus's own lists of one organization."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sheets = KeptSheets(engine.database)

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        base, post = "/enrollments", ["POST"]
        admin.add_url_rule(base, "enrolments", self.show)
        admin.add_url_rule(base, "look_at_enrolments", self.look, methods=post)
        admin.add_url_rule(f"{base}/apply", "apply_enrolments", self.apply, methods=post)
        admin.add_url_rule(f"{base}/discard", "discard_enrolments", self.discard, methods=post)

    def show(self) -> str:
        """The form, and how many are enrolled."""
        return self._page()

    def look(self) -> Page:
        """Say what a file would change; nothing is written but the file itself, for an hour."""
        file = request.files.get("file")
        if file is None or not file.filename:
            return self._page(errors={"file": ["Choose a CSV file first."]}), 422
        seat, name = desk(), PurePosixPath(file.filename.replace("\\", "/")).name
        sheet = self._sheets.put(seat.organization_id, seat.author, name, file.read())
        try:
            report = self._read(sheet, dry_run=True)
        except InputRejected as error:
            self._sheets.discard(seat.organization_id, seat.author, sheet.id)
            return self._page(errors=error.errors, message=error.message), 422
        return self._page(sheet=sheet, report=report)

    def apply(self) -> Page:
        """Bring the enrolments to what the file says that was looked at."""
        seat, sheet_id = desk(), request.form.get("sheet", "")
        sheet = self._sheets.get(seat.organization_id, seat.author, sheet_id)
        is_partial = request.form.get("partial") == "yes"
        try:
            report = self._read(sheet, dry_run=False, atomic=not is_partial)
        except InputRejected as error:
            # The mentors changed since it was looked at: look again.
            report = self._read(sheet, dry_run=True)
            return self._page(sheet=sheet, report=report, message=error.message), 422
        self._sheets.discard(seat.organization_id, seat.author, sheet.id)
        return self._page(report=report)

    def discard(self) -> Response:
        """Forget a file that was looked at."""
        seat = desk()
        self._sheets.discard(seat.organization_id, seat.author, request.form.get("sheet", ""))
        return redirect(url_for(".enrolments", done="sheet_discarded"), 303)

    def _read(self, sheet: KeptSheet, *, dry_run: bool, atomic: bool = True) -> BulkReport:
        seat = desk()

        def rows() -> Iterator[SheetRow]:
            return read_csv(io.BytesIO(sheet.data), COLUMNS)

        return self._engine.enrolments.apply(
            seat.organization_id,
            None,
            rows,
            platforms=find_platforms(self._engine, seat.organization_id),
            author=seat.author,
            dry_run=dry_run,
            atomic=atomic,
        )

    def _page(
        self,
        *,
        sheet: KeptSheet | None = None,
        report: BulkReport | None = None,
        errors: dict[str, list[str]] | None = None,
        message: str = "",
    ) -> str:
        return render_template(
            "admin/enrolments.html",
            sheet=sheet,
            report=report,
            errors=errors or {},
            message=message,
            shown=SHOWN,
            columns=COLUMNS,
            enrolled=self._engine.enrolments.count(desk().organization_id, None),
            largest=self._engine.settings.upload_bytes,
        )
