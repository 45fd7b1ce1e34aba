"""Parts of a message in both dialects: text, pictures, documents, results of tools."""

from __future__ import annotations

import re
from typing import Any

import orjson

from apps.core.errors import Invalid
from apps.providers.domain.dialects import words
from apps.providers.errors import NotOffered

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)
EMPTY_SCHEMA = {"type": "object", "properties": {}}


def content_to_anthropic(content: Any, name: str) -> str | list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return content or ""
    return [
        part_to_anthropic(part, f"{name}.{index}")
        for index, part in enumerate(words.objects(content, name))
    ]


def part_to_anthropic(part: dict[str, Any], name: str) -> dict[str, Any]:
    block: dict[str, Any]
    match part.get("type"):
        case "text" | "input_text":
            block = {"type": "text", "text": words.text(part.get("text"), f"{name}.text")}
        case "refusal":
            block = {"type": "text", "text": words.text(part.get("refusal"), f"{name}.refusal")}
        case "image_url":
            block = {"type": "image", "source": _source_of(part.get("image_url"), name)}
        case "file":
            block = _document_of(part.get("file"), name)
        case kind:
            raise NotOffered(
                f"{name}: parts of type {str(kind)[:40]!r} are not taken by Anthropic."
            )
    if "cache_control" in part:
        block["cache_control"] = part["cache_control"]
    return block


def part_to_openai(block: dict[str, Any], name: str) -> dict[str, Any]:
    match block.get("type"):
        case "text":
            return {"type": "text", "text": words.text(block.get("text"), f"{name}.text")}
        case "image":
            return {"type": "image_url", "image_url": {"url": _url_of(block.get("source"), name)}}
        case "document":
            return _file_of(block, name)
        case kind:
            raise NotOffered(
                f"{name}: blocks of type {str(kind)[:40]!r} have no form in OpenAI's API."
            )


def content_to_openai(blocks: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A lone text as a plain string: many servers that speak OpenAI's language read nothing else."""
    if len(blocks) == 1 and blocks[0].get("type") == "text":
        return str(blocks[0]["text"])
    return blocks


def arguments_of(value: Any) -> dict[str, Any]:
    """A tool call's arguments as an object. Models write what is none; the text is kept then."""
    if isinstance(value, dict):
        return value
    if value in (None, ""):
        return {}
    try:
        found = orjson.loads(value)
    except (orjson.JSONDecodeError, TypeError):
        return {"arguments": str(value)}
    return found if isinstance(found, dict) else {"arguments": found}


def arguments_text(value: Any) -> str:
    return orjson.dumps(value if value is not None else {}).decode()


def _source_of(image: Any, name: str) -> dict[str, Any]:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        raise Invalid.field(f"{name}.image_url", "must name a URL", "type")
    if (found := _DATA_URL.fullmatch(url)) is not None:
        return {"type": "base64", "media_type": found[1], "data": found[2]}
    return {"type": "url", "url": url}


def _url_of(source: Any, name: str) -> str:
    source = words.an_object(source, f"{name}.source")
    match source.get("type"):
        case "base64":
            return f"data:{source.get('media_type')};base64,{source.get('data')}"
        case "url":
            return words.text(source.get("url"), f"{name}.source.url")
        case kind:
            raise NotOffered(
                f"{name}: sources of type {str(kind)[:40]!r} have no form in OpenAI's API."
            )


def _document_of(file: Any, name: str) -> dict[str, Any]:
    file = words.an_object(file, f"{name}.file")
    found = _DATA_URL.fullmatch(words.text(file.get("file_data"), f"{name}.file.file_data"))
    if found is None:
        raise NotOffered(f"{name}: a file must come along as file_data, a data: URL.")
    source = {"type": "base64", "media_type": found[1], "data": found[2]}
    block: dict[str, Any] = {"type": "document", "source": source}
    if isinstance(title := file.get("filename"), str):
        block["title"] = title
    return block


def _file_of(block: dict[str, Any], name: str) -> dict[str, Any]:
    source = words.an_object(block.get("source"), f"{name}.source")
    if source.get("type") == "text":
        return {"type": "text", "text": words.text(source.get("data"), f"{name}.source.data")}
    file = {"file_data": _url_of(source, name)}
    if isinstance(title := block.get("title"), str):
        file["filename"] = title
    return {"type": "file", "file": file}
