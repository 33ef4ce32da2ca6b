"""Buyers who wish for mails about a parcel: what was asked, and what was confirmed or consented to.

E-mail addresses are personal data. They stand in these rows and in those of their mails, and nowhere else: not in logs,
errors or addresses of pages.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from shipments.enums import MILESTONE_OF, Lifecycle, Milestone, Sight, Status, Wants
from shipments.fields import EncryptedTextField
from shipments.models.links import PrivateLink
from shipments.models.merchants import Merchant, language_choices
from shipments.models.notices import Mail, masked_address
from shipments.models.retention import Erasure
from shipments.models.shipments import Shipment

# How long the link in a confirmation works; who has not opened it by then is forgotten.
LASTS = timedelta(hours=48)
# How long an address is kept after the last news of a parcel that nobody asks about any more.
ADDRESS_KEPT = timedelta(days=30)
LONGEST_ADDRESS = 254
_FORGOTTEN_AT_ONCE = 5_000


def wants_choices() -> list[tuple[str, str]]:
    return [(wants.value, wants.value) for wants in Wants]


def sight_choices() -> list[tuple[int, str]]:
    return [(sight.value, sight.name.lower()) for sight in Sight if sight != Sight.STAFF]


def _new_token() -> str:
    # 192 bits, in letters and digits only: mail programs leave a hyphen at the end out of a link.
    return secrets.token_hex(24)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class SubscriptionRequestManager(models.Manager["SubscriptionRequest"]):
    """Makes and finds requests."""

    def ask(
        self,
        shipment: Shipment,
        email: str,
        wants: Wants,
        *,
        sight: Sight,
        link: PrivateLink | None,
        language: str,
        now: datetime,
    ) -> "SubscriptionRequest":
        """A new request, with the token for its mail. Whether the address is subscribed already plays no part in it."""
        token = _new_token()
        request = self.create(
            merchant_id=shipment.merchant_id,
            shipment=shipment,
            email=email,
            wants=wants,
            sight=sight,
            link=link,
            language=language,
            token_sha256=_digest(token),
            asked_at=now,
            expires_at=now + LASTS,
        )
        request.token = token
        return request

    def with_token(self, token: str) -> "SubscriptionRequest | None":
        """The one this token stands for, open or not. Looked up by digest: the clock tells nothing about tokens."""
        return (
            self.select_related("shipment__carrier", "shipment__merchant", "link")
            .defer("link__token")
            .filter(token_sha256=_digest(token))
            .first()
        )

    def forget_expired(self, now: datetime) -> int:
        """Drop those whose time is over, with the mail to an address that nobody has confirmed."""
        return self.filter(expires_at__lt=now).delete()[0]


class SubscriptionRequest(models.Model):
    """What somebody typed on a parcel's page, until the link that was sent there is opened; dropped after `LASTS`.

    Nothing else is mailed to the address because of it. The token stands in the mail alone; here is its digest.
    """

    # Set by `ask` only.
    token: str

    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="+", verbose_name=_("shipment"))
    email = models.EmailField(_("e-mail address"), max_length=LONGEST_ADDRESS)
    wants = models.CharField(_("wants"), max_length=8, choices=wants_choices)
    language = models.CharField(_("language"), max_length=10, choices=language_choices)
    # How much of the parcel the asker could see, and by which link: no mail tells more.
    sight = models.PositiveSmallIntegerField(_("sight"), choices=sight_choices)
    link = models.ForeignKey(
        PrivateLink, models.CASCADE, null=True, related_name="+", verbose_name=_("private link")
    )
    token_sha256 = models.CharField(max_length=64, unique=True)
    asked_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("open until"), db_index=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)

    objects: ClassVar[SubscriptionRequestManager] = SubscriptionRequestManager()

    class Meta:
        verbose_name = _("subscription request")
        verbose_name_plural = _("subscription requests")

    def __str__(self) -> str:
        return f"request {self.pk} for mails about shipment {self.shipment_id}"

    @property
    def masked_email(self) -> str:
        return masked_address(self.email)

    def is_usable(self, now: datetime) -> bool:
        """Whether its link still works. Opening it twice does no harm."""
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class Consent:
    """A buyer's consent as a merchant has noted it: in its own words, and where (file and row)."""

    shipment_id: int
    email: str
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class BuyerNews:
    """A parcel has come to a milestone, at `since` on the carrier's word."""

    shipment_id: int
    milestone: Milestone
    since: datetime


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Subscriptions, many at once."""

    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)

    def of_address(self, email: str) -> Self:
        """Those of this address, in capitals or small letters, as the database folds them."""
        return self.alias(folded=Lower("email")).filter(folded=Lower(models.Value(email)))

    def knowing(self, sight: Sight) -> Self:
        """Those of who could see so much of the parcel when they subscribed, or whose merchant did it for them."""
        return self.filter(sight__gte=sight)

    def with_stop_token(self, token: str) -> "Subscription | None":
        """The one whose mails this token ends. Looked up by digest: the clock tells nothing about tokens."""
        return (
            self.select_related("shipment__carrier", "shipment__merchant")
            .defer("stop_token")
            .filter(stop_sha256=_digest(token))
            .first()
        )

    def mark_due(self, news: Sequence[BuyerNews], now: datetime) -> int:
        """Have the news told to whom it is news: who waits for it, has not been told of that milestone, and subscribed
        before it happened. How many they are. One statement, however many parcels."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE shipments_subscription AS subscription SET due_at = %s
                FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS news (shipment_id, milestone, since)
                WHERE subscription.shipment_id = news.shipment_id
                    AND subscription.unsubscribed_at IS NULL AND subscription.wants <> %s AND subscription.email IS NOT NULL
                    AND news.since > subscription.news_after AND news.milestone <> ALL (subscription.told)
                """,
                [
                    now,
                    [one.shipment_id for one in news],
                    [one.milestone.value for one in news],
                    [one.since for one in news],
                    Wants.SO_FAR.value,
                ],
            )
            return int(cursor.rowcount)

    def take_as_told(self, until: datetime) -> int:
        """Whatever happened until then is no news to anybody who is subscribed; for how many that is new."""
        waiting = self.filter(unsubscribed_at=None, email__isnull=False)
        return waiting.filter(news_after__lt=until).update(news_after=until)

    def forget_postal_code(self, shipment: Shipment) -> int:
        """Those who told the postal code of a parcel that goes to another one learn no more than its number tells, and so
        do those who still have to confirm; how many subscriptions that were. With the merchant's word for a buyer nothing
        was told."""
        told_it = {"shipment": shipment, "sight": Sight.POSTAL_CODE}
        SubscriptionRequest.objects.filter(**told_it).update(sight=Sight.NUMBER)
        return self.filter(**told_it, consent="").update(sight=Sight.NUMBER)

    def subscribe_with_consent(
        self, merchant: Merchant, consents: Sequence[Consent], *, by_id: int | None, now: datetime
    ) -> int:
        """Subscribe buyers whose consent their merchant has noted; how many were not subscribed yet.

        Who has ended such mails about the parcel stays without them, and so does who asked for their address to be
        erased: of the parcels there were then, no list brings it back.
        """
        erased_at = Erasure.objects.of_addresses([one.email for one in consents], merchant.pk)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO shipments_subscription (merchant_id, shipment_id, email, wants, language, sight, consent,
                    consent_source, consent_by_id, confirmed_at, news_after, told)
                SELECT %s, shipment_id, email, %s, %s, %s, consent, source, %s, %s, %s, '{}'
                FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
                    AS new (shipment_id, email, consent, source, erased_at)
                JOIN shipments_shipment parcel ON parcel.id = new.shipment_id
                WHERE new.erased_at IS NULL OR parcel.created_at > new.erased_at
                ORDER BY shipment_id
                ON CONFLICT DO NOTHING
                """,
                [
                    merchant.pk, Wants.FROM_NOW.value, merchant.language, Sight.POSTAL_CODE.value, by_id, now, now,
                    [one.shipment_id for one in consents],
                    [one.email for one in consents],
                    [one.words for one in consents],
                    [one.source for one in consents],
                    erased_at,
                ],
            )  # fmt: skip
            return int(cursor.rowcount)

    def forget_addresses(self, now: datetime) -> int:
        """Erase the addresses of those whose parcel is over and has had no news for `ADDRESS_KEPT`, in their mails too;
        how many they were. What was told and when stays."""
        forgotten = 0
        while True:
            with transaction.atomic():
                over = (
                    self.filter(confirmed_at__lt=now - ADDRESS_KEPT, email__isnull=False)
                    .exclude(shipment__lifecycle=Lifecycle.ACTIVE)
                    .alias(last_news=Coalesce("shipment__changed_at", "shipment__created_at"))
                    .filter(last_news__lt=now - ADDRESS_KEPT)
                    .select_for_update(of=("self",), skip_locked=True)
                )
                ids = [one.pk for one in over.only("pk")[:_FORGOTTEN_AT_ONCE]]
                Mail.objects.filter(subscription__in=ids, due_at__isnull=False).delete()
                # What a mail server said of a mail names its reader, too.
                Mail.objects.filter(subscription__in=ids).update(to="", error="")
                self.filter(pk__in=ids).update(email=None, due_at=None)
            forgotten += len(ids)
            if len(ids) < _FORGOTTEN_AT_ONCE:
                return forgotten


class Subscription(models.Model):
    """One address that gets mails about one parcel: confirmed from its mailbox, or with a consent the merchant has noted.

    `sight` is how much its mails may tell, by `link` where it was the private link. `told` are the milestones that are no
    news any more, `news_after` the newest scan that was known when the subscription began: older ones are none either.
    `due_at`, where set: there is something to tell, then. `email` null: erased, because the parcel is long over.
    Written to by `buyers.telling`.
    """

    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    # Found by the index of the constraint below.
    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="subscriptions", db_index=False, verbose_name=_("shipment")
    )
    email = models.EmailField(  # noqa: DJ001  (nulls are no doubles of each other)
        _("e-mail address"), max_length=LONGEST_ADDRESS, null=True
    )
    wants = models.CharField(_("wants"), max_length=8, choices=wants_choices)
    language = models.CharField(_("language"), max_length=10, choices=language_choices)
    sight = models.PositiveSmallIntegerField(_("sight"), choices=sight_choices)
    link = models.ForeignKey(
        PrivateLink,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("private link"),
    )
    # Set where a merchant has subscribed its buyer: what it noted of the consent, in which file and row, and who did it.
    consent = models.CharField(_("consent"), max_length=200, blank=True, db_default="")
    consent_source = models.CharField(_("source of the consent"), max_length=250, blank=True, db_default="")
    consent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("noted by"),
    )
    confirmed_at = models.DateTimeField(_("since"))
    news_after = models.DateTimeField()
    told = ArrayField(models.CharField(max_length=20), default=list, verbose_name=_("told"))
    due_at = models.DateTimeField(_("due"), null=True)
    # Made with the first mail that needs it. Readable, because every further mail carries it, too.
    stop_token = EncryptedTextField(null=True)
    stop_sha256 = models.CharField(max_length=64, null=True)  # noqa: DJ001  (most have none yet)
    unsubscribed_at = models.DateTimeField(_("ended"), null=True)

    objects: ClassVar[SubscriptionQuerySet] = SubscriptionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.UniqueConstraint("shipment", Lower("email"), name="address_once_per_parcel"),
            # An import makes many thousand rows without a token.
            models.UniqueConstraint(
                fields=["stop_sha256"],
                condition=models.Q(stop_sha256__isnull=False),
                name="stop_token_once",
            ),
            models.CheckConstraint(
                condition=models.Q(due_at=None) | models.Q(unsubscribed_at=None),
                name="subscription_ended_is_not_due",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="subscription_due_idx", condition=models.Q(due_at__isnull=False)
            ),
            models.Index(
                fields=["confirmed_at"],
                name="subscription_address_idx",
                condition=models.Q(email__isnull=False),
            ),
            # Who asks for their data to be erased is found by it.
            models.Index(
                Lower("email"), name="subscription_email_idx", condition=models.Q(email__isnull=False)
            ),
            models.Index(
                fields=["link"], name="subscription_link_idx", condition=models.Q(link__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"subscription {self.pk} to shipment {self.shipment_id}"

    @property
    def masked_email(self) -> str:
        return masked_address(self.email or "")

    @property
    def is_consented(self) -> bool:
        """Whether the merchant has subscribed its buyer."""
        return bool(self.consent)

    @property
    def wants_news(self) -> bool:
        return self.wants != Wants.SO_FAR

    def stop_link_token(self) -> str:
        """The token that ends its mails. Call it while the row is locked: of two made at once one would not work."""
        if self.stop_token is None:
            self.stop_token = _new_token()
            self.stop_sha256 = _digest(self.stop_token)
            self.save(update_fields=["stop_token", "stop_sha256"])
        return str(self.stop_token)

    def note_told(self, milestone: Milestone | None) -> None:
        """Nothing waits to be told; with a milestone, because it just was."""
        if milestone is not None:
            self.told = told_after(self.told, milestone)
        self.due_at = None
        self.save(update_fields=["told", "due_at"])

    def wait_until(self, due_at: datetime) -> None:
        """What there is to tell waits."""
        self.due_at = due_at
        self.save(update_fields=["due_at"])

    def stop(self, now: datetime) -> bool:
        """End its mails, with those that wait to be sent; False where they had ended."""
        with transaction.atomic():
            stopped = Subscription.objects.filter(pk=self.pk, unsubscribed_at=None).update(
                unsubscribed_at=now, due_at=None
            )
            if stopped:
                Mail.objects.filter(subscription=self.pk, due_at__isnull=False).delete()
        return bool(stopped)


def told_after(told: Sequence[str], milestone: Milestone) -> list[str]:
    """What is no news any more once this milestone was told: itself, and that the parcel is on its way at all."""
    return sorted({*told, milestone.value, Milestone.ON_THE_WAY.value})


def news_of(shipment: Shipment) -> Milestone | None:
    """The milestone at which the parcel is; None where there is nothing to tell of its status."""
    return MILESTONE_OF.get(Status(shipment.status))
