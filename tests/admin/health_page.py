"""The health page as tests meet it: its addresses, and what it has to tell."""

from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Task

from shipments.models import (
    Mail,
)
from shipments.outbound.mail import post

PAGE, TASKS, MAILS = reverse("admin:health"), reverse("admin:health-tasks"), reverse("admin:health-mails")
MAIL_LIST = reverse("admin:shipments_mail_changelist")
TRACEBACK = """{words} : Traceback (most recent call last):
  File "/srv/app/.venv/lib/python3.11/site-packages/django_q/worker.py", line 104, in worker
    res = f(*task["args"], **task["kwargs"])
  File "/srv/app/shipments/tasks.py", line 96, in send_mail
    mail.send_due(timezone.now())
  File "/srv/app/.venv/lib/python3.11/smtplib.py", line 33, in close
    raise ValueError(text)
{raised}
"""


def a_failure(
    name: str = "send_mail",
    *ids: object,
    raised: str = "ValueError: no",
    at: datetime | None = None,
    **over: Any,
) -> Task:
    number = Task.objects.count()
    at = at or timezone.now()
    return Task.objects.create(
        **{
            "id": f"{number:032d}",
            "name": name,
            "func": f"shipments.tasks.{name}",
            "args": ids,
            "kwargs": {},
            "result": TRACEBACK.format(words="no", raised=raised),
            "started": at - timedelta(seconds=1),
            "stopped": at,
            "success": False,
            **over,
        }
    )


def shown(client: Client) -> str:
    response = client.get(PAGE)
    assert response.status_code == 200
    return response.content.decode()


def a_mail(kind: str = "alert") -> Mail:
    post(to="ada.sample@example.com", kind=kind, subject="Order A-77", text="A secret link")
    return Mail.objects.latest("pk")
