"""`manage.py key_fingerprints`: which keys are on the ring, by names that give nothing away."""

from typing import Any

from django.core.management.base import BaseCommand

from shipments.backups.sealed import ring


class Command(BaseCommand):
    help = "Prints the fingerprint of each key of CREDENTIAL_KEYS, the newest first: by them backups say which keys they need."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        for place, known_by in enumerate(ring()):
            self.stdout.write(f"{known_by}{'  (encrypts)' if place == 0 else ''}")
