"""One secret that opens nothing: whether the key ring reads it says whether the ring is the right one."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.fields import EncryptedTextField


class KeyRingCanary(models.Model):
    """Encrypted with the oldest key that may still be needed; `key_ring` writes it, and moves it last when keys are rotated."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = EncryptedTextField()

    class Meta:
        verbose_name = _("canary of the key ring")
        verbose_name_plural = _("canaries of the key ring")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="key_ring_canary_is_one_row")]

    def __str__(self) -> str:
        return "canary"
