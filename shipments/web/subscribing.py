"""Mails about a parcel for whoever waits for it: asked for on its page, confirmed from the mailbox, ended by one click.

Programs that look through mails open their links: what a link leads to does nothing before a button is pressed.
"""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from shipments.buyers import subscribing
from shipments.buyers.letters import wish
from shipments.enums import Lifecycle, Sight, Status, Wants
from shipments.models import PrivateLink, Shipment, Subscription, SubscriptionRequest
from shipments.web import storefront, unlocking, visitors
from shipments.web.discretion import about_a_parcel
from shipments.web.forms_mailing import EmailMeForm
from shipments.web.forms_public import read_number

GET_OR_POST = ["GET", "HEAD", "POST"]


@sensitive_post_parameters("email")
@require_http_methods(GET_OR_POST)
@about_a_parcel
def ask_by_number(request: HttpRequest, typed: str) -> HttpResponse:
    """Take an address for mails about the parcel with this number, which tell what the number, or the postal code that
    was told here, lets see."""
    try:
        number = read_number(typed)
    except ValidationError:
        return redirect(storefront.url(request, "public-parcel", typed))
    now = timezone.now()
    page = storefront.url(request, "public-parcel", number)
    if request.method != "POST":
        return _asked(request, page) if "sent" in request.GET else redirect(page)
    if not visitors.LOOKUPS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LOOKUPS, now=now)
    shipments: Sequence[Shipment] = list(
        storefront.parcels(request)
        .with_number(number)
        .select_related("carrier", "merchant", "watch")
        .order_by("pk")
    )
    seen = unlocking.granted(request, shipments)
    if seen is None and len(shipments) != 1:
        # Not known, or not known which: the page itself says so, and what to do.
        return redirect(page)
    shipment, sight = seen or (shipments[0], Sight.NUMBER)
    return _ask(request, shipment, sight, None, page, now)


@sensitive_post_parameters("email")
@require_http_methods(GET_OR_POST)
@about_a_parcel
def ask_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """The same behind a private link, whose mails tell as much as it shows."""
    now = timezone.now()
    page = storefront.url(request, "private-link", token)
    if request.method != "POST":
        return _asked(request, page) if "sent" in request.GET else redirect(page)
    if not visitors.LINKS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LINKS, now=now)
    link = PrivateLink.objects.live(token)
    if link is None or not storefront.is_shown_here(request, link.shipment):
        return redirect(page)
    if link.shipment.lifecycle == Lifecycle.ARCHIVED:
        return redirect(page)
    storefront.enter(request, link.shipment.merchant)
    return _ask(request, link.shipment, Sight.PRIVATE_LINK, link, page, now)


def _ask(
    request: HttpRequest,
    shipment: Shipment,
    sight: Sight,
    link: PrivateLink | None,
    page: str,
    now: datetime,
) -> HttpResponse:
    is_final = shipment.status == Status.DELIVERED or shipment.lifecycle != Lifecycle.ACTIVE
    form = EmailMeForm(request.POST, is_final=is_final)
    if not form.is_valid():
        context = {"form": form, "page": page, "is_final": is_final, "number": shipment.open_number}
        return render(request, "public/email_me.html", context, status=400)
    for limit, whom in (
        (visitors.ASKS_FOR_MAILS, visitors.visitor(request)),
        (visitors.ASKS_ABOUT_A_PARCEL, str(shipment.public_id)),
    ):
        if not limit.allows(whom, now):
            return visitors.too_many(request, limit, now=now)
    email: str = form.cleaned_data["email"]
    # Past this limit the answer is the same, and no mail goes out: nobody's mailbox is filled by strangers, and nobody
    # learns here whether somebody else has typed the address before.
    if visitors.MAILS_TO_AN_ADDRESS.allows(visitors.mailbox(email), now):
        subscribing.ask(
            shipment,
            email,
            Wants(form.cleaned_data["wants"]),
            sight=sight,
            link=link,
            language=get_language() or "en",
            now=now,
        )
    return redirect(request.path + "?sent")


def _asked(request: HttpRequest, page: str) -> HttpResponse:
    return render(
        request, "public/email_sent.html", {"page": page, "most": visitors.MAILS_TO_AN_ADDRESS.tries}
    )


# The token is what the mailbox alone knows: a form of another site cannot have it, and a mail program's own browser may
# keep no cookies.
@csrf_exempt
@require_http_methods(GET_OR_POST)
@about_a_parcel
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """What the link of a confirmation leads to: a button, and what comes of pressing it."""
    now = timezone.now()
    if not visitors.LINKS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LINKS, now=now)
    asked = SubscriptionRequest.objects.with_token(token)
    if asked is None or not asked.is_usable(now) or asked.shipment.lifecycle == Lifecycle.ARCHIVED:
        return _link_gone(request)
    if asked.shipment.merchant.is_suspended:
        return _link_gone(request)
    subscription: Subscription | None = None
    if request.method == "POST":
        try:
            subscription = subscribing.confirm(asked, now)
        except ObjectDoesNotExist:
            return _link_gone(request)
    wants = Wants(asked.wants)
    context = {
        "number": asked.shipment.open_number,
        "carrier": asked.shipment.carrier.name,
        "address": asked.masked_email,
        "wish": wish(wants),
        "page": _page_of(asked),
        "is_confirmed": subscription is not None,
        "has_ended": subscription is not None and subscription.unsubscribed_at is not None,
        "tells_so_far": wants != Wants.FROM_NOW,
        "tells_news": wants != Wants.SO_FAR,
    }
    return render(request, "public/mail_confirm.html", context)


def _link_gone(request: HttpRequest) -> HttpResponse:
    return render(request, "public/mail_link_gone.html", status=410)


def _page_of(asked: SubscriptionRequest) -> str:
    """The page on which it was asked, as far as its link still works."""
    link = asked.link
    if link is not None and PrivateLink.objects.live(link.token) is not None:
        return link.get_absolute_url()
    return reverse("public-parcel", args=[asked.shipment.open_number])


@csrf_exempt
@require_http_methods(GET_OR_POST)
@about_a_parcel
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """End the mails of a subscription: by a button, or by one click in a mail program, which posts here (RFC 8058).

    Not throttled: large mail providers post for many readers from few addresses.
    """
    subscription = Subscription.objects.with_stop_token(token)
    if subscription is None:
        return render(request, "public/mail_link_gone.html", {"is_stop": True}, status=404)
    if request.method == "POST":
        subscription.stop(timezone.now())
        has_ended = True
    else:
        has_ended = subscription.unsubscribed_at is not None or not subscription.email
    context = {
        "number": subscription.shipment.open_number,
        "carrier": subscription.shipment.carrier.name,
        "has_ended": has_ended,
        "page": reverse("public-parcel", args=[subscription.shipment.open_number]),
    }
    return render(request, "public/mail_stop.html", context)
