"""What an installation may choose: from the environment (MENTORAI_*) and one file.

The file is `mentorai.toml` in the data directory, or the one that MENTORAI_SETTINGS names.
The environment wins. Secrets are never settings with a default: they are made at first start
in the data directory, readable by the owner alone (mode 0600).
"""

import os
import secrets
import tomllib
from collections.abc import Mapping
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mentorai.core.errors import ConfigurationError
from mentorai.core.key_peppers import Peppers
from mentorai.core.private_folders import make_private

PREFIX = "MENTORAI_"
SECRET_NAMES = ("web", "tool_keys")


class Settings(BaseSettings):
    """One installation's choices. docs/settings.md lists them; a test compares the two."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("mentorai", appauthor=False)),
        description="Where the database, the job queue and the secrets live.",
    )
    database_url: str = Field(
        default="", description="SQLAlchemy address; empty: mentorai.sqlite3 in data_dir."
    )
    queue_url: str = Field(
        default="",
        description="Redis address of the job queue, redis://host:6379/0 (extra `redis`); "
        "empty: jobs.sqlite3 in data_dir.",
    )
    limits_url: str = Field(
        default="",
        description="Redis address where all processes count API calls together (extra `redis`); "
        "empty: queue_url if that is set, or else each process counts by itself.",
    )
    public_url: str = Field(
        default="http://localhost:8000",
        description="How browsers and LMSs reach this installation; https outside development.",
    )
    host: str = Field(default="127.0.0.1", description="The address that `serve` listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port `serve` listens on.")
    processes: int = Field(default=1, ge=1, le=64, description="Server processes of `serve`.")
    threads: int = Field(default=16, ge=4, le=256, description="Threads of each process.")
    streams: int = Field(
        default=0,
        ge=0,
        description="Answers that one process streams at once; 0: three quarters of threads, "
        "or 400 with worker_class gevent. More get 503 with Retry-After.",
    )
    worker_class: Literal["gthread", "gevent"] = Field(
        default="gthread", description="How `serve` waits: threads, or gevent (extra `gevent`)."
    )
    worker_inside: bool = Field(
        default=True, description="Whether `serve` starts the job worker too."
    )
    proxies: int = Field(
        default=0, ge=0, le=8, description="Reverse proxies in front whose headers are believed."
    )
    metrics_networks: str = Field(
        default="",
        description="Addresses and networks that may ask for /metrics, with spaces between: "
        "127.0.0.1 10.0.0.0/8; empty: none.",
    )
    allow_loopback_platforms: bool = Field(
        default=False,
        description="Development only: let an LMS live on http and loopback addresses.",
    )
    session_hours: int = Field(default=8, ge=1, le=168, description="How long a session lasts.")
    key_days: int = Field(
        default=30, ge=1, le=3650, description="Days that a new API key is offered."
    )
    key_max_days: int = Field(
        default=365, ge=1, le=3650, description="Days that an API key may last at most."
    )
    key_never_expires: bool = Field(
        default=False, description="Whether an API key may be made that never expires."
    )
    key_calls_per_minute: int = Field(
        default=600,
        ge=0,
        le=1_000_000,
        description="Calls that an API key without a limit of its own may make in a minute; "
        "0: any number.",
    )
    key_peppers: SecretStr = Field(
        default=SecretStr(""),
        description="Secrets that API keys are kept under, a version before each and spaces "
        "between: 1:SECRET 2:SECRET; the highest is for new keys. Empty: none.",
    )
    tool_key_days: int = Field(
        default=180,
        ge=0,
        le=3650,
        description="Days after which the key that we sign with is replaced by itself; "
        "0: only by command.",
    )
    invitation_hours: int = Field(
        default=72,
        ge=1,
        le=720,
        description="How long a link that invites an LMS to register itself is good.",
    )
    upload_bytes: int = Field(
        default=50_000_000, ge=1_000, description="Largest document that is taken."
    )
    immediate_bytes: int = Field(
        default=100_000,
        ge=0,
        description="Largest text that is read while its sender waits; larger ones, and other "
        "kinds, are left to the worker.",
    )
    reading_seconds: int = Field(
        default=60, ge=1, le=3600, description="Computing time that reading one document may take."
    )
    reading_bytes: int = Field(
        default=1_000_000_000,
        ge=200_000_000,
        description="Memory that reading one document may take.",
    )
    text_characters: int = Field(
        default=10_000_000, ge=1_000, description="Longest text that one document may hold."
    )
    message_characters: int = Field(
        default=8_000, ge=100, description="Longest message that a person may send."
    )
    analytics_minimum_people: int = Field(
        default=5,
        ge=1,
        le=1_000,
        description="Numbers that come from fewer people than this are hidden in analytics; "
        "1 hides none.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged."
    )

    @field_validator("queue_url", "limits_url")
    @classmethod
    def _redis_only(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in ("redis", "rediss"):
            raise ValueError("must look like redis://localhost:6379/0")
        return value

    @field_validator("key_peppers")
    @classmethod
    def _peppers_only(cls, value: SecretStr) -> SecretStr:
        Peppers(value.get_secret_value())
        return value

    @field_validator("metrics_networks")
    @classmethod
    def _networks_only(cls, value: str) -> str:
        try:
            for text in value.split():
                ip_network(text, strict=False)
        except ValueError as error:
            raise ValueError("must look like 127.0.0.1 10.0.0.0/8") from error
        return value

    @field_validator("public_url")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("must look like https://mentor.example.edu")
        if parts.path.strip("/"):
            raise ValueError("must be an origin, without a path")
        return value.rstrip("/")

    @classmethod
    def load(cls, **given: Any) -> Self:
        """The settings of this process; `given` wins over environment and file.

        Raises ConfigurationError that names each wrong setting and where it came from.
        """
        from_file = _read_file(given)
        known = set(cls.model_fields)
        unknown = sorted(_environment_names() - known - {"settings"})
        if unknown:
            names = ", ".join(PREFIX + name.upper() for name in unknown)
            raise ConfigurationError(f"{names}: there is no such setting.")
        present = _environment_names()
        merged = {k: v for k, v in from_file.items() if k not in present} | given
        try:
            return cls(**merged)
        except ValidationError as error:
            raise ConfigurationError(_explain(error)) from error

    @property
    def url_of_database(self) -> str:
        """The address of the database, whether chosen or not."""
        return self.database_url or f"sqlite:///{self.data_dir / 'mentorai.sqlite3'}"

    @property
    def url_of_limits(self) -> str:
        """The address of the Redis that counts API calls; empty: each process counts alone."""
        return self.limits_url or self.queue_url

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach this installation over https."""
        return self.public_url.startswith("https://")

    @property
    def stream_limit(self) -> int:
        """How many answers one process streams at once; always leaves threads for the rest."""
        if self.streams:
            return (
                self.streams
                if self.worker_class == "gevent"
                else min(self.streams, self.threads - 1)
            )
        return 400 if self.worker_class == "gevent" else self.threads * 3 // 4

    def read_secret(self, name: str) -> str:
        """The secret `name`, 43 characters, made if it is not there yet (mode 0600)."""
        return _read_or_make(self.data_dir / "secrets" / name)

    def make_secrets(self) -> None:
        """Make those that are not there yet: a copy of the folder is whole after a first start."""
        for name in SECRET_NAMES:
            self.read_secret(name)

    @cached_property
    def web_secret(self) -> str:
        """Signs browser cookies, and the addresses of placed files."""
        return self.read_secret("web")


def _environment_names() -> set[str]:
    return {n.removeprefix(PREFIX).lower() for n in os.environ if n.startswith(PREFIX)}


def _read_file(given: Mapping[str, Any]) -> dict[str, Any]:
    chosen = os.environ.get(f"{PREFIX}SETTINGS")
    folder = given.get("data_dir") or os.environ.get(f"{PREFIX}DATA_DIR")
    default = Settings.model_fields["data_dir"].get_default(call_default_factory=True)
    path = Path(chosen) if chosen else Path(folder or default) / "mentorai.toml"
    if not chosen and not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    if "key_peppers" in found:
        _check_private(path)
    return found


def _check_private(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path}: other users can read this secret; chmod 600 it.")


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        reason = (
            "there is no such setting"
            if problem["type"] == "extra_forbidden"
            else (problem["msg"].removeprefix("Value error, "))
        )
        lines.append(f"{PREFIX}{name.upper()} ({name} in the settings file): {reason}.")
    return " ".join(lines)


def _read_or_make(path: Path) -> str:
    make_private(path.parent)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        # link() refuses to replace: of two first starts at once, one secret wins for both.
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    _check_private(path)
    return path.read_text("utf-8").strip()
