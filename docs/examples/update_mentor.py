"""Bring a mentor up to date from a folder of Markdown, and leave it as it was if a check fails.

    update_mentor.py course/ --questions questions.json --prompt prompt.md

Python's standard library is all it needs. The API key (scopes mentor:read, mentor:write,
datasets:read, datasets:write: the template "Manage content") comes in MENTORAI_API_KEY, the
address of the toolkit in MENTORAI_URL. The exit code is 0, or 1 with a line that says what failed.

questions.json: [{"question": "Where does a limpet return to?", "expect": "its own scar"}]
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any


class Failed(Exception):
    """What is wrong, in one line."""


class Mentor:
    """The mentor that the key is bound to."""

    def __init__(self, url: str, key: str) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._key = key

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the API; its JSON. Raises Failed."""
        request = urllib.request.Request(
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Api-Token {self._key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}")
            raise Failed(f"{method} {path}: {error.code} {said.get('detail', '')}") from error
        except OSError as error:
            raise Failed(f"{method} {path}: {error}") from error

    def send(self, folder: Path) -> list[str]:
        """Send every Markdown file; the ids of the datasets. What is there already stays."""
        ids = []
        for path in sorted(folder.rglob("*.md")):
            name = str(path.relative_to(folder))
            made = self.call("POST", "/datasets", {"name": name, "text": path.read_text("utf-8")})
            print(f"{name}: {'unchanged' if made['unchanged'] else made['training_status']}")
            ids.append(made["id"])
        if not ids:
            raise Failed(f"There is no Markdown in {folder}.")
        return ids

    def wait(self, ids: list[str], seconds: float, pause: float = 2.0) -> None:
        """Wait until all are trained. Raises Failed for one that failed, and when time is up."""
        deadline = time.monotonic() + seconds
        for dataset_id in ids:
            while True:
                found = self.call("GET", f"/datasets/{dataset_id}")
                if found["training_status"] == "trained":
                    break
                if found["training_status"] == "failed":
                    raise Failed(f"{found['name']} could not be read: {found['error']}")
                if time.monotonic() > deadline:
                    raise Failed(f"{found['name']} was not trained within {seconds:g} s.")
                time.sleep(pause)

    def check(self, question: str, expect: str) -> None:
        """Raise Failed unless one of the first three passages for a question holds a text."""
        query = urllib.parse.urlencode({"q": question, "limit": 3})
        found = self.call("GET", f"/search?{query}")["results"]
        if not any(expect.casefold() in passage["text"].casefold() for passage in found):
            raise Failed(f"“{question}” does not find “{expect}”.")
        print(f"{question}: found")


def update(mentor: Mentor, asked: argparse.Namespace) -> None:
    """Send, wait, check; put the former prompt back in force if any of it fails."""
    before = mentor.call("GET", "/mentor")["prompt_version"]
    now = before
    try:
        if asked.prompt:
            changes = {"system_prompt": asked.prompt.read_text("utf-8")}
            now = mentor.call("PATCH", "/mentor", changes)["prompt_version"]
        mentor.wait(mentor.send(asked.folder), asked.seconds)
        for each in json.loads(asked.questions.read_text("utf-8")):
            mentor.check(each["question"], each["expect"])
    except BaseException:
        if now != before:
            mentor.call("POST", f"/mentor/prompts/{before}/restore")
            print(f"The prompt is that of version {before} again.")
        raise


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description="Bring a mentor up to date from a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--prompt", type=Path)
    parser.add_argument("--seconds", type=float, default=300, help="how long to wait for training")
    asked = parser.parse_args()
    try:
        update(Mentor(os.environ["MENTORAI_URL"], os.environ["MENTORAI_API_KEY"]), asked)
    except KeyError as error:
        print(f"{error.args[0]} is not set.", file=sys.stderr)
        return 1
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
