"""Secrets at rest: a text field encrypted with a key ring that is kept beside the database, not in it."""

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class WrongKeyRing(ImproperlyConfigured):
    """A stored secret was encrypted with a key that is not on the ring."""


def key_ring() -> MultiFernet:
    """First key encrypts, every key decrypts: rotating is adding one in front."""
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """Text that is ciphertext in the database and in dumps, and plain text in Python. Cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return None if value is None else key_ring().encrypt(value.encode()).decode()

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if value is None:
            return None
        try:
            return key_ring().decrypt(value.encode()).decode()
        except InvalidToken:
            # The cause is dropped on purpose: its frames hold the ciphertext.
            raise WrongKeyRing(
                f"{self.model._meta.label}.{self.name} was encrypted with a key that is not in CREDENTIAL_KEYS. "
                "Put the key that was used back on the ring (behind the newest one) and start again."
            ) from None
