"""Carriers as data, an operator's own status mappings, and the words nobody has mapped yet."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from shipments.enums import Status
from shipments.facts.wording import STATUS_LABELS

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# What an address never holds as it is.
_NEVER = frozenset(' <>"\\^`|')

# A carrier's text is indexed: four bytes a character must fit a page of the index.
KEPT_TEXT = 200


def folded(text: str) -> str:
    """A carrier's text as it is compared: its start, with capital A–Z small. The database's `lower` in the collation `C`
    gives the same, whatever language the server speaks."""
    return text[:KEPT_TEXT].encode(errors="replace").lower().decode()


def status_choices() -> list[tuple[str, object]]:
    return [(status.value, STATUS_LABELS[status]) for status in Status]


def check_page_address(address: str) -> None:
    """Refuse what is no address of a carrier's page: https, a host, and the number's place once, behind the host."""
    wrong = ValidationError(
        _("An address is like https://www.example.com/track/{number}."), code="tracking_url"
    )
    try:
        parts = urlsplit(address.replace("{number}", "1"))
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    where = address.removeprefix("https://").split("/")[0].split("?")[0]
    if (
        not address.startswith("https://")
        or not _HOST.fullmatch(host)
        or "@" in where
        or not address.isprintable()
        or _NEVER & set(address)
    ):
        raise wrong
    if address.count("{number}") != 1 or "{number}" in where:
        raise ValidationError(
            _("Write {number} once, behind the host, where the number goes."), code="tracking_url"
        )
    if {"{", "}"} & set(address.replace("{number}", "")):
        raise ValidationError(_("Only {number} may stand in braces."), code="tracking_url")


class CarrierQuerySet(models.QuerySet["Carrier"]):
    """Carriers in the order in which they are shown."""

    def offered(self) -> dict[str, str]:
        """The names of those that take new parcels by their codes, in one statement."""
        return dict(self.filter(is_active=True).values_list("code", "name"))


class Carrier(models.Model):
    """A carrier, service or label type. What it is called at a gateway stands in its `CarrierRoute`s."""

    code = models.CharField(
        _("code"),
        max_length=20,
        primary_key=True,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9_-]*\Z",
                _("A code is made of letters, digits, dashes and underscores."),
            )
        ],
        help_text=_("In files, in the command line and in addresses. It stays for good."),
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("Shown to merchants and buyers."))
    scans_once = models.BooleanField(
        _("scans once"),
        default=False,
        help_text=_("Silence is normal: most pieces get one scan, so they are asked about rarely."),
    )
    scans_in_part = models.BooleanField(
        _("scans in part"),
        default=False,
        # Also for a process of the release before this column, while both run.
        db_default=False,
        help_text=_(
            "Pieces are scanned in a part of their way only, and late: silence raises no alarm, and they are asked about once a day."
        ),
    )
    tracking_url = models.CharField(
        _("carrier's own page"),
        max_length=200,
        blank=True,
        validators=[check_page_address],
        help_text=_("https, with {number} where the number goes. Buyers find the link on their page."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Unset to take no new parcels of this carrier. Those that are there are followed on."),
    )
    position = models.PositiveSmallIntegerField(
        _("position"), default=100, help_text=_("The lower, the sooner it stands in a list.")
    )

    objects: ClassVar[CarrierQuerySet] = CarrierQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A code and a name that no other carrier has, however it is written: files name carriers by both."""
        others = (
            type(self).objects.exclude(pk=self.pk) if not self._state.adding else type(self).objects.all()
        )
        wrong: dict[str, str] = {}
        if self._state.adding and others.filter(code__iexact=self.code).exists():
            wrong["code"] = str(_("There is a carrier with this code already, perhaps in other capitals."))
        if others.filter(name__iexact=self.name).exists():
            wrong["name"] = str(_("Another carrier has this name already."))
        if wrong:
            raise ValidationError(wrong)

    def page_of(self, number: str) -> str:
        """The carrier's own page about a number, or `""` where it has none."""
        return self.tracking_url.replace("{number}", quote(number, safe="")) if self.tracking_url else ""


class StatusMappingManager(models.Manager["StatusMapping"]):
    """Reads mappings for those who go by them."""

    def by_carrier(self) -> dict[str, list["StatusMapping"]]:
        """All of them by the carrier's code, in the order in which they are tried."""
        found: dict[str, list[StatusMapping]] = {}
        for mapping in self.all():
            found.setdefault(mapping.carrier_id, []).append(mapping)
        return {carrier: in_order(mappings) for carrier, mappings in found.items()}


class StatusMapping(models.Model):
    """An operator's word on what a carrier's code, text or status word means. Overrides our own tables.

    Where it names several of them, a scan must have them all. The carrier's own word on a scan, where it is one we know,
    stands above every mapping.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="mappings", verbose_name=_("carrier"))
    code = models.CharField(
        _("carrier's code"), max_length=100, blank=True, help_text=_("As the carrier writes it.")
    )
    text = models.CharField(
        _("carrier's text"),
        max_length=KEPT_TEXT,
        blank=True,
        help_text=_("Compared whole; capitals and small letters A–Z are alike."),
    )
    word = models.CharField(
        _("carrier's status word"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text=_("What Pitney Bowes sends as packageStatus, where it is none of the words we know."),
    )
    status = models.CharField(_("status"), max_length=20, choices=status_choices)

    objects: ClassVar[StatusMappingManager] = StatusMappingManager()

    class Meta:
        verbose_name = _("status mapping")
        verbose_name_plural = _("status mappings")
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "code", "text", "word"],
                name="mapping_once_per_words",
                violation_error_message=_("There is a mapping for exactly this already: change that one."),
            ),
            models.CheckConstraint(
                condition=~models.Q(code="", text="", word=""),
                name="mapping_names_some_word",
                violation_error_message=_("Name a code, a text or a status word."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.words} → {self.get_status_display()}"

    @property
    def words(self) -> str:
        """What it is about, in one line."""
        return in_one_line(self.code, self.text, self.word)

    def fits(self, code: str, text: str, word: str = "") -> bool:
        """Whether this row speaks of a scan with that code, text and status word."""
        return (
            self.code in ("", code)
            and self.word in ("", word)
            and (not self.text or folded(self.text) == folded(text))
        )


def in_order(mappings: Iterable[StatusMapping]) -> list[StatusMapping]:
    """The mappings of one carrier in the order in which they are tried: those of a code before those of a text alone,
    these before those of a status word alone; what names more before what names less."""
    return sorted(mappings, key=lambda one: (not one.code, not one.text, not one.word))


def in_one_line(code: str, text: str, word: str) -> str:
    """Words of a carrier side by side; `""` where there are none."""
    return " · ".join(part for part in (code, text, word) if part)


class _Unrecognised(models.Manager[Any]):
    """Keeps the counts of scans that nobody can read."""

    # Beside the carrier.
    words: ClassVar[tuple[str, ...]]

    def change_counts(self, changes: Mapping[tuple[str, ...], int], now: datetime) -> None:
        """Add to the counts, or take from them; what nothing is left of is gone. Keys are the carrier and the words.

        In the order of the keys, as everybody does it: two at once never wait for each other in a ring.
        """
        rows = sorted((key, n) for key, n in changes.items() if n)
        if not rows:
            return
        table, names = self.model._meta.db_table, ("carrier_id", *self.words)
        columns = ", ".join(names)
        same = " AND ".join(f"told.{name} = excluded.{name}" for name in names)
        arrays = ", ".join("%s::text[]" for _name in names)
        told: list[Any] = [*map(list, zip(*(key for key, _n in rows), strict=True)), [n for _key, n in rows]]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH told AS (SELECT * FROM unnest({arrays}, %s::int[]) AS told ({columns}, n))
                INSERT INTO {table} AS known ({columns}, scans, first_seen_at, last_seen_at)
                SELECT {columns}, greatest(n, 0), %s, %s FROM told ORDER BY {columns}
                ON CONFLICT ({columns}) DO UPDATE SET
                    scans = greatest(0, known.scans + (SELECT n FROM told WHERE {same})),
                    last_seen_at = CASE WHEN (SELECT n FROM told WHERE {same}) > 0
                        THEN greatest(known.last_seen_at, excluded.last_seen_at) ELSE known.last_seen_at END
                """,  # noqa: S608  (our own names)
                [*told, now, now],
            )
            if any(n < 0 for _key, n in rows):
                cursor.execute(
                    f"DELETE FROM {table} WHERE scans = 0 AND ({columns}) IN (SELECT * FROM unnest({arrays}))",  # noqa: S608
                    told[:-1],
                )


class UnrecognisedCodeManager(_Unrecognised):
    words = ("code", "text")


class UnrecognisedWordManager(_Unrecognised):
    words = ("word",)


class _Counted(models.Model):
    scans = models.PositiveIntegerField(_("scans"), default=0)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        abstract = True


class UnrecognisedCode(_Counted):
    """A code and text that neither a table nor a mapping knows, with the number of scans that show it."""

    carrier = models.ForeignKey(
        Carrier, models.CASCADE, related_name="unrecognised", verbose_name=_("carrier")
    )
    code = models.CharField(_("carrier's code"), max_length=100, blank=True)
    text = models.CharField(_("carrier's text"), max_length=KEPT_TEXT, blank=True)

    objects: ClassVar[UnrecognisedCodeManager] = UnrecognisedCodeManager()

    class Meta:
        verbose_name = _("unrecognised code")
        verbose_name_plural = _("unrecognised codes")
        constraints = [
            models.UniqueConstraint(fields=["carrier", "code", "text"], name="unrecognised_code_once")
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {in_one_line(self.code, self.text, '')}"


class UnrecognisedWord(_Counted):
    """A status word of a carrier that is none we know and that no mapping speaks of, with the number of scans that have it.

    Their statuses may still be known by their codes: a new word says that the carrier's list has grown.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="+", verbose_name=_("carrier"))
    word = models.CharField(_("carrier's status word"), max_length=100)

    objects: ClassVar[UnrecognisedWordManager] = UnrecognisedWordManager()

    class Meta:
        verbose_name = _("unrecognised status word")
        verbose_name_plural = _("unrecognised status words")
        constraints = [models.UniqueConstraint(fields=["carrier", "word"], name="unrecognised_word_once")]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.word}"
