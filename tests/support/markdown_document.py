"""A Markdown document in the parts that can be held against the repository: links, headings, code and prose."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_FENCE = re.compile(r"^( *)(```+|~~~+) *([\w-]*)[^\n]*\n(.*?)^ *\2[`~]*\s*$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block. ``line`` is where its first line of text is."""

    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Span:
    """A piece of text, on one line, with the number of the line that it begins on."""

    line: int
    text: str


@dataclass(frozen=True)
class MarkdownDocument:
    """``path`` is the document's own, from the repository's root."""

    path: str
    text: str

    @cached_property
    def blocks(self) -> list[Block]:
        return [Block(_line(match, 4), match[3].lower(), match[4]) for match in _FENCE.finditer(self.text)]

    @cached_property
    def code(self) -> list[Span]:
        """Inline code."""
        return [Span(_line(match), " ".join(match[2].split())) for match in _SPAN.finditer(self._without_blocks)]

    @cached_property
    def links(self) -> list[Span]:
        """Where its links lead."""
        return [Span(_line(match), match[1] or match[2]) for match in _LINK.finditer(self.prose)]

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors that GitHub gives its headings."""
        seen: Counter[str] = Counter()
        found: set[str] = set()
        for match in _HEADING.finditer(self._without_blocks):
            slug = slug_of(match[1])
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return found

    @cached_property
    def prose(self) -> str:
        """The text without code, with as many lines."""
        return _SPAN.sub(lambda match: "\n" * match[0].count("\n"), self._without_blocks)

    @cached_property
    def _without_blocks(self) -> str:
        return _FENCE.sub(lambda match: "\n" * match[0].count("\n"), self.text)

    def commands(self) -> Iterator[Span]:
        """Each line of a block, and each piece of inline code that has several words."""
        for block in self.blocks:
            for number, line in enumerate(block.text.splitlines()):
                yield Span(block.line + number, line.strip())
        yield from (span for span in self.code if " " in span.text)


def _line(match: re.Match[str], group: int = 0) -> int:
    return match.string.count("\n", 0, match.start(group)) + 1


def slug_of(heading: str) -> str:
    """The anchor of a heading: lower case, no punctuation, hyphens for blanks."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
