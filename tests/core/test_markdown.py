from __future__ import annotations

import re
from html.parser import HTMLParser
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core import markdown

ATTACKS = {
    "script": "<script>alert(1)</script>",
    "script in a block": "\n\n<script>\nalert(1)\n</script>\n\n",
    "event": '<img src=x onerror="alert(1)">',
    "event in a tag of ours": '<a href="https://a.example" onclick="alert(1)">x</a>',
    "svg": "<svg><script>alert(1)</script></svg>",
    "svg with an event": "<svg/onload=alert(1)>",
    "math": '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
    "frame": '<iframe src="javascript:alert(1)"></iframe>',
    "style": "<style>*{background:url(https://evil.example)}</style>",
    "base": '<base href="https://evil.example/">',
    "meta": '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "form": '<form action="https://evil.example"><input name=a></form>',
    "javascript": "[x](javascript:alert(1))",
    "javascript in capitals": "[x](JaVaScRiPt:alert(1))",
    "javascript by entities": "[x](&#106;avascript:alert(1))",
    "javascript by hexadecimal entities": "[x](&#x6A&#x61&#x76&#x61script:alert(1))",
    "javascript with a tab": "[x](java&#9;script:alert(1))",
    "javascript with a line break": "[x](java\nscript:alert(1))",
    "javascript behind blanks": "[x](<  javascript:alert(1)>)",
    "javascript behind a control": "[x](\x01javascript:alert(1))",
    "javascript by percent": "[x](javascript%3Aalert(1))",
    "javascript by an autolink": "<javascript:alert(1)>",
    "javascript by reference": "[x]\n\n[x]: javascript:alert(1)",
    "vbscript": "[x](vbscript:msgbox(1))",
    "data": "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "data as an image": "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "file": "[x](file:///etc/passwd)",
    "into our own pages": "[x](/console/logout)",
    "without a scheme": "[x](//evil.example)",
    "with backslashes": r"[x](\\evil.example)",
    "image from outside": "![x](https://evil.example/pixel.png)",
    "image in a link": "[![x](https://evil.example/a.png)](https://b.example)",
    "title that breaks out": "[x](https://a.example '\"onmouseover=alert(1) x=\"')",
    "address that breaks out": '[x](https://a.example/"onmouseover="alert(1))',
    "alternative that breaks out": '![x" onerror="alert(1)](https://a.example/a.png)',
    "language that breaks out": '```"><script>alert(1)</script>\nx\n```',
    "language with classes": "```js button button--danger\nx\n```",
    "nested": "> - **[<b onmouseover=alert(1)>x</b>](javascript:alert(1))**",
    "unfinished tag": "<a href='javascript:alert(1)'",
    "comment": "<!--<img src=--><img src=x onerror=alert(1)>",
    "CDATA": "<![CDATA[<script>alert(1)</script>]]>",
    "NUL": "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "table": "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "id that shadows": '<a id="main" name="getElementById">x</a>',
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt;",
}  # fmt: skip


class _Seen(HTMLParser):
    """Every tag and attribute, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def strange_of(html: str) -> list[object]:
    """What may not stand in a page."""
    seen = _Seen(html)
    wrong: list[object] = sorted(seen.tags - markdown.TAGS)
    for tag, name, value in seen.attributes:
        if name == "href":
            good = bool(re.match(r"(https?://|mailto:)", value, re.IGNORECASE))
        elif name == "rel":
            good = value == markdown.REL
        else:
            good = name in markdown.ATTRIBUTES.get(tag, set())
            good = good and (name != "class" or " " not in value)
        if not good:
            wrong.append((tag, name, value))
    return wrong


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS)
def test_to_html_lets_no_attack_through(text: str) -> None:
    assert strange_of(markdown.to_html(text)) == []


@given(st.text(alphabet="<>[]()!\"'`*_|&;:/\\#x\n -javscript:onerror=data", max_size=200))
def test_to_html_of_anything_is_harmless(text: str) -> None:
    assert strange_of(markdown.to_html(text)) == []


def test_the_check_of_these_tests_would_see_an_attack() -> None:
    assert strange_of('<a href="javascript:x" onclick="y">') == [
        ("a", "href", "javascript:x"),
        ("a", "onclick", "y"),
    ]
    assert strange_of("<img src=x>") == ["img", ("img", "src", "x")]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**a** _b_ ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>\n"),
        ("<b>", "<p>&lt;b&gt;</p>\n"),
        ("```python\na < b\n```", '<pre><code class="language-python">a &lt; b\n</code></pre>\n'),
        (
            "[a](https://b.example/?c=d&e=f)",
            '<p><a href="https://b.example/?c=d&amp;e=f" rel="noopener noreferrer nofollow">a</a></p>\n',
        ),
        (
            "![a](https://b.example/c.png)",
            '<p><a href="https://b.example/c.png" rel="noopener noreferrer nofollow">a</a></p>\n',
        ),
        ("[a](javascript:b)", "<p>[a](javascript:b)</p>\n"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>\n'),
        (
            "| a |\n|---|\n| b |",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n",
        ),
    ],
)
def test_to_html_renders_what_models_write(text: str, html: str) -> None:
    assert markdown.to_html(text) == html


def test_to_html_shows_what_is_too_long_as_it_is() -> None:
    html = markdown.to_html("a" * markdown.LONGEST + "*b* <i>")

    assert html == f"<p>{'a' * markdown.LONGEST}</p>\n<pre>*b* &lt;i&gt;</pre>"


@pytest.mark.parametrize(
    "piece", ["[", "![", "*a", "**a _b ", "> ", "`", "<", "[a](", "- ", "|", "&", "\\", "(", "_a_*"]
)
def test_to_html_of_something_endless_is_quick(piece: str) -> None:
    started = thread_time()  # others on the machine do not count

    markdown.to_html(piece * (markdown.LONGEST // len(piece)))

    assert thread_time() - started < 8
