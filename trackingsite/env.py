"""What the environment says, read by type. A mistake is named by its variable and the rule it breaks.

An empty variable counts as unset: `SECRET_KEY=` in a service file is a line left blank, not a decision.
The value of a secret never enters a message.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})
# A secret is a line or a few keys; a larger file is the wrong file.
LONGEST_SECRET_FILE = 64 * 1024


def text(name: str, default: str | None = None) -> str:
    """The words in `name`, without blanks around them; ImproperlyConfigured when unset and there is no default."""
    value = _raw(name)
    if value is not None:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set.")
    return default


def flag(name: str, default: bool = False) -> bool:
    """Whether `name` is switched on: 1, true, yes, on; or 0, false, no, off, in any case."""
    value = _raw(name)
    if value is None:
        return default
    word = value.lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ImproperlyConfigured(f"{name} must be one of 1, true, yes, on, 0, false, no, off.")


def choice(name: str, default: str, *, among: tuple[str, ...]) -> str:
    """The word in `name`, in small letters: one of `among`."""
    word = (_raw(name) or default).lower()
    if word not in among:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(among)}.")
    return word


def number(name: str, default: int, *, least: int | None = None, most: int | None = None) -> int:
    """The whole number in `name`, between `least` and `most` where they are given."""
    value = _raw(name)
    if value is None:
        return default
    try:
        figure = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from None
    if least is not None and figure < least:
        raise ImproperlyConfigured(f"{name} must be {least} or more.")
    if most is not None and figure > most:
        raise ImproperlyConfigured(f"{name} must be {most} or less.")
    return figure


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """The comma-separated entries of `name`, without blanks around them and without empty ones."""
    value = _raw(name)
    if value is None:
        return list(default)
    return [word for part in value.split(",") if (word := part.strip())]


def site(name: str) -> str | None:
    """The address of a site in `name`, `https://tracker.example` or with a port, without a slash at its end; None when
    unset."""
    value = _raw(name)
    if value is None:
        return None
    rule = f"{name} must be the address of a site without a path, such as https://tracker.example."
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ImproperlyConfigured(rule) from None
    if not usable or parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise ImproperlyConfigured(rule)
    return f"{parts.scheme}://{parts.netloc}"


def path(name: str, default: Path) -> Path:
    """The absolute path in `name`; `~` is the home folder, a relative path starts in the current folder."""
    value = _raw(name)
    if value is None:
        return default.absolute()
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ImproperlyConfigured(f"{name} must not start with ~ where there is no home folder.") from None


def secret(name: str) -> str | None:
    """The secret in `name`, or in the file that `<name>_FILE` names; None when neither is set."""
    value, file = _raw(name), _raw(f"{name}_FILE")
    if file is None:
        return value
    if value is not None:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    try:
        with Path(file).expanduser().open("rb") as opened:
            content = opened.read(LONGEST_SECRET_FILE + 1)
    except (OSError, RuntimeError, ValueError):
        # The chained error would print the path, and people do put the secret itself there by mistake.
        raise ImproperlyConfigured(f"{name}_FILE must name a file that can be read.") from None
    if len(content) > LONGEST_SECRET_FILE:
        raise ImproperlyConfigured(f"{name}_FILE must name a file of at most {LONGEST_SECRET_FILE:,} bytes.")
    try:
        held = content.decode().strip()
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{name}_FILE must name a file of UTF-8 text.") from None
    if not held:
        raise ImproperlyConfigured(f"{name}_FILE must name a file that is not empty.")
    return held


def _raw(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None
