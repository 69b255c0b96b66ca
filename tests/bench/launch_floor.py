"""The floor of launch.py: a launch written by hand for one registration, with every check.

Flask, joserfc and SQLite. A login keeps a ticket in one statement and a launch takes it in one;
`stored` keeps person and launch in the same transaction. No way on without cookies, no roles,
no deployments but one, no log: what a launch costs at least, not a tool.
"""

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from flask import Flask, Response, abort, redirect, request
from joserfc import jwt
from joserfc.jwk import KeySet

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
AGE_SECONDS, LEEWAY_SECONDS, TICKET_SECONDS, TOKEN_CHARACTERS = 600, 60, 600, 48_000
TABLES = """
create table if not exists tickets (state text primary key, nonce text not null,
    binding text not null, expires_at real not null, taken_at real);
create table if not exists people (subject text primary key, name text, email text);
create table if not exists launches (id text primary key, subject text not null,
    context_id text, resource_link_id text, role text, claims text, launched_at real not null);
"""
ISSUE = "insert into tickets (state, nonce, binding, expires_at) values (?, ?, ?, ?)"
TAKE = """update tickets set taken_at = :now where state = :state and nonce = :nonce
    and binding = :binding and taken_at is null and expires_at > :now returning state"""
KEEP_PERSON = """insert into people values (?, ?, ?) on conflict (subject)
    do update set name = excluded.name, email = excluded.email"""
KEEP_LAUNCH = "insert into launches values (?, ?, ?, ?, ?, ?, ?)"


class Floor:
    """One registration, its keys and its tickets."""

    def __init__(self, known: Mapping[str, str], path: Path, *, stores: bool) -> None:
        self._known = known
        self._path = path
        self._stores = stores
        self._local = threading.local()
        self._keys: KeySet | None = None
        self._lock = threading.Lock()
        # SQLite has writers wait by sleeping; a lock wakes the next thread at once.
        self._writing = threading.Lock()
        self._connect().executescript(TABLES)

    def log_in(self) -> Response:
        """Keep a ticket; send the browser on."""
        form, known = request.form, self._known
        asked = (form.get("iss"), form.get("client_id"), form.get("lti_deployment_id"))
        if asked != (known["issuer"], known["client_id"], known["deployment"]):
            abort(400)
        if not form.get("login_hint") or not self._is_ours(form.get("target_link_uri")):
            abort(400)
        state, nonce, binding = (secrets.token_urlsafe(32) for _ in range(3))
        facts = (_hash(state), _hash(nonce), _hash(binding), time.time() + TICKET_SECONDS)
        with self._writing:
            self._connect().execute(ISSUE, facts)
        query = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": known["client_id"],
            "redirect_uri": known["launch_url"],
            "login_hint": form["login_hint"],
            "state": state,
            "nonce": nonce,
        }
        answer = redirect(f"{known['issuer']}/auth?{urlencode(query)}")
        answer.set_cookie("binding", binding, secure=True, httponly=True, samesite="None")
        return answer

    def launch(self) -> Response:
        """Check everything, take the ticket, let in."""
        state, text = request.form.get("state", ""), request.form.get("id_token", "")
        if not 0 < len(state) <= 255 or not 0 < len(text) <= TOKEN_CHARACTERS:
            abort(400)
        claims = self._read(text)
        self._check(claims)
        session_id = self._take(claims, state, request.cookies.get("binding", ""))
        answer = redirect(f"/s/{session_id}", 303)
        answer.set_cookie("session", session_id, secure=True, httponly=True, samesite="None")
        return answer

    def _read(self, text: str) -> Mapping[str, Any]:
        try:
            return jwt.decode(text, self._get_keys(), algorithms=["RS256"]).claims
        except Exception:
            abort(400)

    def _get_keys(self) -> KeySet:
        with self._lock:
            if self._keys is None:
                with urlopen(self._known["keyset_url"], timeout=10) as answer:
                    self._keys = KeySet.import_key_set(json.load(answer))
            return self._keys

    def _check(self, claims: Mapping[str, Any]) -> None:
        present, known = time.time(), self._known
        audience = claims.get("aud")
        audience = [audience] if isinstance(audience, str) else audience
        roles = claims.get(f"{LTI}roles")
        holds = (
            claims.get("iss") == known["issuer"],
            isinstance(audience, list) and known["client_id"] in audience,
            len(audience or ()) == 1 or claims.get("azp") == known["client_id"],
            _is_time(claims.get("exp")) and claims["exp"] > present - LEEWAY_SECONDS,
            _is_time(claims.get("iat")) and claims["iat"] < present + LEEWAY_SECONDS,
            _is_time(claims.get("iat")) and claims["iat"] > present - AGE_SECONDS,
            isinstance(claims.get("nonce"), str),
            isinstance(claims.get("sub"), str) and 0 < len(claims["sub"]) <= 255,
            claims.get(f"{LTI}version") == "1.3.0",
            claims.get(f"{LTI}message_type") == "LtiResourceLinkRequest",
            claims.get(f"{LTI}deployment_id") == known["deployment"],
            isinstance(roles, list) and all(isinstance(each, str) for each in roles),
            self._is_ours(claims.get(f"{LTI}target_link_uri")),
            isinstance((claims.get(f"{LTI}resource_link") or {}).get("id"), str),
        )
        if not all(holds):
            abort(400)

    def _take(self, claims: Mapping[str, Any], state: str, binding: str) -> str:
        facts = {
            "state": _hash(state),
            "nonce": _hash(claims["nonce"]),
            "binding": _hash(binding),
            "now": time.time(),
        }
        session_id, connection = secrets.token_hex(16), self._connect()
        with self._writing:
            if not self._stores:
                if connection.execute(TAKE, facts).fetchone() is None:
                    abort(400)
                return session_id
            with connection:
                connection.execute("begin immediate")
                if connection.execute(TAKE, facts).fetchone() is None:
                    abort(400)
                person = (claims["sub"], claims.get("name"), claims.get("email"))
                connection.execute(KEEP_PERSON, person)
                connection.execute(KEEP_LAUNCH, _launch_row(session_id, claims, facts["now"]))
        return session_id

    def _connect(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=15)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            self._local.connection = connection
        return connection

    def _is_ours(self, url: object) -> bool:
        ours = urlsplit(self._known["launch_url"])
        return isinstance(url, str) and urlsplit(url)[:2] == (ours.scheme, ours.netloc)


def make_floor(known: Mapping[str, str], path: Path, *, stores: bool) -> Flask:
    """The application. known: issuer, client_id, deployment, keyset_url, launch_url."""
    app, floor = Flask("floor"), Floor(known, path, stores=stores)
    app.add_url_rule("/lti/login", view_func=floor.log_in, methods=["POST"])
    app.add_url_rule("/lti/launch", view_func=floor.launch, methods=["POST"])
    return app


def _launch_row(session_id: str, claims: Mapping[str, Any], moment: float) -> tuple[Any, ...]:
    context_id = (claims.get(f"{LTI}context") or {}).get("id")
    link_id, role = claims[f"{LTI}resource_link"]["id"], next(iter(claims[f"{LTI}roles"]), None)
    return session_id, claims["sub"], context_id, link_id, role, json.dumps(claims), moment


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
