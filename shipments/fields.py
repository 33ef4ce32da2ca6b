"""Secrets at rest: a text field encrypted with a key ring that is kept beside the database, not in it."""

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

# Begins what `dumpdata` writes, so that `loaddata` knows it for ciphertext.
_DUMPED = "encrypted:"


class WrongKeyRing(ImproperlyConfigured):
    """A stored secret was encrypted with a key that is not on the ring."""


class Hidden(str):
    """A text that shows in no `repr`, and so in no traceback, debugger or error page; used as any other text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'•••'"


def key_ring() -> MultiFernet:
    """First key encrypts, every key decrypts: rotating is adding one in front."""
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """Text that is ciphertext in the database and in dumps, and plain text in Python. Cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else key_ring().encrypt(str(value).encode()).decode()

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return None if value is None else self._decrypted(value)

    def value_to_string(self, obj: models.Model) -> str:
        """What `dumpdata` writes: ciphertext, as any other copy of the database has it."""
        return f"{_DUMPED}{self.get_prep_value(self.value_from_object(obj))}"

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not isinstance(text, str) or isinstance(text, Hidden):
            return text
        if not text.startswith(_DUMPED):
            return Hidden(text)
        try:
            return self._decrypted(text.removeprefix(_DUMPED))
        except WrongKeyRing as exc:
            raise ValidationError(_("%(why)s"), params={"why": exc}, code="wrong_key_ring") from None

    def _decrypted(self, value: str) -> Hidden:
        try:
            return Hidden(key_ring().decrypt(value.encode()).decode())
        except InvalidToken:
            # The cause is dropped on purpose: its frames hold the ciphertext.
            raise WrongKeyRing(
                f"{self.model._meta.label}.{self.name} was encrypted with a key that is not in CREDENTIAL_KEYS. "
                "Put the key that was used back on the ring (behind the newest one) and start again."
            ) from None
