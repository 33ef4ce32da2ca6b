"""The application."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ShipmentsConfig(AppConfig):
    """Parcels, their scans, and everybody who wants to know."""

    name = "shipments"
    verbose_name = "Parcel tracking"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from shipments import (
            checks,  # noqa: F401  (importing registers the checks)
            queueing,
        )

        queueing.name_tasks_in_logs()
        # Rights exist only when all migrations have run: no migration can hand them out.
        post_migrate.connect(_keep_groups_in_step, sender=self, dispatch_uid="shipments.groups")


def _keep_groups_in_step(**signal: Any) -> None:
    from shipments.admin import groups

    groups.keep_in_step(using=signal["using"])
