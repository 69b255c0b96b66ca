"""The admin: an instructor's, inside the course, and campus IT's, at /admin."""

from flask import Blueprint

from mentorai.core.engine import Engine


def make_admin(engine: Engine) -> Blueprint:
    """The admin's pages; mount them at /s/<session_id>/admin and at /admin."""
    return Blueprint("admin", __name__)
