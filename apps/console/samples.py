"""The same deed from a program: curl, Python, JavaScript, GraphQL, at the address the reader came by."""

from __future__ import annotations

import json
from shlex import quote
from typing import Any

from django.http import HttpRequest

KEY = "$SIGNALBOX_API_KEY"


def code_samples(
    request: HttpRequest, method: str, path: str, *, body: Any = None, graphql: str = ""
) -> list[dict[str, str]]:
    """Samples in the shape `components/as_code.html` takes."""
    url = f"{request.scheme}://{request.get_host()}{path}"
    samples = [
        {"key": "curl", "label": "curl", "text": _curl(method, url, body)},
        {"key": "python", "label": "Python", "text": _python(method, url, body)},
        {"key": "javascript", "label": "JavaScript", "text": _javascript(method, url, body)},
    ]
    if graphql:
        samples.append({"key": "graphql", "label": "GraphQL", "text": graphql})
    return samples


def _curl(method: str, url: str, body: Any) -> str:
    lines = [
        f"curl -X {method} {quote(url)}" if method != "GET" else f"curl {quote(url)}",
        f'  -H "Authorization: Bearer {KEY}"',
    ]
    if body is not None:
        lines += ['  -H "Content-Type: application/json"', f"  -d {quote(json.dumps(body))}"]
    return " \\\n".join(lines)


def _python(method: str, url: str, body: Any) -> str:
    json_part = f",\n    json={body!r}" if body is not None else ""
    return (
        "import os, httpx\n\n"
        f'answer = httpx.request(\n    "{method}", "{url}",\n'
        f'    headers={{"Authorization": f"Bearer {{os.environ[\'SIGNALBOX_API_KEY\']}}"}}{json_part},\n)\n'
        "print(answer.json())"
    )


def _javascript(method: str, url: str, body: Any) -> str:
    headers = ['"Authorization": `Bearer ${process.env.SIGNALBOX_API_KEY}`']
    if body is not None:
        headers.append('"Content-Type": "application/json"')
    body_line = f"\n  body: JSON.stringify({json.dumps(body)})," if body is not None else ""
    return (
        f'const answer = await fetch("{url}", {{\n  method: "{method}",\n'
        f"  headers: {{ {', '.join(headers)} }},{body_line}\n}});\n"
        "console.log(await answer.json());"
    )
