"""Mails by the queue, against a real mail server on loopback."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django.fixtures import Settings

from shipments.models import Mail, Merchant
from shipments.models.notices import FIRST_RETRY, KEPT, LONGEST_WAIT, MOST_TRIES
from shipments.outbound import mail as outbound
from shipments.outbound.mail import LEASE, post, send_due
from tests.factories import free_port
from tests.outbound.conftest import MailServer

pytestmark = pytest.mark.django_db


def write(*addresses: str, **over: Any) -> list[Mail]:
    """Mails to these, due one after another."""
    now = timezone.now()
    for address in addresses:
        post(to=address, kind="test", subject="News", text="Good news.", **over)
    mails = list(Mail.objects.order_by("pk"))
    for at, one in enumerate(mails):
        Mail.objects.filter(pk=one.pk).update(due_at=now - timedelta(seconds=60 - at))
    return mails


def state(one: Mail) -> tuple[bool, int, str]:
    """Whether it is out, how often it was tried and refused, and why."""
    one.refresh_from_db()
    return one.sent_at is not None, one.tries, one.error


def waits(one: Mail, now: datetime) -> timedelta | None:
    """How long it waits from `now` on, to the minute, for the sending itself takes its seconds; None when it is over."""
    one.refresh_from_db()
    return None if one.due_at is None else timedelta(minutes=round((one.due_at - now) / timedelta(minutes=1)))


# ---- What is sent


def test_a_mail_goes_out_whole_and_what_it_said_is_forgotten(
    mail_server: MailServer, settings: Settings, merchant: Merchant
) -> None:
    settings.SITE_URL, settings.DEFAULT_FROM_EMAIL = "https://tracker.example", "tracking@shop.example"
    post(
        to="alice@example.com",
        kind="test",
        subject="Paquete 9405… está de vuelta: ¿qué hacer? 📦",
        text="Grüße,\nsiehe unten.\n",
        html="<p>Grüße</p>",
        merchant=merchant,
        unsubscribe_url="https://tracker.example/app/alpine/settings/alerts/",
    )

    assert send_due(timezone.now()) == 1

    ((to, message),) = mail_server.taken
    assert to == message["To"] == "alice@example.com"
    assert message["From"] == "tracking@shop.example"
    # Where it was folded for its length a blank stands before it.
    assert message["Subject"].strip() == "Paquete 9405… está de vuelta: ¿qué hacer? 📦"
    assert message["List-Unsubscribe"] == "<https://tracker.example/app/alpine/settings/alerts/>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@tracker.example>")
    text, html = message.iter_parts()
    assert (text.get_content_type(), text.get_content()) == ("text/plain", "Grüße,\r\nsiehe unten.\r\n")
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", "<p>Grüße</p>")
    mail = Mail.objects.get()
    assert (mail.text, mail.html, mail.due_at, mail.tries, mail.error) == ("", "", None, 0, "")


@pytest.mark.parametrize(
    "subject",
    [
        "News\r\nBcc: eve@example.com",
        "News\nBcc: eve@example.com",
        "News\x0bBcc: eve@example.com",
        "News\u2028Bcc: eve@example.com",
        "News\x00Bcc: eve@example.com",
        "News\x85Bcc: eve@example.com",
    ],
)
def test_a_subject_cannot_begin_a_header(mail_server: MailServer, subject: str) -> None:
    post(to="alice@example.com", kind="test", subject=subject, text="Good news.")

    send_due(timezone.now())

    ((to, message),) = mail_server.taken
    assert (to, message["Subject"], message["Bcc"]) == (
        "alice@example.com",
        "News Bcc: eve@example.com",
        None,
    )


@pytest.mark.parametrize(
    "address", ["alice@example.com\r\nBcc: eve@example.com", "alice@", "alice@exam ple.com"]
)
def test_an_address_that_is_none_is_given_up_and_costs_no_other_mail(
    mail_server: MailServer, address: str
) -> None:
    bad, good = write(address, "bob@example.com")

    assert send_due(timezone.now()) == 1

    assert mail_server.recipients == ["bob@example.com"]
    sent, tries, error = state(bad)
    assert (sent, tries, bad.due_at) == (False, 1, None)
    assert error != ""
    assert state(good) == (True, 0, "")


def test_an_address_of_another_alphabet_is_reached(mail_server: MailServer) -> None:
    (one,) = write("alice@bücher.example")

    send_due(timezone.now())

    assert mail_server.recipients == ["alice@xn--bcher-kva.example"]
    assert state(one) == (True, 0, "")


def test_the_same_news_is_written_once(merchant: Merchant) -> None:
    first = post(to="alice@example.com", kind="test", subject="News", text="1", key="the-news")
    second = post(to="alice@example.com", kind="test", subject="News", text="2", key="the-news")

    assert (first, second) == (True, False)
    assert Mail.objects.get().text == "1"


def test_what_a_mail_says_is_ciphertext_in_the_database() -> None:
    post(to="alice@example.com", kind="test", subject="News", text="a secret link", html="<a>secret</a>")

    with connection.cursor() as cursor:
        cursor.execute("SELECT text, html FROM shipments_mail")
        (text, html) = cursor.fetchone()
    assert "secret" not in text + html


# ---- One connection


def test_a_batch_goes_through_one_connection(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "BATCH", 3)
    write(*(f"person{at}@example.com" for at in range(7)))

    assert send_due(timezone.now()) == 7

    assert mail_server.connections == 3
    assert mail_server.recipients == [f"person{at}@example.com" for at in range(7)]


def test_who_is_due_first_goes_first(mail_server: MailServer) -> None:
    write("alice@example.com", "bob@example.com")
    post(to="mary@example.com", kind="test", subject="News", text="Urgent.", is_urgent=True)

    send_due(timezone.now())

    assert mail_server.recipients == ["mary@example.com", "alice@example.com", "bob@example.com"]


# ---- What a server refuses


def test_a_temporary_refusal_is_tried_again_after_growing_pauses_and_then_given_up(
    mail_server: MailServer,
) -> None:
    mail_server.at_recipient = lambda _address: "451 4.7.1 Greylisted, come back later"
    (one,) = write("alice@example.com")
    now = timezone.now()
    pauses = []
    while True:
        send_due(now)
        pause = waits(one, now)
        if pause is None:
            break
        pauses.append(int(pause.total_seconds() // 60))
        now += pause + timedelta(seconds=5)

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, *[240] * 9]
    assert state(one) == (False, MOST_TRIES, "SMTPRecipientsRefused 451 4.7.1")
    assert one.text == "Good news."


def test_before_its_pause_is_over_a_mail_is_left_alone(mail_server: MailServer) -> None:
    mail_server.at_data = lambda _address: "452 4.3.1 Disk full"
    (one,) = write("alice@example.com")
    now = timezone.now()
    send_due(now)

    send_due(now + FIRST_RETRY - timedelta(seconds=5))
    assert state(one) == (False, 1, "SMTPDataError 452 4.3.1")

    mail_server.at_data = lambda _address: "250 OK"
    assert send_due(now + FIRST_RETRY + timedelta(seconds=5)) == 1
    assert state(one) == (True, 1, "")


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        ("at_recipient", "550 5.1.1 <alice@example.com>: no such user", "SMTPRecipientsRefused 550 5.1.1"),
        ("at_recipient", "553 alice@example.com is not here", "SMTPRecipientsRefused 553"),
        ("at_data", "554 5.7.1 Looks like spam", "SMTPDataError 554 5.7.1"),
        ("at_sender", "552 5.3.4 Too large", "SMTPSenderRefused 552 5.3.4"),
    ],
)
def test_a_final_refusal_is_given_up_at_once_and_the_others_go(
    mail_server: MailServer, command: str, answer: str, error: str
) -> None:
    refused, other = write("alice@example.com", "bob@example.com")
    answers = iter([answer])
    setattr(mail_server, command, lambda _address: next(answers, "250 OK"))

    assert send_due(timezone.now()) == 1

    assert state(refused) == (False, 1, error)
    assert (refused.due_at, refused.text) == (None, "Good news.")
    assert state(other) == (True, 0, "")
    assert mail_server.connections == 1


def test_no_address_and_no_word_of_the_server_is_logged(
    mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.at_recipient = lambda address: f"550 5.1.1 <{address}>: no such user"
    (one,) = write("alice@example.com")

    with caplog.at_level(logging.DEBUG):
        send_due(timezone.now())

    said = [record.getMessage() for record in caplog.records if record.name.startswith("shipments")]
    assert said == [f"Mail {one.pk} could not be sent: SMTPRecipientsRefused 550 5.1.1"]
    assert "alice" not in caplog.text
    assert "no such user" not in caplog.text


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("530 5.7.0 Authentication required", "SMTPSenderRefused 530 5.7.0"),
        ("450 4.7.1 Too many mails", "SMTPSenderRefused 450 4.7.1"),
    ],
)
def test_when_our_sender_is_refused_all_wait_and_none_is_blamed(
    mail_server: MailServer, answer: str, error: str
) -> None:
    mails = write("alice@example.com", "bob@example.com", "mary@example.com")
    mail_server.at_sender = lambda _address: answer
    now = timezone.now()

    assert send_due(now) == 0

    assert [state(one) for one in mails] == [(False, 0, error)] * 3
    assert [waits(one, now) for one in mails] == [FIRST_RETRY] * 3
    mail_server.at_sender = lambda _address: "250 OK"
    assert send_due(now + FIRST_RETRY + timedelta(seconds=5)) == 3


# ---- No server


def test_without_a_server_all_wait_untried_and_one_connection_is_tried_a_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    monkeypatch.setattr(outbound, "BATCH", 2)
    mails = write(*(f"person{at}@example.com" for at in range(5)))
    now = timezone.now()

    assert send_due(now) == 0

    assert [state(one) for one in mails] == [
        *[(False, 0, "ConnectionRefusedError")] * 2,
        *[(False, 0, "")] * 3,
    ]
    assert [waits(one, now) for one in mails[:2]] == [FIRST_RETRY] * 2
    assert len([record for record in caplog.records if record.name == "shipments.outbound.mail"]) == 1


def test_what_could_not_be_tried_for_days_is_given_up(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    old, new = write("alice@example.com", "bob@example.com")
    now = timezone.now()
    Mail.objects.filter(pk=old.pk).update(made_at=now - LONGEST_WAIT - timedelta(minutes=1))

    send_due(now)

    assert waits(old, now) is None
    assert waits(new, now) == FIRST_RETRY


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_server_that_says_nothing_is_left_after_the_time_out(settings: Settings, silent_port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", silent_port, 0.3
    mails = write("alice@example.com", "bob@example.com")
    begun, now = time.monotonic(), timezone.now()

    assert send_due(now) == 0

    # Not one whole time-out of ten seconds, as it is outside of tests.
    assert time.monotonic() - begun < 10
    assert [state(one) for one in mails] == [(False, 0, "TimeoutError")] * 2


def test_a_server_that_falls_silent_at_a_mail_costs_that_mail_a_try_and_the_others_a_minute(
    mail_server: MailServer, settings: Settings
) -> None:
    # Long enough for the first mail on a busy machine.
    settings.EMAIL_TIMEOUT = 1.5
    first, second, third = write("alice@example.com", "bob@example.com", "mary@example.com")

    def falls_silent(address: str) -> str:
        mail_server.thinks = 30 if address == "bob@example.com" else 0
        return "250 OK"

    mail_server.at_recipient = falls_silent
    begun, now = time.monotonic(), timezone.now()

    assert send_due(now) == 1

    assert time.monotonic() - begun < 15
    assert state(first) == (True, 0, "")
    assert state(second) == (False, 1, "TimeoutError")
    assert state(third) == (False, 0, "TimeoutError")
    assert (waits(second, now), waits(third, now)) == (FIRST_RETRY, FIRST_RETRY)


def test_a_server_that_dies_at_one_mail_gets_the_rest_through_a_new_connection(
    mail_server: MailServer,
) -> None:
    first, second, third = write("alice@example.com", "bob@example.com", "mary@example.com")
    mail_server.at_data = lambda address: None if address == "bob@example.com" else "250 OK"

    assert send_due(timezone.now()) == 2

    assert mail_server.recipients == ["alice@example.com", "mary@example.com"]
    assert state(second) == (False, 1, "SMTPServerDisconnected")
    assert state(first) == state(third) == (True, 0, "")
    assert mail_server.connections == 2


def test_a_server_that_dies_at_every_mail_is_left_alone_after_three(mail_server: MailServer) -> None:
    mails = write(*(f"person{at}@example.com" for at in range(6)))
    mail_server.at_sender = lambda _address: None

    assert send_due(timezone.now()) == 0

    assert [one.tries for one in Mail.objects.order_by("pk")] == [1, 1, 1, 0, 0, 0]
    assert mail_server.connections == 3
    assert {state(one)[2] for one in mails} == {"SMTPServerDisconnected"}


def test_a_run_ends_before_the_queue_would_end_it_and_another_goes_on(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "LONGEST_RUN", timedelta(seconds=0.2))
    mail_server.thinks = 0.25
    mails = write("alice@example.com", "bob@example.com", "mary@example.com")
    now = timezone.now()

    with transaction.atomic():
        assert send_due(now) == 1

    assert [state(one) for one in mails] == [(True, 0, ""), (False, 0, ""), (False, 0, "")]
    assert send_due(timezone.now()) == 1


# ---- Many senders


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_no_mail_twice(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "BATCH", 4)
    mail_server.thinks = 0.01
    addresses = [f"person{at}@example.com" for at in range(20)]
    write(*addresses)
    sent = []
    start = threading.Barrier(4)

    def sender() -> None:
        start.wait()
        sent.append(send_due(timezone.now()))
        connections.close_all()

    senders = [threading.Thread(target=sender) for _ in range(4)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()

    assert sorted(mail_server.recipients) == sorted(addresses)
    assert sum(sent) == 20
    assert len([count for count in sent if count]) > 1


def test_while_one_has_the_lease_no_other_sends_and_after_it_another_does(mail_server: MailServer) -> None:
    (one,) = write("alice@example.com")
    now = timezone.now()
    # A worker that was killed right after it had leased the mail.
    outbound._Run(now).lease()

    assert send_due(now) == 0
    assert send_due(now + LEASE - timedelta(seconds=5)) == 0
    assert send_due(now + LEASE + timedelta(seconds=5)) == 1
    assert state(one) == (True, 0, "")


def test_who_has_lost_the_lease_does_not_send(mail_server: MailServer) -> None:
    write("alice@example.com")
    now = timezone.now()
    slow = outbound._Run(now)
    batch = slow.lease()

    assert send_due(now + LEASE + timedelta(seconds=5)) == 1
    slow.send(batch)

    assert mail_server.recipients == ["alice@example.com"]
    assert slow.sent == 0


def test_a_mail_whose_key_is_gone_costs_no_other_mail(mail_server: MailServer, settings: Settings) -> None:
    (locked,) = write("alice@example.com")
    old_keys = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = ["bWFkZS11cC1mb3ItdGhlLWNoZWNrLTMyLWJ5dGVzLi4="]
    post(to="bob@example.com", kind="test", subject="News", text="Good news.")
    now = timezone.now()

    assert send_due(now) == 1

    assert mail_server.recipients == ["bob@example.com"]
    settings.CREDENTIAL_KEYS = old_keys
    assert state(locked) == (False, 1, "WrongKeyRing")
    assert send_due(now + FIRST_RETRY + timedelta(seconds=5)) == 1


# ---- Afterwards


def test_one_that_was_given_up_can_be_begun_anew_and_no_other(mail_server: MailServer) -> None:
    mail_server.at_recipient = lambda _address: "550 5.1.1 No such user"
    (one,) = write("alice@example.com")
    send_due(timezone.now())
    one.refresh_from_db()
    mail_server.at_recipient = lambda _address: "250 OK"

    assert one.send_again(timezone.now()) is True
    assert one.send_again(timezone.now()) is False

    assert send_due(timezone.now()) == 1
    assert one.send_again(timezone.now()) is False


def test_mails_that_are_over_are_forgotten_after_three_months(mail_server: MailServer) -> None:
    sent, recent, waiting = write("alice@example.com", "bob@example.com", "mary@example.com")
    now = timezone.now()
    mail_server.at_recipient = lambda address: "451 Later" if address == "mary@example.com" else "250 OK"
    send_due(now)
    Mail.objects.filter(pk__in=[sent.pk, waiting.pk]).update(made_at=now - KEPT - timedelta(days=1))

    assert Mail.objects.forget_old(now) == 1

    assert list(Mail.objects.order_by("pk")) == [recent, waiting]


@pytest.mark.django_db(transaction=True)
def test_a_mail_belongs_to_the_transaction_of_its_deed() -> None:
    with transaction.atomic():
        post(to="alice@example.com", kind="test", subject="News", text="Good news.")
        transaction.set_rollback(True)
    assert (Mail.objects.count(), OrmQ.objects.count()) == (0, 0)

    post(to="alice@example.com", kind="test", subject="News", text="Good news.")
    assert OrmQ.objects.get().task["func"] == "shipments.tasks.send_mail"
