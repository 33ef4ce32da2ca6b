"""The queue's pulse."""

from django.contrib import admin
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import ReadOnly
from shipments.models import Heartbeat


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly):
    when_empty = _("No worker has ever run: start one with “manage.py worker”.")
    list_display = ("name", "at", "age")

    @admin.display(description=_("ago"))
    def age(self, heartbeat: Heartbeat) -> str:
        return timesince(heartbeat.at, timezone.now())
