"""The application."""

from django.apps import AppConfig


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
