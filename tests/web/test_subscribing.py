"""Asking for mails on a parcel's page, confirming them, ending them."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from shipments import tasks
from shipments.buyers import subscribing
from shipments.enums import EndReason, Lifecycle, Sight, Wants
from shipments.models import Mail, PrivateLink, Shipment, Subscription, SubscriptionRequest, Throttle
from shipments.models.subscriptions import ADDRESS_KEPT, LASTS, Consent
from shipments.web import visitors
from tests.buyers.parcels import (
    ADDRESS,
    ARRIVED,
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
from tests.web.test_public import text_of

pytestmark = pytest.mark.django_db

ASK = f"/track/{NUMBER}/email"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What time it is; a test may put another into it."""
    times = [NOW]
    monkeypatch.setattr("django.utils.timezone.now", lambda: times[0])
    return times


def ask(client: Client, where: str = ASK, **over: Any) -> Any:
    return client.post(where, {"email": ADDRESS, "wants": "both", **over})


def the_token() -> str:
    return link_in(Mail.objects.get(kind="buyer-confirm").text, "/mail/confirm/")


# ---- Asking --------------------------------------------------------------------------------------------------------


def test_a_parcels_page_offers_mails_and_says_what_happens_with_the_address(client: Client) -> None:
    a_parcel()

    page = client.get(f"/track/{NUMBER}")

    shown = text_of(page)
    for said in (
        "E-mail me",
        "News from now on",
        "All that has happened so far, once",
        "Both",
        "deleted 30 days after",
    ):
        assert said in shown
    assert f'action="/track/{NUMBER}/email"' in page.content.decode()


def test_of_a_parcel_whose_way_is_over_only_what_has_happened_is_offered(client: Client) -> None:
    news(a_parcel(), ARRIVED, now=NOW + timedelta(minutes=1))

    page = client.get(f"/track/{NUMBER}").content.decode()
    assert 'type="hidden" name="wants" value="so-far"' in page
    assert 'type="radio"' not in page

    assert ask(client, wants="from-now").status_code == 400
    assert ask(client, wants="so-far").status_code == 302
    assert SubscriptionRequest.objects.get().wants == Wants.SO_FAR


def test_asking_sends_one_mail_and_subscribes_nobody(client: Client) -> None:
    parcel = a_parcel()

    response = ask(client)

    assert (response.status_code, response["Location"]) == (302, f"{ASK}?sent")
    shown = text_of(client.get(response["Location"]))
    assert "Look in your mailbox" in shown
    assert f"Open the link within {LASTS // timedelta(hours=1)} hours" in shown
    request = SubscriptionRequest.objects.get()
    assert (request.shipment, request.email, request.wants, request.sight, request.link, request.language) == (
        parcel, ADDRESS, Wants.BOTH, Sight.NUMBER, None, "en",
    )  # fmt: skip
    assert request.expires_at == NOW + LASTS
    mail = Mail.objects.get()
    assert (mail.to, mail.request, mail.subscription) == (ADDRESS, request, None)
    assert Subscription.objects.exists() is False


def test_the_token_is_kept_as_a_digest_only(client: Client) -> None:
    a_parcel()
    ask(client)
    token = the_token()

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(request)::text FROM shipments_subscriptionrequest request")
        (row,) = cursor.fetchone()
        assert token not in row
        cursor.execute("SELECT row_to_json(mail)::text FROM shipments_mail mail")
        (row,) = cursor.fetchone()
        assert token not in row


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.upper(), "nobody-yet@example.com"])
def test_whether_an_address_is_known_is_told_to_nobody(client: Client, address: str) -> None:
    """The same answer, by the same statements."""
    subscribed(a_parcel())
    before = Subscription.objects.values().get()

    with CaptureQueriesContext(connection) as captured:
        response = ask(client, email=address, wants="so-far")

    assert (response.status_code, response["Location"], response.content) == (302, f"{ASK}?sent", b"")
    assert len(captured.captured_queries) == 11
    assert Subscription.objects.values().get() == before


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"email": ""}, "E-mail address: type the one the mails should go to."),
        ({"email": "robin"}, "E-mail address: this is none. It looks like name@example.com."),
        ({"email": "a@example.com\nBcc: b@example.com"}, "E-mail address: this is none."),
        ({"email": "a" * 250 + "@example.com"}, "E-mail address: 254 signs at most."),
        ({"wants": ""}, "Choose which mails you wish for."),
        ({"wants": "<script>"}, "Choose which mails you wish for; this choice does not exist (any more)."),
    ],
)
def test_bad_input_is_answered_at_its_field_and_nothing_typed_is_lost(
    client: Client, over: dict[str, str], message: str
) -> None:
    a_parcel()

    response = ask(client, **over)

    assert response.status_code == 400
    assert message in text_of(response)
    assert "<script>" not in response.content.decode()
    if "wants" in over:
        assert f'value="{ADDRESS}"' in response.content.decode()
    else:
        assert 'value="both" checked' in response.content.decode()
    assert Mail.objects.exists() is False


def test_the_form_of_another_site_asks_for_nothing() -> None:
    a_parcel()

    assert ask(Client(enforce_csrf_checks=True)).status_code == 403
    assert SubscriptionRequest.objects.exists() is False


@pytest.mark.parametrize("typed", ["9400111899223197428491", "%3Cb%3E", "abc"])
def test_a_number_that_is_none_or_unknown_leads_to_the_page_that_says_so(client: Client, typed: str) -> None:
    response = ask(client, f"/track/{typed}/email")

    assert response.status_code == 302
    assert client.get(response["Location"]).status_code in {400, 404}
    assert (Mail.objects.exists(), SubscriptionRequest.objects.exists()) == (False, False)


def test_an_archived_parcel_takes_no_wishes(client: Client) -> None:
    parcel = a_parcel()
    Shipment.objects.update(lifecycle=Lifecycle.ARCHIVED, end_reason=EndReason.TOO_OLD)
    link = PrivateLink.objects.make(parcel)

    for where in (ASK, f"{link.get_absolute_url()}/email"):
        assert client.get(ask(client, where)["Location"]).status_code in {404, 410}
    assert Mail.objects.exists() is False


def test_an_address_opened_by_hand_leads_to_the_parcel(client: Client) -> None:
    assert client.get(ASK)["Location"] == f"/track/{NUMBER}"
    assert client.get("/t/abc/email")["Location"] == "/t/abc"


def test_of_several_parcels_with_one_number_the_one_that_was_told_is_meant(client: Client) -> None:
    a_parcel()
    meant = a_shipment(number=NUMBER, destination_postal_code="99501")

    assert ask(client)["Location"] == f"/track/{NUMBER}"
    assert SubscriptionRequest.objects.exists() is False

    client.post(f"/track/{NUMBER}", {"postal_code": "99501"})
    ask(client)
    assert SubscriptionRequest.objects.get().shipment == meant


def test_mails_tell_as_much_as_the_page_on_which_they_were_asked_for(client: Client) -> None:
    parcel = a_parcel()
    link = PrivateLink.objects.make(parcel)

    ask(client)
    client.post(f"/track/{NUMBER}", {"postal_code": "20832"})
    ask(client)
    ask(client, f"{link.get_absolute_url()}/email")

    assert list(SubscriptionRequest.objects.order_by("pk").values_list("sight", "link")) == [
        (Sight.NUMBER, None),
        (Sight.POSTAL_CODE, None),
        (Sight.PRIVATE_LINK, link.pk),
    ]


def test_a_link_that_is_revoked_takes_no_wishes(client: Client) -> None:
    link = PrivateLink.objects.make(a_parcel())
    link.revoke(NOW)

    assert ask(client, f"{link.get_absolute_url()}/email")["Location"] == link.get_absolute_url()
    assert Mail.objects.exists() is False


def test_an_old_request_by_a_link_that_has_ended_takes_nothing_away() -> None:
    parcel = a_parcel()
    working, ended = (PrivateLink.objects.make(parcel) for _ in range(2))
    first, second = (
        subscribing.ask(
            parcel, ADDRESS, Wants.FROM_NOW, sight=Sight.PRIVATE_LINK, link=link, language="en", now=NOW
        )
        for link in (working, ended)
    )
    subscribing.confirm(first, NOW)
    ended.revoke(NOW)

    subscribing.confirm(second, NOW)

    assert Subscription.objects.get().link == working


# ---- Too often -----------------------------------------------------------------------------------------------------


def test_nobodys_mailbox_is_filled_by_strangers_whatever_the_parcels(client: Client) -> None:
    numbers = [f"9400111899223197{n:04d}" for n in range(8)]
    for number in numbers:
        a_shipment(number=number)

    answers = {
        (response.status_code, response["Location"].replace(number, "#"))
        for n, number in enumerate(numbers)
        for response in [
            ask(client, f"/track/{number}/email", email=["robin@example.com", "Robin+x@Example.com"][n % 2])
        ]
    }

    assert answers == {(302, "/track/#/email?sent")}
    assert Mail.objects.count() == visitors.MAILS_TO_AN_ADDRESS.tries


def test_one_visitor_and_one_parcel_have_their_limits(client: Client) -> None:
    a_parcel()
    for n in range(visitors.ASKS_FOR_MAILS.tries):
        assert ask(client, email=f"buyer-{n}@example.com").status_code == 302

    refused = ask(client, email="one-more@example.com")

    assert (refused.status_code, refused["Retry-After"]) == (429, "3601")
    assert "That was tried too often" in text_of(refused)
    for n in range(visitors.ASKS_ABOUT_A_PARCEL.tries - visitors.ASKS_FOR_MAILS.tries):
        other = Client(REMOTE_ADDR=f"10.0.{n}.1")
        assert ask(other, email=f"other-{n}@example.com").status_code == 302
    assert ask(Client(REMOTE_ADDR="10.9.9.9"), email="late@example.com").status_code == 429
    assert Mail.objects.count() == visitors.ASKS_ABOUT_A_PARCEL.tries


def test_throttles_hold_no_address(client: Client) -> None:
    a_parcel()
    ask(client)

    assert "robin" not in repr(list(Throttle.objects.values()))


# ---- Confirming ----------------------------------------------------------------------------------------------------


def test_opening_the_link_confirms_nothing_the_button_does(client: Client) -> None:
    parcel = a_parcel()
    ask(client)
    where = f"/mail/confirm/{the_token()}"

    for method in (client.get, client.head):
        assert method(where).status_code == 200
    shown = text_of(client.get(where))
    assert "r•••@example.com gets one mail with all that has happened so far, and one whenever" in shown
    assert Subscription.objects.exists() is False

    answer = Client(enforce_csrf_checks=True).post(where)

    assert "Confirmed: we write to you" in text_of(answer)
    subscription = Subscription.objects.get()
    assert (subscription.shipment, subscription.email, subscription.wants, subscription.confirmed_at) == (
        parcel, ADDRESS, Wants.BOTH, NOW,
    )  # fmt: skip
    assert Mail.objects.get(kind="buyer-so-far").subscription == subscription
    # Who confirmed what and when stays with the subscription when the request is dropped.
    assert Mail.objects.get(kind="buyer-confirm").subscription == subscription


def test_pressing_the_button_again_changes_nothing(client: Client) -> None:
    a_parcel()
    ask(client)
    where = f"/mail/confirm/{the_token()}"

    answers = [text_of(client.post(where)) for _ in range(2)]

    assert answers[0] == answers[1]
    assert (Subscription.objects.count(), Mail.objects.filter(kind="buyer-so-far").count()) == (1, 1)


def test_what_was_ended_is_not_begun_again_by_an_old_link(client: Client) -> None:
    a_parcel()
    ask(client)
    where = f"/mail/confirm/{the_token()}"
    client.post(where)
    Subscription.objects.get().stop(NOW)

    assert "These mails have ended" in text_of(client.post(where))
    assert Subscription.objects.get().unsubscribed_at == NOW


def test_who_asks_anew_after_the_end_is_subscribed_anew() -> None:
    parcel = a_parcel()
    subscribed(parcel).stop(NOW)

    subscribed(parcel, Wants.BOTH, now=NOW + timedelta(hours=1))

    subscription = Subscription.objects.get()
    assert (subscription.unsubscribed_at, subscription.wants, subscription.confirmed_at) == (
        None, Wants.BOTH, NOW + timedelta(hours=1),
    )  # fmt: skip


def test_who_has_ended_a_merchants_mails_and_asks_for_them_gets_them_by_their_own_wish() -> None:
    parcel = a_parcel()
    consent = Consent(parcel.pk, ADDRESS, "yes", "orders.csv, row 2")
    Subscription.objects.subscribe_with_consent(parcel.merchant, [consent], by_id=None, now=NOW)
    assert Subscription.objects.get().is_consented is True
    Subscription.objects.get().stop(NOW)

    subscribed(parcel)

    subscription = Subscription.objects.get()
    assert (subscription.is_consented, subscription.sight) == (False, Sight.NUMBER)


def test_asking_for_what_has_happened_ends_no_news_and_lesser_sight_takes_none_away() -> None:
    parcel = a_parcel()
    link = PrivateLink.objects.make(parcel)
    subscribed(parcel, sight=Sight.PRIVATE_LINK, link=link)

    subscribed(parcel, Wants.SO_FAR, email=ADDRESS.upper())

    subscription = Subscription.objects.get()
    assert (subscription.wants, subscription.sight, subscription.link) == (
        Wants.BOTH,
        Sight.PRIVATE_LINK,
        link,
    )


@pytest.mark.parametrize("token", ["0" * 48, "x", "%00", "ñ", "' OR ''='"])
def test_a_token_that_is_none_confirms_and_ends_nothing(client: Client, token: str) -> None:
    subscribed(a_parcel())

    for what, status in (("confirm", 410), ("stop", 404)):
        for method in (client.get, client.post):
            assert method(f"/mail/{what}/{token}").status_code == status
    assert Subscription.objects.get().unsubscribed_at is None
    assert Subscription.objects.count() == 1


def test_a_link_works_for_48_hours(client: Client, clock: list[datetime]) -> None:
    a_parcel()
    ask(client)
    where = f"/mail/confirm/{the_token()}"
    clock[0] = NOW + timedelta(hours=48)

    assert client.get(where).status_code == 410
    assert client.post(where).status_code == 410
    assert Subscription.objects.exists() is False
    clock[0] = NOW + timedelta(hours=48) - timedelta(seconds=1)
    assert client.post(where).status_code == 200


def test_a_request_that_expires_while_its_button_is_pressed_is_gone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_parcel()
    ask(client)
    where = f"/mail/confirm/{the_token()}"
    confirm = subscribing.confirm

    def too_late(request: SubscriptionRequest, now: datetime) -> Subscription:
        SubscriptionRequest.objects.all().delete()
        return confirm(request, now)

    monkeypatch.setattr(subscribing, "confirm", too_late)

    assert client.post(where).status_code == 410
    assert Subscription.objects.exists() is False


def test_pages_of_mails_stay_out_of_caches_search_engines_and_referrers(client: Client) -> None:
    a_parcel()
    ask(client)

    for where in (f"/mail/confirm/{the_token()}", f"/mail/stop/{'0' * 48}", f"{ASK}?sent"):
        response = client.get(where)
        assert (response["Referrer-Policy"], response["X-Robots-Tag"], response["Cache-Control"]) == (
            "no-referrer", "noindex", "private, no-store",
        )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_confirming_twice_at_once_subscribes_once() -> None:
    request = asked(a_parcel(), Wants.BOTH)
    start, failures = threading.Barrier(4), []

    def press() -> None:
        try:
            start.wait(timeout=60)
            subscribing.confirm(SubscriptionRequest.objects.get(pk=request.pk), NOW)
        except BaseException as exc:  # noqa: BLE001  (shown by the test's own thread)
            failures.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    assert (Subscription.objects.count(), Mail.objects.filter(kind="buyer-so-far").count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_two_requests_of_one_address_confirmed_at_once_are_one_subscription() -> None:
    parcel = a_parcel()
    requests = [asked(parcel, wants, email=email) for wants, email in (
        (Wants.FROM_NOW, ADDRESS), (Wants.BOTH, ADDRESS.upper()), (Wants.SO_FAR, ADDRESS),
    )]  # fmt: skip
    start, failures = threading.Barrier(3), []

    def press(pk: int) -> None:
        try:
            start.wait(timeout=60)
            subscribing.confirm(SubscriptionRequest.objects.get(pk=pk), NOW)
        except BaseException as exc:  # noqa: BLE001  (shown by the test's own thread)
            failures.append(exc)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=[request.pk]) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []
    assert Subscription.objects.count() == 1


# ---- Ending --------------------------------------------------------------------------------------------------------


def test_one_click_of_a_mail_program_ends_the_mails(client: Client) -> None:
    """RFC 8058: a POST without cookies, answered without a redirect."""
    token = subscribed(a_parcel()).stop_link_token()

    response = Client(enforce_csrf_checks=True).post(
        f"/mail/stop/{token}",
        "List-Unsubscribe=One-Click",
        content_type="application/x-www-form-urlencoded",
    )

    assert response.status_code == 200
    assert Subscription.objects.get().unsubscribed_at == NOW
    assert "These mails have ended" in text_of(client.get(f"/mail/stop/{token}"))


def test_opening_the_link_to_stop_ends_nothing_the_button_does(client: Client) -> None:
    token = subscribed(a_parcel()).stop_link_token()

    assert "Stop the mails about this parcel?" in text_of(client.get(f"/mail/stop/{token}"))
    assert Subscription.objects.get().unsubscribed_at is None

    assert "Nothing more is sent to you about this parcel." in text_of(client.post(f"/mail/stop/{token}"))
    assert client.post(f"/mail/stop/{token}").status_code == 200


# ---- Forgetting ----------------------------------------------------------------------------------------------------


def test_an_address_that_nobody_confirmed_is_forgotten_after_48_hours(
    client: Client, clock: list[datetime]
) -> None:
    a_parcel()
    ask(client)
    clock[0] = NOW + LASTS
    tasks.housekeep()
    assert SubscriptionRequest.objects.count() == 1

    clock[0] += timedelta(seconds=1)
    tasks.housekeep()

    assert (SubscriptionRequest.objects.exists(), Mail.objects.exists()) == (False, False)


def test_an_address_is_forgotten_30_days_after_the_last_news_of_a_parcel_that_is_over(
    clock: list[datetime],
) -> None:
    parcel = a_parcel()
    subscription = subscribed(parcel, Wants.BOTH)
    Mail.objects.get().note_sent(NOW)
    Shipment.objects.update(lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)
    last_news = Shipment.objects.get().changed_at
    assert last_news is not None
    clock[0] = max(last_news, NOW) + ADDRESS_KEPT
    tasks.housekeep()
    assert Subscription.objects.get().email == ADDRESS

    clock[0] += timedelta(seconds=1)
    tasks.housekeep()

    subscription.refresh_from_db()
    assert (subscription.email, subscription.confirmed_at) == (None, NOW)
    mail = Mail.objects.get()
    assert (mail.to, mail.sent_at, mail.masked_to) == ("", NOW, "•••")


def test_the_address_of_a_parcel_still_on_its_way_is_kept(clock: list[datetime]) -> None:
    subscribed(a_parcel())
    clock[0] = NOW + timedelta(days=200)

    tasks.housekeep()

    assert Subscription.objects.get().email == ADDRESS


def test_many_addresses_of_one_parcel_are_forgotten(clock: list[datetime]) -> None:
    parcel = a_parcel()
    for n in range(3):
        subscribed(parcel, email=f"buyer-{n}@example.com")
    Shipment.objects.update(lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)

    assert Subscription.objects.forget_addresses(NOW + timedelta(days=60)) == 3
    assert Subscription.objects.filter(email=None).count() == 3


def test_asking_nudges_the_queue_to_send(client: Client, django_capture_on_commit_callbacks: Any) -> None:
    a_parcel()
    OrmQ.objects.all().delete()

    with django_capture_on_commit_callbacks(execute=True):
        ask(client)

    assert [task.task["func"] for task in OrmQ.objects.all()] == ["shipments.tasks.send_mail"]


def test_the_task_tells_what_is_due(clock: list[datetime]) -> None:
    parcel = subscribed(a_parcel()).shipment
    news(parcel, OUT, now=NOW + timedelta(minutes=30))
    clock[0] = NOW + timedelta(minutes=31)

    tasks.tell_buyers()

    assert Mail.objects.get().kind == "buyer-news"
