"""How a line of the log looks, what it is about, and what it must not hold.

What is being worked on (the account, the batch, the task, the request) is said once, where the work begins, and every line
written meanwhile carries it. By the standard library: what structlog or python-json-logger would bring for it is a
formatter, and ours must take secrets out of exceptions as well.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Private links, confirmations and ends of mails, invitations, new passwords and changed addresses.
_SECRET_PARTS = re.compile(r"(/(?:t|mail/confirm|mail/stop|join|password/reset/key|confirm-email)/)[^/\s?]+")
_TOKENS = re.compile(r"(?i)\b(bearer )[^\s\"']+")
# What PostgreSQL adds to an error: the values of the row, names and addresses among them. It ends where the traceback goes on.
_ROWS = re.compile(
    r"(?ms)^((?:DETAIL|CONTEXT): ).*?(?=^(?:DETAIL|CONTEXT|HINT): |^Traceback \(|^ *File \"|^The above exception|^During handling|\Z)"
)

# What no subject may be called: a line has these already.
_OF_EVERY_LINE = frozenset({"at", "level", "logger", "message", "exception"})

_subject: ContextVar[Mapping[str, str]] = ContextVar("subject")


def begin(**about: object) -> None:
    """From now on the lines are about this, and about nothing that was said before: where a worker takes up a task."""
    _subject.set(_as_subject(about))


@contextmanager
def about(**more: object) -> Iterator[None]:
    """Lines written meanwhile are about this, too."""
    token = _subject.set({**_subject.get({}), **_as_subject(more)})
    try:
        yield
    finally:
        _subject.reset(token)


def about_its_arguments(*names: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """A function whose lines are about its first arguments, under these names."""

    def with_subject(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(function)
        def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with about(**dict(zip(names, args, strict=False))):
                return function(*args, **kwargs)

        return called

    return with_subject


def _as_subject(about: Mapping[str, object]) -> dict[str, str]:
    if taken := _OF_EVERY_LINE.intersection(about):
        raise ValueError(f"A line has {', '.join(sorted(taken))} already.")
    return {name: str(value) for name, value in about.items()}


def without_secrets(words: str) -> str:
    """The words without the parts of addresses that open something, without tokens, and without the rows of a database's error."""
    kept = _TOKENS.sub(r"\1…", _SECRET_PARTS.sub(r"\1…", words))
    return _ROWS.sub("\\1…\n", kept) if "DETAIL: " in kept or "CONTEXT: " in kept else kept


class WithoutTokens(logging.Filter):
    """Lets every record through, its message without what is secret in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        kept = without_secrets(said)
        if kept != said:
            record.msg, record.args = kept, None
        return True


class Line(logging.Formatter):
    """A line to be read by people: when, how bad, who says what, and in brackets what it is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        subject = " ".join(f"{name}={value}" for name, value in _subject_of(record).items())
        return super().formatMessage(record) + (f" [{subject}]" if subject else "")


class JsonLine(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, what it is about, and `exception` where there was one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            **_subject_of(record),
        }
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        elif record.exc_text:
            line["exception"] = without_secrets(record.exc_text)
        return json.dumps(line, ensure_ascii=False)


def _subject_of(record: logging.LogRecord) -> dict[str, str]:
    """What the line is about; of a refused request Django speaks when the request is over already, and names it itself."""
    subject = dict(_subject.get({}))
    request_id = getattr(getattr(record, "request", None), "request_id", None)
    if request_id is not None:
        subject["request"] = request_id
    return {name: without_secrets(value) for name, value in subject.items()}
