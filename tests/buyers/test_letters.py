"""What mails to buyers say, as a mail program gets them: sent to a real server and taken apart again."""

import re
from datetime import timedelta
from email import message_from_string
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from shipments.buyers import subscribing
from shipments.buyers.letters import WIDTH, plain
from shipments.buyers.telling import tell_due
from shipments.enums import Sight, Wants
from shipments.models import Mail, PrivateLink, Shipment, Subscription
from shipments.models.subscriptions import ADDRESS_KEPT, Consent
from shipments.outbound.mail import send_due
from tests.buyers.parcels import (
    ARRIVED,
    ATTEMPT,
    NOW,
    NUMBER,
    OUT,
    a_parcel,
    asked,
    link_in,
    news,
    subscribed,
)
from tests.factories import a_shipment
from tests.outbound.conftest import MailServer

pytestmark = pytest.mark.django_db

SITE = "http://localhost:8000"


def delivered(server: MailServer) -> EmailMessage:
    """The one mail that arrived since the last time."""
    send_due(timezone.now() + timedelta(minutes=1))
    ((_address, message),) = server.taken
    server.taken.clear()
    return message


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def header(message: EmailMessage, name: str) -> str:
    """A header as mail programs read it: one that was folded begins with the blank of its second line."""
    return str(message[name]).strip()


def lines_are_short(text: str) -> bool:
    return all(len(line) <= WIDTH or "://" in line for line in text.split("\n"))


def test_the_mail_to_confirm_has_one_link_says_what_for_and_until_when(mail_server: MailServer) -> None:
    request = asked(a_parcel(), Wants.BOTH)

    message = delivered(mail_server)

    assert header(message, "Subject") == f"Please confirm: mails about USPS parcel {NUMBER}"
    assert message["To"] == "robin@example.com"
    assert message["List-Unsubscribe"] is None
    text = part(message, "plain")
    assert link_in(text, "/mail/confirm/") == request.token
    assert text.count("://") == 1
    assert lines_are_short(text)
    for body in (" ".join(text.split()), " ".join(part(message, "html").split())):
        assert (
            "one mail with all that has happened so far, and one whenever there is news from now on" in body
        )
        assert "The link works for 48 hours." in body
        assert "If it was not you, do nothing: nothing more will be sent" in body
    assert set(re.findall(r'href="([^"]+)"', part(message, "html"))) == {
        f"{SITE}/mail/confirm/{request.token}"
    }


def test_the_mail_to_confirm_tells_a_stranger_nothing_of_the_parcel(mail_server: MailServer) -> None:
    parcel = a_parcel(OUT, recipient_name="Jane Recipient", order_number="ORDER-1001")
    link = PrivateLink.objects.make(parcel)
    asked(parcel, sight=Sight.PRIVATE_LINK, link=link)

    whole = delivered(mail_server).as_string()

    for hidden in (link.token, parcel.merchant.name, "Jane", "ORDER-1001", "Out for", "Olney", "20832"):
        assert hidden not in whole


def test_news_is_a_sentence_what_to_do_and_a_link_and_ends_by_one_click(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Parcel desk <tracking@shop.example>"
    parcel = subscribed(a_parcel()).shipment
    news(parcel, ATTEMPT, now=NOW + timedelta(hours=4))
    tell_due(NOW + timedelta(hours=4))

    message = delivered(mail_server)

    text = part(message, "plain")
    assert lines_are_short(text)
    token = link_in(text, "/mail/stop/")
    assert Subscription.objects.with_stop_token(token) == Subscription.objects.get()
    assert header(message, "Subject") == "Delivery attempted: USPS parcel …8490"
    assert header(message, "List-Unsubscribe") == f"<{SITE}/mail/stop/{token}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["From"] == "Parcel desk <tracking@shop.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert text == (
        "The carrier tried to deliver on Friday, 6 March, 1:10 pm, in Olney, MD, and\n"
        "could not.\n"
        "\n"
        "What to do: Look for a notice at the door, or ask USPS when it will come\n"
        "again.\n"
        "\n"
        f"USPS {NUMBER}\n"
        "\n"
        "Follow the parcel:\n"
        f"{SITE}/track/{NUMBER}\n"
        "\n"
        "-- \n"
        "You get this because you asked for it on 6 March, for this parcel only. Your\n"
        "address is deleted 30 days after the last news.\n"
        "Stop these mails:\n"
        f"{SITE}/mail/stop/{token}\n"
    )
    html = part(message, "html")
    assert set(re.findall(r'href="([^"]+)"', html)) == {f"{SITE}/track/{NUMBER}", f"{SITE}/mail/stop/{token}"}
    assert "<img" not in html
    assert "<script" not in html


def test_what_has_happened_so_far_stands_by_day_on_the_clock_of_each_place(mail_server: MailServer) -> None:
    subscribed(a_parcel(), Wants.BOTH, sight=Sight.POSTAL_CODE)

    message = delivered(mail_server)

    text = part(message, "plain")
    assert header(message, "Subject") == "So far: USPS parcel …8490"
    assert lines_are_short(text)
    assert (
        "\nMonday, 2 March\n"
        "  5:40 pm (Mountain Time): With the carrier, Denver, CO 80202\n"
        "    “USPS in possession of item”\n"
        "  9:15 am: Label created, Denver, CO 80202\n"
        "    “Shipping Label Created, USPS Awaiting Item”\n"
    ) in text
    html = part(message, "html")
    for said in ("Monday, 2 March", "5:40 pm", "Denver, CO 80202", "“USPS in possession of item”"):
        assert said in html


def test_the_mail_of_a_parcel_without_scans_says_so(mail_server: MailServer) -> None:
    subscribed(a_shipment(number=NUMBER), Wants.SO_FAR)

    message = delivered(mail_server)

    assert "\nThere are no scans yet.\n" in part(message, "plain")
    # Nothing more comes, so there is nothing to stop.
    assert message["List-Unsubscribe"] is None
    assert "/mail/stop/" not in message.as_string()


# ---- As far as the asker could see ---------------------------------------------------------------------------------

PARTS = {"front door or porch": Sight.POSTAL_CODE, "Mountain Hut": Sight.PRIVATE_LINK}


def a_secretive_parcel() -> Shipment:
    parcel = a_parcel(recipient_name="Jane Recipient", order_number="ORDER-1001")
    parcel.merchant.name = "Mountain Hut"
    parcel.merchant.save()
    return parcel


@pytest.mark.parametrize("sight", [Sight.NUMBER, Sight.POSTAL_CODE, Sight.PRIVATE_LINK])
def test_a_mail_tells_no_more_than_its_reader_could_see_when_asking(
    mail_server: MailServer, sight: Sight
) -> None:
    parcel = a_secretive_parcel()
    link = PrivateLink.objects.make(parcel) if sight == Sight.PRIVATE_LINK else None
    subscribed(parcel, sight=sight, link=link)
    news(
        parcel, ARRIVED, now=NOW + timedelta(hours=5),
        delivery_description="Delivered, Front Door/Porch", signed_by="R EXAMPLE",
    )  # fmt: skip
    tell_due(NOW + timedelta(hours=5))

    message = delivered(mail_server)

    whole = " ".join(
        (str(message["From"]), str(message["Subject"]), part(message, "plain"), part(message, "html"))
    )
    whole = " ".join(whole.split())
    assert {said for said in PARTS if said in whole} == {said for said in PARTS if sight >= PARTS[said]}
    for hidden in ("Jane", "ORDER-1001", "R EXAMPLE", "20832"):
        assert hidden not in whole
    page = link.get_absolute_url() if link else f"/track/{NUMBER}"
    assert f"\n{SITE}{page}\n" in part(message, "plain")


@pytest.mark.parametrize("sight", [Sight.NUMBER, Sight.POSTAL_CODE, Sight.PRIVATE_LINK])
def test_so_far_tells_the_carriers_words_and_postal_codes_to_who_knew_the_destination(
    mail_server: MailServer, sight: Sight
) -> None:
    parcel = a_secretive_parcel()
    link = PrivateLink.objects.make(parcel) if sight == Sight.PRIVATE_LINK else None
    subscribed(parcel, Wants.SO_FAR, sight=sight, link=link)

    message = delivered(mail_server)

    for kind in ("plain", "html"):
        body = part(message, kind)
        assert "Denver, CO" in body
        for hidden in ("80202", "USPS in possession of item"):
            assert (hidden in body) is (sight >= Sight.POSTAL_CODE)


def test_a_private_link_that_was_revoked_opens_nothing_in_later_mails(mail_server: MailServer) -> None:
    parcel = a_secretive_parcel()
    link = PrivateLink.objects.make(parcel)
    subscribed(parcel, sight=Sight.PRIVATE_LINK, link=link)
    link.revoke(NOW + timedelta(hours=1))
    news(parcel, ARRIVED, now=NOW + timedelta(hours=5), delivery_description="Delivered, Front Door/Porch")
    tell_due(NOW + timedelta(hours=5))

    whole = delivered(mail_server).as_string()

    assert link.token not in whole
    for hidden in PARTS:
        assert hidden not in whole


# ---- Whose mail it is ----------------------------------------------------------------------------------------------


def consented(parcel: Shipment, email: str = "robin@example.com") -> Subscription:
    Subscription.objects.subscribe_with_consent(
        parcel.merchant, [Consent(parcel.pk, email, "yes", "orders.csv, row 2")], by_id=None, now=NOW
    )
    return Subscription.objects.get(email=email)


def test_whom_a_merchant_has_subscribed_is_told_by_whom_and_why(
    mail_server: MailServer, settings: Settings
) -> None:
    settings.DEFAULT_FROM_EMAIL = "Parcel desk <tracking@shop.example>"
    parcel = a_secretive_parcel()
    consented(parcel)
    news(parcel, OUT, now=NOW + timedelta(minutes=30))
    Subscription.objects.update(due_at=NOW + timedelta(minutes=30), news_after=NOW - timedelta(days=1))
    tell_due(NOW + timedelta(minutes=30))

    message = delivered(mail_server)

    assert message["From"] == "Mountain Hut via Parcel desk <tracking@shop.example>"
    assert header(message, "Subject") == "Out for delivery: parcel from Mountain Hut (USPS …8490)"
    why = "You get this because Mountain Hut sent you this parcel, and noted on 6 March that you agreed to these mails."
    for kind in ("plain", "html"):
        assert why in " ".join(part(message, kind).split())
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "name",
    [
        "Evil\r\nBcc: all@example.com",
        'Quote" <thief@example.net>',
        "Comma, Semicolon; <b>bold</b>",
        "Ñandú & Söhne 📦",
        "x" * 200,
    ],
)
def test_a_merchants_name_is_a_name_whatever_stands_in_it(mail_server: MailServer, name: str) -> None:
    parcel = a_secretive_parcel()
    parcel.merchant.name = name
    parcel.merchant.save()
    consented(parcel)
    news(parcel, OUT, now=NOW + timedelta(minutes=30))
    Subscription.objects.update(due_at=NOW, news_after=NOW - timedelta(days=1))
    tell_due(NOW + timedelta(minutes=30))

    message = delivered(mail_server)

    assert message["Bcc"] is None
    assert parseaddr(str(message["From"]))[1] == "tracking@localhost"
    assert mail_server.taken == []
    assert "<b>bold" not in part(message, "html")


def test_spanish_for_who_reads_spanish(mail_server: MailServer) -> None:
    parcel = subscribed(a_parcel(), language="es").shipment
    news(parcel, OUT, now=NOW + timedelta(minutes=30))
    tell_due(NOW + timedelta(minutes=30))

    message = delivered(mail_server)

    assert header(message, "Subject").startswith("En reparto")
    assert "viernes, 6 de marzo" in part(message, "plain")
    assert '<html lang="es">' in part(message, "html")


# ---- Kept and forgotten --------------------------------------------------------------------------------------------


def test_a_mail_that_the_server_refuses_for_now_is_tried_again(mail_server: MailServer) -> None:
    asked(a_parcel())
    mail_server.at_data = lambda _address: "451 4.7.1 later"
    send_due(timezone.now() + timedelta(minutes=1))
    mail = Mail.objects.get()
    assert (mail.tries, mail.sent_at) == (1, None)

    mail_server.at_data = lambda _address: "250 OK"
    send_due(timezone.now() + timedelta(minutes=10))

    assert mail_server.recipients == ["robin@example.com"]


@pytest.mark.django_db(transaction=True)
def test_mails_ended_while_one_is_on_its_way_out_stop_no_other(mail_server: MailServer) -> None:
    subscription = subscribed(a_parcel(), Wants.BOTH)
    asked(a_shipment(number="94001118992231974200"), email="alex@example.com")

    def ended(address: str) -> str:
        if address == "robin@example.com":
            subscription.stop(NOW)
            connection.close()
        return "250 OK"

    mail_server.at_data = ended

    assert send_due(timezone.now() + timedelta(minutes=1)) == 2

    assert sorted(mail_server.recipients) == ["alex@example.com", "robin@example.com"]
    assert [mail.to for mail in Mail.objects.all()] == ["alex@example.com"]


def test_confirming_sends_what_was_asked_for_and_nothing_twice() -> None:
    request = asked(a_parcel(), Wants.BOTH)

    for _ in range(3):
        subscribing.confirm(request, NOW)

    assert sorted(Mail.objects.values_list("kind", flat=True)) == ["buyer-confirm", "buyer-so-far"]


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("short\n", "short\n"),
        ("a" * 70 + " " + "b" * 20, "a" * 70 + "\n" + "b" * 20 + "\n"),
        ("  " + "a" * 60 + " " + "b" * 40, "  " + "a" * 60 + "\n  " + "b" * 40 + "\n"),
        ("https://example.com/" + "x" * 90, "https://example.com/" + "x" * 90 + "\n"),
        ("-- \nme", "-- \nme\n"),
    ],
)
def test_long_lines_are_broken_but_for_links_and_the_mark_of_a_signature(text: str, broken: str) -> None:
    assert plain(text) == broken


def test_the_page_and_the_mails_name_the_same_number_of_days(client: Any) -> None:
    a_parcel()

    page = client.get(f"/track/{NUMBER}").content.decode()

    assert f"deleted {ADDRESS_KEPT.days} days after its last news" in page


def test_no_address_stands_in_a_header_that_is_not_its_own(mail_server: MailServer) -> None:
    asked(a_parcel(), email="robin+a@example.com")

    whole = message_from_string(delivered(mail_server).as_string())

    assert [name for name, value in whole.items() if "robin" in str(value)] == ["To"]
