"""How long data is kept, and what was erased because a buyer asked for it."""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.enums import ErasedBy, Kept
from shipments.fields import EncryptedTextField
from shipments.models.merchants import Merchant

# Younger data is still worked with: carriers keep their proof for a month, and addresses of buyers stay as long.
LEAST_DAYS = 30
MOST_DAYS = 3650
# Carriers take claims for lost and damaged parcels for about so long; what is gone before cannot support one.
CLAIM_DAYS = 120
# Months of the audit that are younger than thirteen months are never dropped (`audit_months.FEWEST_KEPT`).
LEAST_DAYS_OF_AUDIT = 400


KINDS = {
    Kept.PERSONAL: _("Personal data"),
    Kept.ANSWERS: _("Raw answers"),
    Kept.PROOFS: _("Proofs"),
    Kept.SCANS: _("Scans"),
    Kept.AUDIT: _("Audit"),
}


def kept_choices() -> list[tuple[str, object]]:
    return [(kind.value, KINDS[kind]) for kind in Kept]


def erased_by_choices() -> list[tuple[str, object]]:
    return [
        (ErasedBy.EMAIL.value, _("e-mail address")),
        (ErasedBy.NUMBER.value, _("tracking number")),
    ]


class RetentionRule(models.Model):
    """For how many days a kind of data is kept, with one merchant or, without one, with all that have no rule of their own.

    The days count from a parcel's last news, once nobody asks about it any more (`keeping.retention`). `days` null: for
    ever. Of the audit there is one rule, the platform's: its months hold the entries of all merchants.
    """

    merchant = models.ForeignKey(
        Merchant,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="retention_rules",
        db_index=False,
        verbose_name=_("merchant"),
        help_text=_("Empty: all merchants without a rule of their own for this kind."),
    )
    kind = models.CharField(_("kind of data"), max_length=10, choices=kept_choices)
    days = models.PositiveSmallIntegerField(
        _("days kept"),
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST_DAYS), MaxValueValidator(MOST_DAYS)],
    )

    objects: ClassVar[models.Manager["RetentionRule"]] = models.Manager()

    class Meta:
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")
        ordering = ["merchant__name", "kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "kind"],
                nulls_distinct=False,
                name="one_age_per_kind",
                violation_error_message=_("There is a rule for this kind of data already: change that one."),
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in Kept]), name="rule_kind_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(days=None) | models.Q(days__range=(LEAST_DAYS, MOST_DAYS)),
                name="rule_days_within_bounds",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind=Kept.AUDIT.value) | models.Q(merchant=None),
                name="audit_age_is_the_platforms",
                violation_error_message=_(
                    "The audit is dropped by whole months, which hold the entries of all merchants: leave the merchant empty."
                ),
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.get_kind_display()}, {self.merchant.name if self.merchant else gettext('all merchants')}"
        )


class ErasureKeyManager(models.Manager["ErasureKey"]):
    """Digests of what was looked for, which nobody can make without the key."""

    def digest(self, by: ErasedBy, term: str) -> str:
        """By what a search is known again once its words are forgotten; `term` is as `keeping.erasing` reads it."""
        return self.digests(by, [term])[0]

    def digests(self, by: ErasedBy, terms: Iterable[str]) -> list[str]:
        """The same for many, with one look at the key."""
        row, _made = self.get_or_create(pk=1, defaults={"value": secrets.token_hex(32)})
        key = bytes.fromhex(row.value)
        return [hmac.digest(key, f"{by}:{term}".encode(), hashlib.sha256).hex() for term in terms]


class ErasureKey(models.Model):
    """The key of the digests: one row, made by the migration, so that it is in every backup. Encrypted with the key ring, and
    not a key of the ring itself: those are exchanged, and digests must stay the same."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = EncryptedTextField()

    objects: ClassVar[ErasureKeyManager] = ErasureKeyManager()

    class Meta:
        verbose_name = "erasure key"
        verbose_name_plural = "erasure keys"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="erasure_key_is_one_row")]

    def __str__(self) -> str:
        return "the key of erasures"


class ErasureQuerySet(models.QuerySet["Erasure"]):
    """Erasures, many at once."""

    def unfinished(self) -> Self:
        """Those still at work, the oldest first."""
        return self.filter(done_at=None).order_by("asked_at", "pk")

    def of_term(self, by: ErasedBy, term: str) -> Self:
        """Those of this very address or number, the newest first."""
        return self.filter(by=by, term_digest=ErasureKey.objects.digest(by, term)).order_by("-asked_at")

    def of_addresses(self, emails: Sequence[str], merchant_id: int) -> list[datetime | None]:
        """Of each address, when its erasure was asked for last, with this merchant or with all; two statements."""
        by_email = self.filter(by=ErasedBy.EMAIL).filter(
            models.Q(merchant=None) | models.Q(merchant=merchant_id)
        )
        if not emails or not by_email.exists():
            return [None] * len(emails)
        digests = ErasureKey.objects.digests(ErasedBy.EMAIL, [email.strip().lower() for email in emails])
        asked = dict(
            by_email.filter(term_digest__in=set(digests))
            .values_list("term_digest")
            .annotate(models.Max("asked_at"))
        )
        return [asked.get(digest) for digest in digests]


class Erasure(models.Model):
    """A buyer's wish to be forgotten, and its receipt: what was found and erased, and never whom it was about.

    `term` is what is looked for, encrypted, and null as soon as the work is done; `term_digest` stays. The work goes through
    imported files, then through parcels and subscriptions, each in the order of their ids; `after_import`, `after_parcel` and
    `after_subscription` are how far it has come. What was added after `asked_at` is left alone.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    by = models.CharField(_("found by"), max_length=10, choices=erased_by_choices)
    term = EncryptedTextField(null=True, editable=False)
    term_digest = models.CharField(_("keyed digest of what was looked for"), max_length=64)
    # One about a merchant that is gone must not become one about all.
    merchant = models.ForeignKey(
        Merchant,
        models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=_("merchant"),
        help_text=_("Empty: all of them."),
    )
    with_parcels = models.BooleanField(_("with the parcels themselves"), default=True)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("asked by"),
    )
    done_at = models.DateTimeField(_("done"), null=True)
    counts = models.JSONField(_("erased"), default=dict, db_default=models.Value({}, models.JSONField()))
    # Imported files come first, while the parcels whose numbers may stand in them are found yet; null: all are looked through.
    after_import = models.BigIntegerField(default=0, db_default=0, null=True)
    after_parcel = models.BigIntegerField(default=0)
    after_subscription = models.BigIntegerField(default=0)
    # Merchants who knew the buyer: files with all data of one are dropped in the end.
    merchants = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=models.Value([], ArrayField(models.BigIntegerField())),
    )

    objects: ClassVar[ErasureQuerySet] = ErasureQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(done_at=None, term__isnull=False)
                | models.Q(done_at__isnull=False, term=None),
                name="erasure_forgets_whom",
            ),
        ]
        indexes = [
            models.Index(fields=["asked_at"], name="erasure_open_idx", condition=models.Q(done_at=None)),
            # Whether an address that an import brings was erased.
            models.Index(fields=["term_digest"], name="erasure_digest_idx"),
        ]

    def __str__(self) -> str:
        return f"erasure {self.public_id}"

    @property
    def is_done(self) -> bool:
        return self.done_at is not None

    def note(self, counts: dict[str, int]) -> None:
        """Add what a step has erased, and write how far it has come; in the transaction of the step."""
        for name, many in counts.items():
            if many:
                self.counts[name] = self.counts.get(name, 0) + many
        self.save(update_fields=["counts", "after_import", "after_parcel", "after_subscription", "merchants"])

    def finish(self, now: datetime) -> None:
        """All is erased: whom it was about is forgotten."""
        self.done_at, self.term = now, None
        self.save(update_fields=["done_at", "term"])
