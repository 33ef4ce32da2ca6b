"""What is done on the health page: failed tasks are tried again or forgotten, mails sent or dropped."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Task

from shipments import queueing
from shipments.models import (
    AuditEntry,
    Mail,
)
from shipments.models.notices import DROPPED
from tests.admin.health_page import MAIL_LIST, MAILS, PAGE, TASKS, a_failure, a_mail, shown

pytestmark = pytest.mark.django_db


# ---- The queue ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alive")
def test_failed_tasks_are_put_together_without_what_they_say_of_people(operator: Client) -> None:
    refused = "smtplib.SMTPDataError: (554, 'ada@example.com is unknown')"
    a_failure("send_mail", raised=refused, at=timezone.now() - timedelta(hours=3))
    a_failure("send_mail", raised=refused.replace("ada", "bo"))
    a_failure("work_on_import", 7, raised="KeyError: 'Ada Sample'")

    response = operator.get(PAGE)
    page = response.content.decode()

    alike = response.context["health"].failures
    assert [(one.name, one.words, len(one.keys)) for one in alike] == [
        ("work_on_import", "KeyError: '•••'", 1),
        ("send_mail", "SMTPDataError: (554, '•••')", 2),
    ]
    assert "3 tasks failed within a week." in page
    assert "shipments/tasks.py:96" in page
    for hidden in ("ada@", "bo@", "Ada Sample", "Traceback", "/srv/app"):
        assert hidden not in page


def test_failed_tasks_are_tried_again_each_once_and_written_down(
    operator: Client, django_capture_on_commit_callbacks: Any
) -> None:
    same = [a_failure("work_on_import", 7) for _n in range(3)]
    other = a_failure("work_on_import", 8)
    left = a_failure("send_mail")

    with django_capture_on_commit_callbacks(execute=True):
        response = operator.post(
            TASKS, {"task": [failed.pk for failed in (*same, other)], "do": "retry"}, follow=True
        )

    assert "2 tasks are tried again." in response.content.decode()
    assert sorted((queued.task["func"], queued.task["args"]) for queued in OrmQ.objects.all()) == [
        ("shipments.tasks.work_on_import", (7,)),
        ("shipments.tasks.work_on_import", (8,)),
    ]
    assert [failed.pk for failed in Task.objects.all()] == [left.pk]
    written = AuditEntry.objects.filter(verb="tried again").order_by("pk")
    assert [(entry.model, entry.source, entry.after["ids"]) for entry in written] == [
        ("django_q.Failure", "admin", "7"),
        ("django_q.Failure", "admin", "8"),
    ]


@pytest.mark.parametrize(
    "over",
    [
        {"func": "os.system", "args": ("true",)},
        {"func": "shipments.tasks.gone"},
        {"func": "elsewhere.tasks.send_mail"},
        {"args": ({"not": "an id"},)},
        {"kwargs": {"only_for": "host-1"}},
    ],
)
def test_what_is_none_of_our_tasks_is_never_queued(
    operator: Client, over: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    failed = a_failure(**over)
    assert "None of our tasks" in shown(operator)

    with django_capture_on_commit_callbacks(execute=True):
        operator.post(TASKS, {"task": failed.pk, "do": "retry"})

    assert not OrmQ.objects.exists()
    assert Task.objects.get().pk == failed.pk


def test_a_failure_is_forgotten(operator: Client) -> None:
    failed, left = a_failure(), a_failure("sweep")

    response = operator.post(TASKS, {"task": failed.pk, "do": "forget"}, follow=True)

    assert "1 failed task is forgotten." in response.content.decode()
    assert Task.objects.get().pk == left.pk
    assert AuditEntry.objects.get(verb="forgotten").row == failed.pk


@pytest.mark.parametrize(
    "asked", [{}, {"do": "explode"}, {"do": "retry", "task": "0' OR 1=1"}, {"do": "forget", "task": "9" * 99}]
)
def test_senseless_requests_do_nothing_and_say_so(operator: Client, asked: dict[str, str]) -> None:
    failed = a_failure()

    page = operator.post(TASKS, asked, follow=True).content.decode()

    assert "Nothing was" in page
    assert Task.objects.get().pk == failed.pk


def test_only_so_many_failures_are_read(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "MOST_FAILURES", 3)
    for n in range(5):
        a_failure("sweep", at=timezone.now() - timedelta(minutes=n))

    response = operator.get(PAGE)

    assert [len(one.keys) for one in response.context["health"].failures] == [3]
    assert response.context["health"].failures_count == 5
    assert "Put together from the newest 3 of 5." in response.content.decode()


# ---- Mails -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alive")
def test_mails_in_arrears_are_counted_by_kind_without_addresses(operator: Client) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    for mail in (a_mail(), a_mail()):
        mail.note_failure("SMTPDataError 451 4.7.1", timezone.now())
        Mail.objects.filter(pk=mail.pk).update(made_at=an_hour_ago)
    a_mail("digest").note_refusal("SMTPRecipientsRefused 550 5.1.1")
    a_mail("digest").note_sent(timezone.now())
    a_mail("digest")

    response = operator.get(PAGE)
    page = response.content.decode()

    assert [
        (kind.kind, kind.in_arrears, kind.given_up, kind.error) for kind in response.context["health"].mails
    ] == [
        ("alert", 2, 0, "SMTPDataError 451 4.7.1"),
        ("digest", 0, 1, "SMTPRecipientsRefused 550 5.1.1"),
    ]
    assert "2 mails wait after an error, the first of them for 1 h: SMTPDataError 451 4.7.1" in page
    assert "1 mail was given up within a week." in page
    for hidden in ("ada", "A-77", "secret link"):
        assert hidden not in page


def test_what_waits_after_an_error_is_tried_now_but_not_what_somebody_may_be_sending(
    operator: Client, django_capture_on_commit_callbacks: Any
) -> None:
    now = timezone.now()
    waits, leased, untried, given_up = a_mail(), a_mail(), a_mail(), a_mail()
    in_an_hour, in_four_minutes = now + timedelta(hours=1), now + timedelta(minutes=4)
    Mail.objects.filter(pk=waits.pk).update(error="SMTPDataError 451", due_at=in_an_hour)
    Mail.objects.filter(pk=leased.pk).update(error="SMTPDataError 451", due_at=in_four_minutes)
    Mail.objects.filter(pk=untried.pk).update(due_at=in_an_hour)
    given_up.note_refusal("SMTPRecipientsRefused 550")

    with django_capture_on_commit_callbacks(execute=True):
        response = operator.post(MAILS, follow=True)

    assert "1 mail is tried again." in response.content.decode()
    due = dict(Mail.objects.values_list("pk", "due_at"))
    brought_forward = due[waits.pk]
    assert brought_forward is not None
    assert now <= brought_forward <= timezone.now()
    assert (due[leased.pk], due[untried.pk], due[given_up.pk]) == (in_four_minutes, in_an_hour, None)
    assert [queued.task["func"] for queued in OrmQ.objects.all()] == ["shipments.tasks.send_mail"]
    assert AuditEntry.objects.get(verb="tried again").after == {"mails": 1}


@pytest.mark.parametrize(
    ("do", "said", "verb"),
    [("send", "2 mails are sent.", "sent again"), ("drop", "2 mails are dropped.", "dropped")],
)
@pytest.mark.usefixtures("alive")
def test_what_a_restored_backup_brought_back_is_held_until_it_is_sent_or_dropped(
    operator: Client, do: str, said: str, verb: str
) -> None:
    held = [a_mail(), a_mail()]
    # However old the copy is.
    Mail.objects.update(made_at=timezone.now() - timedelta(days=30))
    assert Mail.objects.hold() == 2
    given_up = a_mail("digest")
    given_up.note_refusal("SMTPRecipientsRefused 550")

    response = operator.get(PAGE)
    page = response.content.decode()
    assert "2 mails came back with a restored backup and are held." in page
    assert "1 mail was given up within a week." in page
    assert [(kind.kind, kind.given_up, kind.held) for kind in response.context["health"].mails] == [
        ("alert", 0, 2),
        ("digest", 1, 0),
    ]
    assert operator.get(f"{MAIL_LIST}?state=held").context["cl"].result_count == 2

    response = operator.post(MAILS, {"do": do}, follow=True)

    assert said in response.content.decode()
    assert "held" not in response.content.decode()
    kept = Mail.objects.filter(pk__in=[mail.pk for mail in held]).values_list("due_at", "to", "error")
    if do == "send":
        assert {(due is not None, to, error) for due, to, error in kept} == {
            (True, "ada.sample@example.com", "")
        }
    else:
        assert set(kept) == {(None, "", DROPPED)}
    given_up.refresh_from_db()
    assert given_up.due_at is None
    assert AuditEntry.objects.get(verb=verb).after == {"mails": 2}
    assert "None is held any more" in operator.post(MAILS, {"do": do}, follow=True).content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_try_the_same_task_again_one_does() -> None:
    failed = a_failure("work_on_import", 7)
    ready = threading.Barrier(2)

    def again() -> int:
        ready.wait()
        try:
            return len(queueing.retry_failures([failed.pk]))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        counts = [one.result() for one in [threads.submit(again) for _n in range(2)]]

    assert sorted(counts) == [0, 1]
    assert OrmQ.objects.count() == 1
