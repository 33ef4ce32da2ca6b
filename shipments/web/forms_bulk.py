"""Which parcels a person selected, and what they want done with them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shipments.bulk import acting
from shipments.bulk.filters import BadFilter, ListFilter
from shipments.enums import Deed
from shipments.facts.tags import LONGEST_TAG, read_tag
from shipments.models import Membership, Shipment
from shipments.models.shipments import ShipmentQuerySet
from shipments.web.bulk_words import resolution_words

# Ten pages of the list: more is what "all that match" is for, and a form of a thousand fields is refused unread.
MOST_PICKED = 500
# Counting on would cost the page; nobody decides differently at 20,000.
MOST_COUNTED = 10_000


class BadSelection(ValueError):
    """Nothing can be done with what was sent: `str()` says why and what to do."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Parcels of a merchant: those ticked, or, where `picked` is None, all that match `query` and existed at `as_of`."""

    membership: Membership
    picked: dict[UUID, int] | None
    query: str
    as_of: datetime

    @property
    def ids(self) -> list[int] | None:
        return None if self.picked is None else list(self.picked.values())

    def parcels(self) -> ShipmentQuerySet:
        return acting.selected(
            self.membership.merchant,
            picked=self.ids,
            query=self.query,
            as_of=self.as_of,
            reader=self.membership,
        )

    def count(self) -> int:
        """How many they are; more than `MOST_COUNTED` where they are more than that."""
        if self.picked is not None:
            return len(self.picked)
        return self.parcels().order_by()[: MOST_COUNTED + 1].count()

    def fields(self) -> list[tuple[str, str]]:
        """The form fields that say the same again, by name and value."""
        chosen = [("all", "1")] if self.picked is None else [("pick", str(one)) for one in self.picked]
        return [*chosen, ("query", self.query), ("as_of", self.as_of.isoformat())]


def read_selection(sent: QueryDict, membership: Membership) -> Selection:
    """What was ticked on the list. BadSelection; ids of others' parcels, and of none, are left out without a word."""
    try:
        query = ListFilter.from_query(sent.get("query", "")).to_query()
    except BadFilter as refusal:
        raise BadSelection(str(refusal)) from None
    now = timezone.now()
    read_at = sent.get("as_of", "")
    as_of = min(_instant(read_at), now) if read_at else now
    if sent.get("all"):
        return Selection(membership, None, query, as_of)
    wanted = [one for one in map(_uuid, sent.getlist("pick")) if one is not None]
    if len(wanted) > MOST_PICKED:
        raise BadSelection(
            _("At most %(most)d parcels can be ticked at once; for more, choose all that match.")
            % {"most": MOST_PICKED}
        )
    picked = dict(
        Shipment.objects.for_merchant(membership.merchant)
        .filter(public_id__in=wanted, created_at__lte=now)
        .order_by("pk")
        .values_list("public_id", "pk")
    )
    if not picked:
        raise BadSelection(_("No parcel is selected. Tick some in the list, or choose all that match."))
    # Ticked parcels are meant whenever they were added.
    return Selection(membership, picked, query, now)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        # Beyond the years PostgreSQL and Python share there is no list anybody has looked at.
        if moment.tzinfo is None or not 2000 <= moment.year < 9000:
            raise ValueError
    except ValueError:
        raise BadSelection(
            _("The list you came from cannot be told any more. Go back to it and select again.")
        ) from None
    return moment


class TagForm(forms.Form):
    tag = forms.CharField(
        label=gettext_lazy("Tag"),
        # The rule itself tells of what is too long, in its own words.
        widget=forms.TextInput(attrs={"maxlength": LONGEST_TAG, "autocomplete": "off"}),
        required=False,
    )

    def __init__(self, membership: Membership, data: QueryDict | None = None) -> None:
        super().__init__(data)

    def clean_tag(self) -> str:
        try:
            return read_tag(self.cleaned_data["tag"])
        except ValueError as refusal:
            raise forms.ValidationError(str(refusal), code="tag") from None

    def argument(self) -> dict[str, Any]:
        return {"tag": self.cleaned_data["tag"]}


class ResolutionForm(forms.Form):
    resolution = forms.ChoiceField(
        label=gettext_lazy("Resolution"),
        choices=lambda: [("", ""), *((name or "none", words) for name, words in resolution_words().items())],
        error_messages={
            "required": gettext_lazy("Choose a resolution."),
            "invalid_choice": gettext_lazy("There is no such resolution."),
        },
    )

    def __init__(self, membership: Membership, data: QueryDict | None = None) -> None:
        super().__init__(data)

    def argument(self) -> dict[str, Any]:
        chosen = self.cleaned_data["resolution"]
        return {"resolution": "" if chosen == "none" else chosen}


class OwnerForm(forms.Form):
    owner = forms.ChoiceField(
        label=gettext_lazy("Person"),
        error_messages={
            "required": gettext_lazy("Choose a person, or nobody."),
            "invalid_choice": gettext_lazy("This person does not belong to the merchant any more."),
        },
    )

    def __init__(self, membership: Membership, data: QueryDict | None = None) -> None:
        super().__init__(data)
        members = (
            Membership.objects.filter(merchant=membership.merchant)
            .select_related("user")
            .order_by("user__name", "user__email")
        )
        self.fields["owner"].choices = [  # type: ignore[attr-defined]
            ("", ""),
            ("nobody", _("Nobody")),
            *(
                (str(member.user_id), f"{member.user.get_short_name()} ({member.user.email})")
                for member in members
            ),
        ]

    def argument(self) -> dict[str, Any]:
        chosen = self.cleaned_data["owner"]
        return {"owner": None if chosen == "nobody" else int(chosen)}


ArgumentForm = TagForm | ResolutionForm | OwnerForm

# What a deed has to be told beside the parcels.
FORMS: dict[Deed, type[TagForm] | type[ResolutionForm] | type[OwnerForm]] = {
    Deed.TAG: TagForm,
    Deed.UNTAG: TagForm,
    Deed.RESOLVE: ResolutionForm,
    Deed.ASSIGN: OwnerForm,
}


def argument_form(deed: Deed, sent: QueryDict, membership: Membership) -> ArgumentForm | None:
    """The form of what the deed has to be told, filled where something was sent; None where it needs nothing more."""
    form = FORMS.get(deed)
    if form is None:
        return None
    (name,) = form.base_fields
    # An empty field on the list is no mistake: the next page asks for it.
    given = bool(sent.get(name, "").strip()) or "confirmed" in sent
    return form(membership, sent if given else None)
