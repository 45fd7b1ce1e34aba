"""Markdown as HTML that can be shown to anybody, whoever wrote it: a model, most often.

Two locks. The renderer leaves raw HTML as the text it is, makes links of web and mail addresses alone, and never loads
an image: it becomes a link to where it lies. What comes out is then read as a browser would and everything is dropped
that does not stand in the lists here. Pages have a policy without scripts besides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

LONGEST = 50_000
"""Characters read as Markdown. What is longer follows as plain text: the time it takes must stay a page's."""
DEEPEST = 20
SCHEMES = {"http", "https", "mailto"}
TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li"),
    *("pre", "code", "em", "strong", "s", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}}
REL = "noopener noreferrer nofollow"

_IS_LINK = re.compile(r"(https?://|mailto:)[^\s<>\x00-\x20]", re.IGNORECASE).match
_IS_LANGUAGE = re.compile(r"language-[A-Za-z0-9_+#.-]{1,40}").fullmatch


def to_html(text: str) -> SafeString:
    """The text rendered, safe to put into a page as it is."""
    html = _clean(_renderer().render(text[:LONGEST]))
    rest = text[LONGEST:]
    if rest:
        html += f"<pre>{escape(rest)}</pre>"
    return mark_safe(html)  # noqa: S308 - cleaned just above


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_filtered,
        url_schemes=SCHEMES,
        link_rel=REL,
    )


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "href":
        return value if _IS_LINK(value) else None  # one without a scheme would lead into our pages
    if attribute == "class":
        return value if _IS_LANGUAGE(value) else None
    return value


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST})
    renderer.enable(["table", "strikethrough"])
    renderer.validateLink = lambda url: _IS_LINK(url) is not None  # type: ignore[method-assign]  # how it is set
    renderer.add_render_rule("image", _image_as_link)
    return renderer


def _image_as_link(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    image = tokens[index]
    source = str(image.attrs.get("src", ""))
    return f'<a href="{escape(source)}">{escape(image.content or source)}</a>'
