"""From an address somebody typed to mails, and to their end.

Nobody is written to who did not ask: what was typed brings one mail with a link, and only who opens that link, and
presses the button behind it, is subscribed.
"""

from datetime import datetime

from django.db import transaction

from shipments.buyers import letters
from shipments.enums import Sight, Wants
from shipments.models import Mail, PrivateLink, Shipment, Subscription, SubscriptionRequest
from shipments.models.subscriptions import news_of, told_after


def ask(
    shipment: Shipment,
    email: str,
    wants: Wants,
    *,
    sight: Sight,
    link: PrivateLink | None,
    language: str,
    now: datetime,
) -> SubscriptionRequest:
    """Send the address a link by which it is confirmed. The same happens whether it is subscribed or not."""
    with transaction.atomic():
        request = SubscriptionRequest.objects.ask(
            shipment, email, wants, sight=sight, link=link, language=language, now=now
        )
        letters.post_confirmation(request, now)
    return request


def confirm(request: SubscriptionRequest, now: datetime) -> Subscription:
    """Subscribe the address, and send what has happened so far if that was asked for. Doing it twice changes nothing.

    ObjectDoesNotExist where the request has expired, or the parcel was deleted, this very moment.
    """
    with transaction.atomic():
        # As ingest takes it first: what is known of the parcel now and what is news to the subscription fit together.
        shipment = (
            Shipment.objects.select_for_update(of=("self",), no_key=True)
            .select_related("carrier", "merchant", "watch")
            .get(pk=request.shipment_id)
        )
        request = SubscriptionRequest.objects.select_for_update().get(pk=request.pk)
        known = Subscription.objects.select_for_update().filter(shipment=shipment).of_address(request.email)
        subscription = known.defer("stop_token").first()
        if request.confirmed_at is not None and subscription is not None:
            return subscription
        subscription = _subscribed(request, subscription, shipment, now)
        request.confirmed_at = now
        request.save(update_fields=["confirmed_at"])
        # The record of how the address was confirmed is kept as long as the subscription.
        Mail.objects.filter(request=request).update(request=None, subscription=subscription)
        if request.wants != Wants.FROM_NOW:
            letters.post_so_far(subscription, shipment, key=f"so-far:{request.pk}", now=now)
    return subscription


def _subscribed(
    request: SubscriptionRequest, known: Subscription | None, shipment: Shipment, now: datetime
) -> Subscription:
    """The subscription as this request makes it."""
    subscription = known or Subscription(
        merchant_id=request.merchant_id, shipment=shipment, email=request.email, sight=request.sight
    )
    is_active = known is not None and known.unsubscribed_at is None
    if is_active and known is not None and known.wants_news:
        # News that are wanted already go on: asking once for what has happened so far does not end them.
        wants = Wants.FROM_NOW if request.wants == Wants.FROM_NOW else Wants.BOTH
    else:
        wants = Wants(request.wants)
        # What is known now is no news: it stands on the page, or in the mail that tells what has happened so far.
        subscription.news_after = min(shipment.last_scan_at or now, now)
        subscription.confirmed_at = now
        if (milestone := news_of(shipment)) is not None:
            subscription.told = told_after(subscription.told, milestone)
    link_works = request.link is None or request.link.is_working(now)
    if known is None or not is_active or (request.sight >= known.sight and link_works):
        # Both requests came from one mailbox: a lesser one, or one by a link that has ended since, takes nothing away.
        subscription.sight, subscription.link_id = request.sight, request.link_id
    if not is_active:
        # By their own wish from now on, whatever a merchant had noted before they ended its mails.
        subscription.consent, subscription.consent_source, subscription.consent_by = "", "", None
    subscription.wants, subscription.language = wants, request.language
    subscription.unsubscribed_at = None
    subscription.save()
    return subscription
