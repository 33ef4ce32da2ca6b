"""Secrets made on first use and kept in the data folder, for installations that set none."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured


def new_secret_key() -> str:
    return secrets.token_urlsafe(50)


def new_credential_key() -> str:
    return Fernet.generate_key().decode()


def kept_secret(file: Path, make: Callable[[], str], *, allowed: bool, name: str) -> str:
    """The secret in `file`, made there first if there is none; ImproperlyConfigured where that is not `allowed`.

    Two processes that start at once end up with one secret: the file appears whole or not at all.
    """
    if not allowed:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE to a file that holds it.")
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(make())
        with suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text().strip()
