"""Which backups `manage.py backup` has made of this database, and what checks have found of them."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

# Far longer than backups themselves are kept.
KEPT = timedelta(days=400)


class BackupManager(models.Manager["Backup"]):
    """Notes backups when they are made."""

    def note(self, made_at: datetime, *, name: str, rows: int, size: int) -> "Backup":
        """Note one that appeared whole; notes of long ago go."""
        self.filter(made_at__lt=made_at - KEPT).delete()
        return self.create(made_at=made_at, name=name[:100], rows=rows, bytes=size)


class Backup(models.Model):
    """A backup that appeared whole in its folder, which `name` is: everything as of `made_at`. `bytes` had the database then.

    `faults` is how many the last rehearsal found, 0 for a copy that is whole, None before there was one. The backup itself does
    not know of this row: a database that was restored from it ends with the one before.
    """

    made_at = models.DateTimeField(_("made"), unique=True)
    name = models.CharField(_("folder"), max_length=100)
    rows = models.BigIntegerField(_("rows"))
    bytes = models.BigIntegerField(_("bytes"))
    checked_at = models.DateTimeField(_("rehearsed"), null=True)
    faults = models.PositiveIntegerField(_("faults"), null=True)

    objects: ClassVar[BackupManager] = BackupManager()

    class Meta:
        verbose_name = _("backup")
        verbose_name_plural = _("backups")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    def note_check(self, faults: int, now: datetime) -> None:
        self.faults, self.checked_at = faults, now
        self.save(update_fields=["faults", "checked_at"])
