"""Where in a raw answer a scan is told of, so that a page can point at it. The text itself is never changed."""

import json
import re
from collections.abc import Iterator, Sequence

# Braces count outside of texts only.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]')


def part_about(text: str, told: Sequence[str]) -> tuple[int, int] | None:
    """Start and end of the one object in a JSON text that says most of what a scan tells, the first of `told` at least.

    None where it says nothing of it, or where two objects say as much: better no mark than one at another scan.
    """
    wanted = [_spellings(one) for one in told if one]
    if not wanted:
        return None
    found: list[tuple[int, int, int, int]] = []
    for start, end in _objects(text):
        part = text[start:end]
        if any(spelling in part for spelling in wanted[0]):
            says = sum(any(spelling in part for spelling in spellings) for spellings in wanted)
            found.append((-says, end - start, start, end))
    found.sort()
    if not found:
        return None
    best = found[0]
    # An object around the best one says as much and is longer; one of the same length stands beside it.
    beside = [one for one in found[1:] if one[0] == best[0] and not one[2] <= best[2] < best[3] <= one[3]]
    return None if beside else (best[2], best[3])


def _spellings(one: str) -> tuple[str, str]:
    """A text as JSON may have it: with its letters, or with escapes for those beyond ASCII."""
    return json.dumps(one, ensure_ascii=False)[1:-1], json.dumps(one)[1:-1]


def _objects(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every object within another: a mark around the whole answer points at nothing."""
    opened: list[int] = []
    for token in _TOKEN.finditer(text):
        if token[0] == "{":
            opened.append(token.start())
        elif token[0] == "}" and opened:
            start = opened.pop()
            if opened:
                yield start, token.end()
