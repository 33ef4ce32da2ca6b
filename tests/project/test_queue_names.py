"""Whatever may be queued exists, and nothing else can be queued."""

import inspect

import pytest
from django.db import transaction
from django_q.models import OrmQ, Schedule

from shipments import queueing, tasks


def test_every_name_that_may_be_queued_is_a_task_and_the_other_way_round():
    public = {
        name
        for name, member in inspect.getmembers(tasks, inspect.isfunction)
        if member.__module__ == tasks.__name__ and not name.startswith("_")
    }
    assert public == queueing.TASKS
    assert set(queueing.SCHEDULES) <= queueing.TASKS


@pytest.mark.django_db
def test_a_name_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="'swep' is not a task"):
        queueing.enqueue("swep")
    assert not OrmQ.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_nudge_belongs_to_its_transaction():
    with transaction.atomic():
        queueing.enqueue(queueing.SWEEP)
        transaction.set_rollback(True)
    assert queueing.waiting() == 0
    queueing.enqueue(queueing.TEST_ACCOUNT, 7)
    assert queueing.waiting() == 1
    task = OrmQ.objects.get().task
    assert (task["func"], task["args"]) == ("shipments.tasks.test_account", (7,))


@pytest.mark.django_db
def test_schedules_are_made_once_and_what_is_ours_and_old_or_double_is_dropped():
    Schedule.objects.create(name="gone", func="shipments.tasks.gone")
    Schedule.objects.create(name="sweep", func="shipments.tasks.sweep", minutes=7)
    Schedule.objects.create(name="sweep", func="shipments.tasks.sweep", minutes=9)
    Schedule.objects.create(name="operators own", func="reports.weekly", minutes=5)
    queueing.create_schedules()
    queueing.create_schedules()
    assert list(Schedule.objects.order_by("name").values_list("name", "func", "minutes")) == [
        ("delete_merchants", "shipments.tasks.delete_merchants", 10),
        ("erase_buyers", "shipments.tasks.erase_buyers", 5),
        ("fetch_proofs", "shipments.tasks.fetch_proofs", 1),
        ("housekeep", "shipments.tasks.housekeep", 60),
        ("keep_ages", "shipments.tasks.keep_ages", 60),
        ("learn_chances", "shipments.tasks.learn_chances", 1440),
        ("move_watches", "shipments.tasks.move_watches", 1),
        ("operators own", "reports.weekly", 5),
        ("remind_of_keys", "shipments.tasks.remind_of_keys", 60),
        ("resume_imports", "shipments.tasks.resume_imports", 1),
        ("resume_merchant_exports", "shipments.tasks.resume_merchant_exports", 1),
        ("review_attention", "shipments.tasks.review_attention", 5),
        ("send_alerts", "shipments.tasks.send_alerts", 1),
        ("send_digests", "shipments.tasks.send_digests", 5),
        ("send_mail", "shipments.tasks.send_mail", 1),
        ("sweep", "shipments.tasks.sweep", 1),
        ("tally_figures", "shipments.tasks.tally_figures", 10),
        ("tell_buyers", "shipments.tasks.tell_buyers", 1),
    ]
