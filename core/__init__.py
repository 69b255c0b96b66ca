"""The engine of mentorAI; what a plugin's author needs is imported from here.

from mentorai.core import hookimpl, values, errors
"""

from mentorai.core import errors, values
from mentorai.core.hookspecs import hookimpl

__all__ = ["errors", "hookimpl", "values"]
