"""Answers that nobody expects: what the body faults send instead of, or make of, the right answer."""

from typing import Any

HTML_PAGE = (
    b"<!DOCTYPE html><html><head><title>Service unavailable</title></head>"
    b"<body><h1>We'll be right back</h1><p>Reference 0.5f1c1eb8</p></body></html>"
)
DEEP = b"[" * 100_000 + b"]" * 100_000
MEGABYTE = 1_000_000
# What keeps a tracking item recognisable, so that a reader gets as far as the rest of it.
_KEPT = frozenset({"trackingNumber", "statusCode"})


def wrong_types(content: Any) -> Any:
    """The same members, each with a value of another type; the tracking number stays as it is."""
    if isinstance(content, list):
        return [wrong_types(item) for item in content]
    if not isinstance(content, dict):
        return {"value": content}
    return {name: value if name in _KEPT else _another(value) for name, value in content.items()}


def _another(value: Any) -> Any:
    match value:
        case str():
            return [value]
        case bool() | None:
            return {"set": value}
        case int() | float():
            return f"about {value}"
        case list():
            return "none"
        case _:
            return 0
