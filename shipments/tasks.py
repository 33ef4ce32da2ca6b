"""What the queue runs: entry points that take ids, show a pulse and call the room that does the work."""

from uuid import UUID

from django.utils import timezone

from shipments import queueing
from shipments.analytics import cohorts
from shipments.models import AuditEntry, CarrierAccount, Heartbeat, Tally, Throttle
from shipments.outbound import mail
from shipments.refresh import planner, runner


def sweep() -> None:
    """Find what is due and queue a task for each batch of it."""
    Heartbeat.objects.beat(timezone.now())
    for batch in planner.plan_due(timezone.now()):
        queueing.enqueue(queueing.REFRESH, batch.account_id, str(batch.lease), *batch.shipment_ids)


def refresh_leased(account_id: int, lease: str, *shipment_ids: int) -> None:
    """Ask about one batch; when it was the last one waiting, look for more."""
    Heartbeat.objects.beat(timezone.now())
    runner.refresh_leased(account_id, UUID(lease), shipment_ids)
    Heartbeat.objects.beat(timezone.now())
    if queueing.waiting() == 0:
        queueing.enqueue(queueing.SWEEP)


def test_account(account_id: int) -> None:
    """Try an account's credentials and write the result on its row."""
    Heartbeat.objects.beat(timezone.now())
    account = CarrierAccount.objects.get(pk=account_id)
    account.record_test(runner.test_account(account), timezone.now())


def send_mail() -> None:
    """Send the mails that are due."""
    Heartbeat.objects.beat(timezone.now())
    mail.send_due(timezone.now())


def housekeep() -> None:
    """Forget ended throttles, put the tallies together, and make the months the audit will need."""
    Heartbeat.objects.beat(timezone.now())
    Throttle.objects.forget_ended(timezone.now())
    Tally.objects.compact()
    AuditEntry.objects.make_months(timezone.now())


def tally_figures() -> None:
    """Bring the figures up to date; where that takes longer than one task may, go on in another."""
    Heartbeat.objects.beat(timezone.now())
    if not cohorts.tally(timezone.now()):
        queueing.enqueue(queueing.TALLY_FIGURES)
