"""What mails to buyers say, in their language and as far as they may see. They tell what the parcel's page tells."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from shipments.enums import Milestone, Sight, Wants
from shipments.facts import spelling, wording
from shipments.models import PrivateLink, ScanEvent, Shipment, Subscription, SubscriptionRequest
from shipments.models.subscriptions import ADDRESS_KEPT, LASTS
from shipments.outbound.mail import post, public_address, site_address
from shipments.tracking.telling_scans import days_of, scan_views
from shipments.tracking.telling_words import words_of

CONFIRM, SO_FAR, NEWS = "buyer-confirm", "buyer-so-far", "buyer-news"
# Columns of a plain text: what a reader of plain mails shows without breaking lines (RFC 5322 2.1.1 recommends 78).
WIDTH = 76
# Scans of a mail; no parcel that moves has more, and a mail that mail programs cut off says less.
MOST_SCANS = 60
# Signs of a number by which a person tells it from another one's in a list of mails.
_END_OF_NUMBER = 4


def post_confirmation(request: SubscriptionRequest, now: datetime) -> None:
    """The mail with the link that confirms an address. To whoever owns it, it says no more than what was asked for."""
    shipment = request.shipment
    with translation.override(request.language):
        context = {
            "sender": site_name(),
            "number": shipment.open_number,
            "carrier": shipment.carrier.name,
            "wish": wish(Wants(request.wants)),
            "url": site_address("mail-confirm", request.token),
            "hours": int(LASTS.total_seconds() // 3600),
            "site": site_name(),
        }
        subject = _("Please confirm: mails about %(carrier)s parcel %(number)s") % context
        text, html = _bodies("buyer_confirm", subject, context)
        post(
            to=request.email,
            kind=CONFIRM,
            subject=subject,
            text=text,
            html=html,
            merchant=shipment.merchant,
            key=f"confirm:{request.pk}",
            request=request,
            is_urgent=True,
        )


def post_so_far(subscription: Subscription, shipment: Shipment, *, key: str, now: datetime) -> None:
    """The mail that tells once what has happened so far. Call it while the subscription is locked."""
    shown = list(shipment.scans.shown().newest_first()[: MOST_SCANS + 1])
    with translation.override(subscription.language):
        told = _Told.of(subscription, shipment, shown, now)
        views = scan_views(shown, told.sight, MOST_SCANS)
        context = {
            **told.context,
            "days": days_of(views, told.today),
            "is_cut": len(shown) > MOST_SCANS,
        }
        subject = _("So far: %(parcel)s") % {"parcel": told.parcel}
        _post(subscription, shipment, told, SO_FAR, "buyer_so_far", subject, context, key=key, is_urgent=True)


def post_news(
    subscription: Subscription, milestone: Milestone, shown: Sequence[ScanEvent], *, now: datetime
) -> None:
    """The mail that tells of a milestone. Call it while the subscription is locked. `shown` are the parcel's scans,
    newest first."""
    shipment = subscription.shipment
    with translation.override(subscription.language):
        told = _Told.of(subscription, shipment, shown, now)
        subject = _("%(news)s: %(parcel)s") % {
            "news": wording.status_label(shipment.status),
            "parcel": told.parcel,
        }
        _post(
            subscription, shipment, told, NEWS, "buyer_news", subject, told.context,
            key=news_key(subscription, milestone),
        )  # fmt: skip


def news_key(subscription: Subscription, milestone: Milestone) -> str:
    """What keeps a milestone from being told twice; `milestone_of` reads it."""
    return f"news:{subscription.pk}:{milestone.value}"


def milestone_of(key: str) -> Milestone:
    """The milestone that the mail with this `news_key` told of."""
    return Milestone(key.rpartition(":")[2])


def wish(wants: Wants) -> str:
    """What somebody wishes to be told, as the object of a sentence."""
    return {
        Wants.SO_FAR: _("one mail with all that has happened so far"),
        Wants.FROM_NOW: _("a mail whenever there is news from now on"),
        Wants.BOTH: _(
            "one mail with all that has happened so far, and one whenever there is news from now on"
        ),
    }[wants]


def site_name() -> str:
    """What this site is called in mails: the name before its address, else its host."""
    return parseaddr(str(settings.DEFAULT_FROM_EMAIL))[0] or urlsplit(settings.SITE_URL).hostname or ""


def plain(text: str) -> str:
    """A plain text with its long lines broken. A line with a link stays whole, because a broken link opens nothing."""
    lines: list[str] = []
    for line in text.strip("\n").split("\n"):
        if len(line) <= WIDTH or "://" in line:
            lines.append(line.rstrip() if line != "-- " else line)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return "\n".join(lines).rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a mail may tell of its parcel, in the language that is active."""

    sight: Sight
    today: date
    # The parcel as a subject names it.
    parcel: str
    sender: str
    context: dict[str, Any]

    @classmethod
    def of(
        cls, subscription: Subscription, shipment: Shipment, shown: Sequence[ScanEvent], now: datetime
    ) -> "_Told":
        sight, url = _sight_of(subscription, shipment)
        words = words_of(shipment, shown, sight=sight)
        today = spelling.today_at(now, words.zone)
        sender = shipment.merchant.name if subscription.is_consented or sight >= Sight.PRIVATE_LINK else ""
        named = {
            "carrier": shipment.carrier.name,
            "end": shipment.open_number[-_END_OF_NUMBER:],
            "sender": sender,
        }
        return cls(
            sight=sight,
            today=today,
            parcel=_("parcel from %(sender)s (%(carrier)s …%(end)s)") % named
            if sender
            else _("%(carrier)s parcel …%(end)s") % named,
            sender=sender,
            context={
                "sender": sender or site_name(),
                "merchant_name": shipment.merchant.name if subscription.is_consented else "",
                "sentence": wording.sentence(words, now=now),
                "action": wording.action(words) or "",
                "carrier": shipment.carrier.name,
                "number": shipment.open_number,
                "url": url,
                "is_consented": subscription.is_consented,
                "since": spelling.short_day(spelling.today_at(subscription.confirmed_at, words.zone), today),
                "days_kept": ADDRESS_KEPT.days,
            },
        )


def _sight_of(subscription: Subscription, shipment: Shipment) -> tuple[Sight, str]:
    """How much the mail tells, and the address of the page that tells as much. A private link that was revoked since
    opens nothing here either."""
    sight = Sight(subscription.sight)
    # Who knows a number alone is not told who has sent the parcel, by no frame either.
    page = (
        public_address(shipment.merchant, "public-parcel", shipment.open_number)
        if subscription.is_consented
        else site_address("public-parcel", shipment.open_number)
    )
    if sight < Sight.PRIVATE_LINK:
        return sight, page
    link = subscription.link
    if link is None or PrivateLink.objects.live(link.token) is None:
        return Sight.NUMBER, page
    return sight, public_address(shipment.merchant, "private-link", link.token)


def _post(
    subscription: Subscription,
    shipment: Shipment,
    told: _Told,
    kind: str,
    template: str,
    subject: str,
    context: dict[str, Any],
    *,
    key: str,
    is_urgent: bool = False,
) -> None:
    stop_url = site_address("mail-stop", subscription.stop_link_token()) if subscription.wants_news else ""
    text, html = _bodies(template, subject, {**context, "stop_url": stop_url})
    post(
        to=str(subscription.email),
        kind=kind,
        subject=subject,
        text=text,
        html=html,
        merchant=shipment.merchant,
        key=key,
        unsubscribe_url=stop_url,
        sender_name=_("%(shop)s via %(site)s") % {"shop": told.sender, "site": site_name()}
        if told.sender
        else "",
        subscription=subscription,
        is_urgent=is_urgent,
        nudge=is_urgent,
    )


def _bodies(template: str, subject: str, context: dict[str, Any]) -> tuple[str, str]:
    """The mail as text and as HTML."""
    context = {**context, "subject": subject, "language": translation.get_language()}
    return (
        plain(render_to_string(f"emails/{template}.txt", context)),
        render_to_string(f"emails/{template}.html", context),
    )
