"""What people ask of the attention page, and what they do with its items, read and checked."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from shipments.enums import Reason
from shipments.facts import spelling
from shipments.models import AttentionItem, Membership, Merchant, User

# When an item that was put off comes back: as the day begins for who works with it.
MORNING = time(8)
LONGEST_SNOOZE = timedelta(days=365)
# More than stand on a page cannot be picked.
MOST_PICKED = 25

VIEWS = ("", "snoozed", "done")
OWNERS = ("", "me", "nobody")
# What is done, and after a dash how: a button's value says it all, where a form has several.
DEEDS = (
    "done", "undo", "wake", "note", "snooze", "snooze-tomorrow", "snooze-3-days", "assign", "assign-me", "assign-nobody",
)  # fmt: skip


def _choices(values: Any) -> list[tuple[str, str]]:
    return [(str(value), str(value)) for value in values]


class AttentionQuery(forms.Form):
    """What the address of the page asks for: which items, whose, for which reason, where the page before ended.

    `seen` is when the page that asks for news was drawn, in seconds.
    """

    view = forms.ChoiceField(
        required=False,
        choices=_choices(VIEWS),
        error_messages={"invalid_choice": _("There is no such view.")},
    )
    owner = forms.ChoiceField(
        required=False,
        choices=_choices(OWNERS),
        error_messages={"invalid_choice": _("There is no such owner.")},
    )
    reason = forms.ChoiceField(
        required=False,
        choices=[("", ""), *_choices(Reason)],
        error_messages={"invalid_choice": _("There is no such reason.")},
    )
    after = forms.CharField(required=False, max_length=120)
    seen = forms.FloatField(required=False, min_value=0, max_value=4e9)


@dataclass(frozen=True, slots=True)
class ItemMark:
    """Where a page ended: rank and moment of its last item by which the view is sorted, and the item."""

    rank: int
    at: datetime
    pk: int

    def __str__(self) -> str:
        text = f"{self.rank} {self.at.isoformat()} {self.pk}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "ItemMark | None":
        """The mark in an address; None for what is none, which begins the list anew."""
        try:
            written = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            rank, moment, pk = written.split(" ")
            mark = cls(int(rank), datetime.fromisoformat(moment), int(pk))
        except (ValueError, binascii.Error):
            return None
        is_ours = mark.at.utcoffset() == timedelta(0) and 0 <= mark.rank < 100 and 0 < mark.pk < 2**63
        return mark if is_ours else None


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody saw of an item before they decided: the parcel's last news, and the reasons that held.

    The state itself and no moment: what is stored while a page is drawn is then neither missed nor told twice, and no clock
    of a browser has a say.
    """

    public_id: UUID
    news_at: datetime | None
    reasons: frozenset[str]

    @classmethod
    def of(cls, item: AttentionItem) -> "Seen":
        return cls(item.shipment.public_id, item.shipment.changed_at, frozenset(item.reasons))

    def __str__(self) -> str:
        news_at = self.news_at.astimezone(UTC).isoformat() if self.news_at else "-"
        return " ".join([str(self.public_id), news_at, *sorted(self.reasons)])

    @classmethod
    def read_all(cls, texts: Iterable[str]) -> "dict[UUID, Seen]":
        """What the forms of a page carry, by parcel. What no page of ours wrote was seen by nobody."""
        found = {}
        for text in texts:
            try:
                public_id, news_at, *reasons = text.split(" ")
                seen = cls(
                    UUID(public_id),
                    None if news_at == "-" else datetime.fromisoformat(news_at),
                    frozenset(reasons),
                )
            except ValueError:
                continue
            found[seen.public_id] = seen
        return found

    def is_all_of(self, item: AttentionItem) -> bool:
        """Whether the item says nothing that was not seen; a reason that has gone meanwhile is no news."""
        return self.news_at == item.shipment.changed_at and self.reasons.issuperset(item.reasons)


class Deed(forms.Form):
    """What is to be done with one item or several. After `is_valid`, what it needs stands in `until`, `owner` and `text`."""

    do = forms.ChoiceField(
        choices=_choices(DEEDS), error_messages={"invalid_choice": _("There is no such action.")}
    )
    until = forms.ChoiceField(
        required=False,
        choices=_choices(("tomorrow", "3-days", "date")),
        error_messages={"invalid_choice": _("Choose until when.")},
    )
    date = forms.DateField(
        required=False, error_messages={"invalid": _("Write the day as 2026-06-30, or choose it.")}
    )
    owner = forms.CharField(required=False, max_length=20)
    text = forms.CharField(
        required=False,
        max_length=2000,
        error_messages={
            "max_length": _("A note has at most %(limit_value)d characters; this one has %(show_value)d.")
        },
    )

    def __init__(self, data: Any, *, merchant: Merchant, person: User, now: datetime) -> None:
        super().__init__(data)
        self.merchant, self.person, self.now = merchant, person, now
        # What a valid deed amounts to.
        self.wakes_at: datetime | None = None
        self.new_owner: User | None = None

    def clean(self) -> dict[str, Any]:
        """Judge what the chosen deed needs, and nothing else."""
        told: dict[str, Any] = self.cleaned_data
        told["do"], dash, how = told.get("do", "").partition("-")
        if dash:
            told["owner" if told["do"] == "assign" else "until"] = how
        match told["do"]:
            case "snooze":
                self._read_until(told)
            case "assign":
                self._read_owner(told)
            case "note" if not told.get("text") and "text" not in self.errors:
                self.add_error("text", _("Write something first."))
        return told

    def _read_until(self, told: dict[str, Any]) -> None:
        today = spelling.today_at(self.now, self.merchant.time_zone)
        if "until" in self.errors or "date" in self.errors:
            return
        # A day that was typed is meant, whatever stands chosen beside it.
        day: date | None = told.get("date") or {
            "tomorrow": today + timedelta(days=1),
            "3-days": today + timedelta(days=3),
        }.get(told["until"])
        if day is None:
            self.add_error("date", _("Choose a day."))
        elif day <= today:
            self.add_error("date", _("Choose a day after today."))
        elif day > today + LONGEST_SNOOZE:
            self.add_error("date", _("Choose a day within a year."))
        else:
            zone = ZoneInfo(self.merchant.time_zone)
            self.wakes_at = datetime.combine(day, MORNING, zone).astimezone(UTC)

    def _read_owner(self, told: dict[str, Any]) -> None:
        owner = told.get("owner", "")
        if owner == "me":
            self.new_owner = self.person
        elif owner != "nobody":
            member = (
                Membership.objects.filter(merchant=self.merchant, user=int(owner))
                .select_related("user")
                .first()
                if owner.isdecimal() and owner.isascii()
                else None
            )
            if member is None:
                self.add_error(
                    "owner", _("Choose somebody who belongs to %(merchant)s.") % {"merchant": self.merchant}
                )
            else:
                self.new_owner = member.user
