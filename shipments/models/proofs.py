"""Pictures of deliveries: those still to be fetched from the carriers, and those kept."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Self

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from shipments.enums import FetchTrouble
from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment

FIRST_RETRY = timedelta(minutes=2)
LONGEST_RETRY = timedelta(hours=12)
# A carrier may show the picture hours after the scan. Ten tries take two days and a half; most addresses have ended by then.
MOST_TRIES = 10


def digest_of(address: str) -> str:
    """By what an address is known where the address itself, which may open something, should not stand."""
    return sha256(address.encode()).hexdigest()


# In one word or two; `facts.fetch_words` says each in a sentence.
TROUBLES = {
    FetchTrouble.BAD_ADDRESS: _("bad address"),
    FetchTrouble.PRIVATE_HOST: _("private network"),
    FetchTrouble.UNREACHABLE: _("not reached"),
    FetchTrouble.TOO_SLOW: _("too slow"),
    FetchTrouble.REFUSED: _("refused"),
    FetchTrouble.TOO_MANY_REDIRECTS: _("led on and on"),
    FetchTrouble.TOO_LARGE: _("too large"),
    FetchTrouble.NO_PICTURE: _("no picture there"),
    FetchTrouble.BAD_PICTURE: _("bad picture"),
    FetchTrouble.INTERRUPTED: _("broken off"),
    FetchTrouble.OVERTAKEN: _("another address since"),
    FetchTrouble.ENOUGH: _("pictures enough"),
}


def trouble_choices() -> list[tuple[str, object]]:
    return [(trouble.value, TROUBLES[trouble]) for trouble in FetchTrouble]


class ProofPicture(models.Model):
    """A picture of a delivery, drawn anew from what the carrier sent: once per parcel and content.

    `sha256` is that of the kept bytes, `original_sha256` and `original_size` are those of the file as it was sent, which
    is not kept. Lists and look-ups leave `data` in the database; it is null once it was erased.
    """

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="proof_pictures", db_index=False, verbose_name=_("shipment")
    )
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    data = models.BinaryField(_("picture"), null=True)
    media_type = models.CharField(_("kind"), max_length=20)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    size = models.PositiveIntegerField(_("size in bytes"))
    sha256 = models.CharField("SHA-256", max_length=64)
    original_sha256 = models.CharField(_("SHA-256 of what was sent"), max_length=64)
    original_size = models.PositiveIntegerField(_("bytes sent"))
    fetched_at = models.DateTimeField(_("fetched"))

    objects: ClassVar[models.Manager["ProofPicture"]] = models.Manager()

    class Meta:
        verbose_name = _("proof picture")
        verbose_name_plural = _("proof pictures")
        constraints = [
            # Carriers sign their addresses anew with every answer: many of them lead to one picture.
            models.UniqueConstraint(
                fields=["shipment", "original_sha256"], name="proof_picture_once_per_content"
            ),
        ]

    def __str__(self) -> str:
        return f"picture {self.sha256[:12]} of shipment {self.shipment_id}"


class ProofQuerySet(models.QuerySet["Proof"]):
    """Addresses of pictures, many at once."""

    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)

    def of(self, shipment: Shipment) -> Self:
        """Those of the parcel as it is understood today, the newest first."""
        return self.filter(shipment=shipment).in_force()

    def in_force(self) -> Self:
        """Those not set aside, the newest first."""
        return self.filter(set_aside_at=None).order_by("-pk")

    def begin(self, shipments: Iterable[Shipment], now: datetime) -> int:
        """See to it that the pictures of these parcels are fetched; how many that nobody had begun with, or that had been
        set aside. One statement; `shipments` are locked or their addresses cannot change."""
        rows = [
            (shipment.pk, shipment.merchant_id, digest_of(shipment.proof_url))
            for shipment in shipments
            if shipment.proof_url
        ]
        if not rows:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO {self.model._meta.db_table} AS known
                    (shipment_id, merchant_id, address_sha256, due_at, begun_at, tries, trouble, trouble_detail)
                SELECT *, %s::timestamptz, %s::timestamptz, 0, '', ''
                FROM unnest(%s::bigint[], %s::bigint[], %s::text[])
                ON CONFLICT (shipment_id, address_sha256) DO UPDATE
                SET set_aside_at = NULL, tries = 0,
                    due_at = CASE WHEN known.picture_id IS NULL THEN excluded.due_at END
                WHERE known.set_aside_at IS NOT NULL
                """,  # noqa: S608  (the only inserted text is our own table's name)
                [now, now, *(list(column) for column in zip(*rows, strict=True))],
            )
            return int(cursor.rowcount)

    def set_aside(self, now: datetime) -> int:
        """These turned out to be of another parcel: shown nowhere, unless a carrier's answer brings them again."""
        return self.filter(set_aside_at=None).update(set_aside_at=now, due_at=None)


class Proof(models.Model):
    """An address at which a carrier shows a picture of a delivery, and what has come of fetching it. `due_at` null: over.

    The address itself stands on the shipment alone, because it may open something; here is its digest. While somebody
    fetches it `due_at` is the end of their lease. `trouble` is why the last try brought nothing.
    """

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="proofs", db_index=False, verbose_name=_("shipment")
    )
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    address_sha256 = models.CharField(_("SHA-256 of the address"), max_length=64)
    picture = models.ForeignKey(
        ProofPicture,
        models.SET_NULL,
        null=True,
        related_name="proofs",
        verbose_name=_("picture"),
    )
    begun_at = models.DateTimeField(_("first told"))
    due_at = models.DateTimeField(_("due"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    fetched_at = models.DateTimeField(_("fetched"), null=True)
    trouble = models.CharField(_("trouble"), max_length=20, choices=trouble_choices, blank=True)
    trouble_detail = models.CharField(_("details of the trouble"), max_length=100, blank=True)
    set_aside_at = models.DateTimeField(_("set aside"), null=True)

    objects: ClassVar[ProofQuerySet] = ProofQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("proof of delivery")
        verbose_name_plural = _("proofs of delivery")
        constraints = [
            # Its index also serves the look-up of a parcel's proofs.
            models.UniqueConstraint(fields=["shipment", "address_sha256"], name="proof_once_per_address"),
            models.CheckConstraint(
                condition=models.Q(trouble__in=["", *(trouble.value for trouble in FetchTrouble)]),
                name="proof_trouble_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="proof_due_idx", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"proof {self.pk} of shipment {self.shipment_id}"

    def note_kept(self, picture: ProofPicture, at: datetime) -> None:
        """The picture at this address is kept."""
        self.picture, self.fetched_at, self.due_at = picture, at, None
        self.trouble = self.trouble_detail = ""
        self.save(update_fields=["picture", "fetched_at", "due_at", "trouble", "trouble_detail"])

    def note_trouble(self, trouble: FetchTrouble, detail: str, now: datetime, *, is_final: bool) -> None:
        """A try brought nothing: tried again after a growing pause, given up where that is no use or after `MOST_TRIES`."""
        self.trouble, self.trouble_detail = trouble, detail[:100]
        is_over = is_final or self.tries >= MOST_TRIES
        self.due_at = None if is_over else now + min(FIRST_RETRY * 3 ** (self.tries - 1), LONGEST_RETRY)
        self.save(update_fields=["trouble", "trouble_detail", "due_at"])
