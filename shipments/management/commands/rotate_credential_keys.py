"""`manage.py rotate_credential_keys`: everything encrypted goes under the newest key of the ring."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from shipments import key_ring
from shipments.models import AuditEntry, KeyRingCanary


class Command(BaseCommand):
    """May be killed and run again at any moment; whoever writes meanwhile is not disturbed."""

    help = "Moves all that is encrypted to the first key of CREDENTIAL_KEYS, and says when the others may leave the ring."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="Change nothing; say which keys are needed, and exit with 1 where an older one is.",
        )
        parser.add_argument(
            "--give-up-lost",
            action="store_true",
            help="A key is lost for good: let the site start without it. What it encrypted stays unreadable.",
        )
        parser.add_argument(
            "--batch",
            type=int,
            default=key_ring.BATCH,
            metavar="N",
            help=f"Rows a transaction (default: {key_ring.BATCH}).",
        )

    def handle(self, *, check: bool, give_up_lost: bool, batch: int, **options: Any) -> None:
        if batch < 1:
            raise CommandError("batch: a whole number from 1.", returncode=2)
        ring = key_ring.Ring()
        if check:
            needs = _needs(ring)
        else:
            needs = key_ring.rotate(self._tell, size=batch)
            AuditEntry.objects.record(
                "keys rotated", KeyRingCanary(pk=1), source="command", after={"newest": ring.newest}
            )
        self._report(ring, needs)
        if needs.beside(ring.newest) == 0:
            self.stdout.write(
                "Everything is under the newest key."
                + (" The others may leave CREDENTIAL_KEYS." if len(ring.names) > 1 else "")
            )
            return
        unknown = needs.of(key_ring.UNKNOWN)
        if give_up_lost and not check and unknown == needs.beside(ring.newest):
            key_ring.replace_canary()
            self.stdout.write(
                f"{unknown:,} secrets stay unreadable; the site starts without their key. Have them given again."
            )
            return
        if unknown:
            raise CommandError(
                f"{unknown:,} secrets are under a key that is not on the ring: put it back behind the newest one and run "
                "this again. If it is lost for good, --give-up-lost lets the site start without them."
            )
        raise CommandError(
            "An older key is still needed: leave it on the ring"
            + (" and run this without --check." if check else " and run this again.")
        )

    def _tell(self, column: str, moved: int) -> None:
        self.stdout.write(f"{column}: {moved:,} moved")
        self.stdout.flush()

    def _report(self, ring: key_ring.Ring, needs: key_ring.Needs) -> None:
        """How many secrets each key is needed for, and where those of older keys stand."""
        for name in (*ring.names, key_ring.UNKNOWN):
            count = needs.of(name)
            if not count and name == key_ring.UNKNOWN:
                continue
            told = f"key {name}" if name in ring.names else name
            self.stdout.write(f"{told}{' (newest)' if name == ring.newest else ''}: {count:,}")
            if name != ring.newest:
                for column, counts in needs.counts.items():
                    if counts[name]:
                        self.stdout.write(f"    {column.replace(chr(34), '')}: {counts[name]:,}")


def _needs(ring: key_ring.Ring) -> key_ring.Needs:
    """Which keys are needed. Which there are is told in any case: whoever is about to restore a backup has no tables yet."""
    try:
        return key_ring.needs()
    except (OperationalError, ProgrammingError) as exc:
        why = (
            "The database does not answer"
            if isinstance(exc, OperationalError)
            else "The database holds nothing yet, or less than this version keeps"
        )
        raise CommandError(
            f"{why}, so nobody can say which keys it needs. On the ring, the newest first: {', '.join(ring.names)}."
        ) from exc
