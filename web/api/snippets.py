"""An example call as a program in four languages, ready to paste.

The key is read from the environment variable MENTORAI_API_KEY (an administrator's token from
MENTORAI_ADMIN_TOKEN), as is the id of what is deleted: neither belongs into a program.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from mentorai.web.api.examples import JSON_TYPE, Example

KEY, ADMIN_TOKEN = "MENTORAI_API_KEY", "MENTORAI_ADMIN_TOKEN"


def write_snippets(example: Example, base_url: str) -> Sequence[Mapping[str, str]]:
    """The call in each language: `lang`, `label`, `source`, as `x-codeSamples` has them."""
    return [
        {"lang": lang, "label": label, "source": write(example, base_url)}
        for lang, label, write in (
            ("Shell", "curl", _write_curl),
            ("Python", "Python", _write_python),
            ("JavaScript", "JavaScript", _write_javascript),
            ("PHP", "PHP", _write_php),
        )
    ]


def _write_curl(example: Example, base_url: str) -> str:
    method = "" if example.method == "GET" else f"-X {example.method} "
    address = base_url + _path(example, "${}".format)
    lines = [f'curl {method}"{address}"', f'-H "Authorization: Api-Token ${_key(example)}"']
    if example.body is not None:
        lines += [f"-H {shlex.quote(f'Content-Type: {JSON_TYPE}')}"]
        lines += [f"-d {shlex.quote(_as_json(example.body))}"]
    return " \\\n  ".join(lines)


def _write_python(example: Example, base_url: str) -> str:
    address = base_url + _path(example, "{{os.environ['{}']}}".format)
    mark = "f" if _missing(example) else ""
    lines = [
        "import os",
        "",
        "import requests",
        "",
        f"answer = requests.{example.method.lower()}(",
        f'    {mark}"{address}",',
        f"""    headers={{"Authorization": f"Api-Token {{os.environ['{_key(example)}']}}"}},""",
    ]
    if example.body is not None:
        lines += [f"    json={example.body!r},"]
    lines += ["    timeout=60,", ")", "answer.raise_for_status()"]
    return "\n".join([*lines, "print(answer.status_code, answer.text)"])


def _write_javascript(example: Example, base_url: str) -> str:
    address = base_url + _path(example, "${{process.env.{}}}".format)
    lines = [
        f"const answer = await fetch(`{address}`, {{",
        f'  method: "{example.method}",',
        "  headers: {",
        f"    Authorization: `Api-Token ${{process.env.{_key(example)}}}`,",
    ]
    if example.body is not None:
        body = json.dumps(example.body, ensure_ascii=False)
        lines += [f'    "Content-Type": "{JSON_TYPE}",', "  },"]
        lines += [f"  body: JSON.stringify({body}),"]
    else:
        lines += ["  },"]
    return "\n".join([*lines, "});", "console.log(answer.status, await answer.text());"])


def _write_php(example: Example, base_url: str) -> str:
    address = base_url + _path(example, "' . getenv('{}') . '".format)
    lines = [
        "<?php",
        f"$call = curl_init('{address}');",
        "curl_setopt_array($call, [",
        f"    CURLOPT_CUSTOMREQUEST => '{example.method}',",
        "    CURLOPT_HTTPHEADER => [",
        f"        'Authorization: Api-Token ' . getenv('{_key(example)}'),",
    ]
    if example.body is not None:
        lines += [f"        'Content-Type: {JSON_TYPE}',", "    ],"]
        lines += [f"    CURLOPT_POSTFIELDS => {_quote_php(_as_json(example.body))},"]
    else:
        lines += ["    ],"]
    lines += ["    CURLOPT_RETURNTRANSFER => true,", "]);", "$answer = curl_exec($call);"]
    return "\n".join([*lines, "echo curl_getinfo($call, CURLINFO_HTTP_CODE), ' ', $answer;"])


def _path(example: Example, from_environment: Callable[[str], str]) -> str:
    """The path with its places filled in and the query; what has no value comes from outside."""
    places = {name: from_environment(name.upper()) for name in _missing(example)}
    path = example.path.format(**{**places, **example.places})
    return f"{path}?{urlencode(example.query)}" if example.query else path


def _key(example: Example) -> str:
    return ADMIN_TOKEN if example.is_for_admins else KEY


def _missing(example: Example) -> Sequence[str]:
    return [name for name in example.names if name not in example.places]


def _as_json(body: object) -> str:
    return json.dumps(body, ensure_ascii=False)


def _quote_php(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
