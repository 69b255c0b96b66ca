"""Where a platform fetches a document that was placed in a course as a file."""

from io import BytesIO

from flask import Blueprint, Response, request, send_file, url_for
from werkzeug.utils import secure_filename

from mentorai.core.datasets import Dataset
from mentorai.core.engine import Engine
from mentorai.lti.registrations import Registration
from mentorai.plugins.lti_launch.placed_files import PlacedFiles

# Platforms name the file by the end of the address, and an address has a longest length.
NAME_LENGTH = 100


def add_file_routes(routes: Blueprint, engine: Engine) -> None:
    """Put the address of placed files on the blueprint."""
    files = PlacedFiles(engine)

    def file(name: str) -> Response:
        document, data = files.read(name, request.args.get("key", ""))
        answer = send_file(
            BytesIO(data), document.media_type, as_attachment=True, download_name=document.name
        )
        answer.headers["Cache-Control"] = "private, no-store"
        # Somebody else wrote it: where a browser shows it after all, it may do nothing.
        answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
        return answer

    routes.add_url_rule("/lti/files/<name>", view_func=file)


def address_file(files: PlacedFiles, registration: Registration, document: Dataset) -> str:
    """The path that this platform fetches a document from."""
    name = secure_filename(document.name)[-NAME_LENGTH:] or "document"
    key = files.sign(registration, document, name)
    return url_for("lti_launch.file", name=name, key=key)
