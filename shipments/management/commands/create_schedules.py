"""`manage.py create_schedules`: what the queue runs without anybody asking."""

from typing import Any

from django.core.management.base import BaseCommand

from shipments import queueing


class Command(BaseCommand):
    """Safe to repeat; `up` and `worker` do the same when they start."""

    help = "Make the queue's schedules as this version wants them."

    def handle(self, **options: Any) -> None:
        queueing.create_schedules()
        self.stdout.write(
            f"Scheduled: {', '.join(f'{name} every {minutes} min' for name, minutes in queueing.SCHEDULES.items())}."
        )
