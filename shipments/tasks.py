"""What the queue runs: entry points that take ids, show a pulse and call the room that does the work."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import ParamSpec
from uuid import UUID

from django.utils import timezone

from shipments import queueing
from shipments.analytics import alerts, attention, cohorts, digests
from shipments.bulk import acting, importing
from shipments.buyers import telling
from shipments.keeping import deleting, erasing, exporting_all, retention, suspending
from shipments.models import (
    Alert,
    AuditEntry,
    CallCount,
    CarrierAccount,
    Heartbeat,
    Import,
    Invitation,
    Mail,
    MerchantExport,
    Subscription,
    SubscriptionRequest,
    TableSize,
    Tally,
    Throttle,
    sign_ins,
)
from shipments.outbound import mail
from shipments.refresh import connecting, expiring, learned, planner, runner
from shipments.tracking import proof, replays
from trackingsite import logs

_P = ParamSpec("_P")

# There are hundreds of batches in a minute, and not each need say that its worker is alive.
BEATS_APART = timedelta(seconds=5)


def _beat() -> None:
    Heartbeat.objects.beat(timezone.now())


def _with_a_pulse(task: Callable[_P, None]) -> Callable[_P, None]:
    """A task that says when it begins that its worker is alive, and when it ends, if that took a while."""

    @wraps(task)
    def done(*args: _P.args, **kwargs: _P.kwargs) -> None:
        _beat()
        task(*args, **kwargs)
        Heartbeat.objects.beat(timezone.now(), apart=BEATS_APART)

    return done


@_with_a_pulse
def sweep() -> None:
    """Find what is due and queue a task for each batch of it, as far as there is room in the queue."""
    for batch in planner.plan_due(timezone.now(), limit=planner.room(queueing.waiting())):
        queueing.enqueue(queueing.REFRESH, batch.account_id, str(batch.lease), *batch.shipment_ids)
    for action_id in acting.left_undone(timezone.now()):
        queueing.enqueue(queueing.WORK_ON_BULK, action_id)
    for replay_id in replays.left_undone(timezone.now()):
        queueing.enqueue(queueing.WORK_ON_REPLAY, replay_id)


@logs.about_its_arguments("account", "batch")
def refresh_leased(account_id: int, lease: str, *shipment_ids: int) -> None:
    """Ask about one batch; when it was the last one waiting, look for more."""
    Heartbeat.objects.beat(timezone.now(), apart=BEATS_APART)
    with _no_search_for_cycles():
        ingested = runner.refresh_leased(account_id, UUID(lease), shipment_ids)
        if changed := [entry.shipment.pk for entry in ingested if entry.is_news]:
            attention.review(timezone.now(), changed)
    Heartbeat.objects.beat(timezone.now(), apart=BEATS_APART)
    if queueing.waiting() == 0:
        queueing.enqueue(queueing.SWEEP)


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """A batch makes a hundred thousand objects that all live until its end: looking through them for cycles again and
    again finds nothing, and took a sixth of the worker's time."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


@logs.about_its_arguments("account")
@_with_a_pulse
def test_account(account_id: int) -> None:
    """Try an account's connection and write the result on its row."""
    account = CarrierAccount.objects.get(pk=account_id)
    connecting.try_connection(account, timezone.now())


@_with_a_pulse
def send_mail() -> None:
    """Send the mails that are due."""
    mail.send_due(timezone.now())


@_with_a_pulse
def review_attention(*shipment_ids: int) -> None:
    """Find what needs a person among these parcels; without ids among everybody's."""
    attention.review(timezone.now(), shipment_ids or None)


@_with_a_pulse
def send_alerts() -> None:
    """Write to whoever wishes to hear at once of what was found."""
    alerts.send_alerts(timezone.now())


@_with_a_pulse
def send_digests() -> None:
    """Write the daily digests that are due."""
    digests.send_digests(timezone.now())


@logs.about_its_arguments("bulk_action")
@_with_a_pulse
def work_on_bulk(action_id: int) -> None:
    """Go on with a deed on many parcels for a while; where more is left, queue up again behind what waits."""
    if acting.work(action_id):
        queueing.enqueue(queueing.WORK_ON_BULK, action_id)


@logs.about_its_arguments("replay")
@_with_a_pulse
def work_on_replay(replay_id: int) -> None:
    """Go on with a replay for a while; where more is left, queue up again behind what waits."""
    if replays.work(replay_id, follow=attention.follow_quietly, beat=_beat):
        queueing.enqueue(queueing.WORK_ON_REPLAY, replay_id)


@logs.about_its_arguments("import")
@_with_a_pulse
def work_on_import(import_id: int) -> None:
    """Store rows of an import, as many as one turn allows."""
    importing.work_on(import_id, beat=_beat)


@_with_a_pulse
def resume_imports() -> None:
    """Go on with the imports that a killed worker left."""
    importing.resume(timezone.now())


@_with_a_pulse
def tally_figures() -> None:
    """Bring the figures up to date; where that takes longer than one task may, go on in another."""
    if not cohorts.tally(timezone.now()):
        queueing.enqueue(queueing.TALLY_FIGURES)


@_with_a_pulse
def tell_buyers() -> None:
    """Write to the buyers who wait for news of their parcels; where that takes longer than one task may, go on in another."""
    if not telling.tell_due(timezone.now()):
        queueing.enqueue(queueing.TELL_BUYERS)


@_with_a_pulse
def fetch_proofs() -> None:
    """Fetch the pictures of deliveries that are due."""
    proof.fetch_due(timezone.now())


@_with_a_pulse
def learn_chances() -> None:
    """Learn from the scans of the last weeks how likely news is at which hour; one worker at a time."""
    with queueing.alone(queueing.LEARN_CHANCES) as is_ours:
        if is_ours:
            learned.learn(timezone.now(), beat=_beat)


@_with_a_pulse
def remind_of_keys() -> None:
    """Write to whoever has a key at a carrier's that ends."""
    expiring.remind(timezone.now())


@_with_a_pulse
def move_watches() -> None:
    """Put the watches of suspended merchants away, and bring back those of merchants at work again."""
    if not suspending.move_watches():
        queueing.enqueue(queueing.MOVE_WATCHES)


@logs.about_its_arguments("export")
@_with_a_pulse
def work_on_merchant_export(export_id: int) -> None:
    """Write files of an export of all data of a merchant, as many as one turn allows."""
    exporting_all.work_on(export_id, beat=_beat)


@_with_a_pulse
def resume_merchant_exports() -> None:
    """Go on with the exports that a killed worker left."""
    exporting_all.resume(timezone.now())


@_with_a_pulse
def delete_merchants() -> None:
    """Delete the merchants whose time has come, for a while; by one worker at a time."""
    with queueing.alone(queueing.DELETE_MERCHANTS) as is_ours:
        if is_ours and not deleting.delete_due(timezone.now()):
            queueing.enqueue(queueing.DELETE_MERCHANTS)


@_with_a_pulse
def keep_ages() -> None:
    """Erase what is past its age; where that takes longer than one task may, go on in another. One worker at a time."""
    with queueing.alone(queueing.KEEP_AGES) as is_ours:
        if is_ours and not retention.keep_ages(timezone.now()):
            queueing.enqueue(queueing.KEEP_AGES)


@_with_a_pulse
def erase_buyers() -> None:
    """Erase the data of buyers who have asked for it, as far as one task may; what is left is for the next."""
    with queueing.alone(queueing.ERASE_BUYERS) as is_ours:
        if is_ours and not erasing.work(timezone.now()):
            queueing.enqueue(queueing.ERASE_BUYERS)


@_with_a_pulse
def housekeep() -> None:
    """Forget what has ended or is old, put the tallies together, note how large the tables are, and make the months the
    audit will need.

    By one worker at a time: two would wait for each other's deletions in a ring, and make the same month.
    """
    with queueing.alone(queueing.HOUSEKEEP) as is_ours:
        if not is_ours:
            return
        Throttle.objects.forget_ended(timezone.now())
        Heartbeat.objects.forget_ended(timezone.now())
        queueing.forget_untaken()
        Mail.objects.forget_old(timezone.now())
        SubscriptionRequest.objects.forget_expired(timezone.now())
        Subscription.objects.forget_addresses(timezone.now())
        Alert.objects.forget_old(timezone.now())
        CallCount.objects.forget_old(timezone.now())
        Import.objects.forget_old(timezone.now())
        MerchantExport.objects.forget_old(timezone.now())
        Invitation.objects.forget_ended(timezone.now())
        sign_ins.forget_ended(timezone.now())
        Tally.objects.compact()
        queueing.forget_failures(timezone.now())
        AuditEntry.objects.make_months(timezone.now())
        TableSize.objects.note(timezone.now())
        TableSize.objects.forget_old(timezone.now())
