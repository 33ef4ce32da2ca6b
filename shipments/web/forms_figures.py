"""What the address of the figures asks for, read and checked."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from shipments.analytics.figures import Asked, GroupBy, Period

# What "the last … weeks" may be, and what is shown to who asks for nothing.
PRESETS = (4, 12, 52)
DEFAULT_WEEKS = 12
# Two years and a day: more is a report, not a page.
MOST_DAYS = 731
# No carrier's dates are older; what lies further ahead nobody has mailed.
_EARLIEST = date(2000, 1, 1)
_AHEAD = timedelta(days=366)
UNKNOWN = "unknown"
_END = r"[A-Z]{2}(-[A-Z]{2})?"
_LANE = re.compile(rf"{_END}_{_END}|{UNKNOWN}")


class FiguresQuery(forms.Form):
    """Days of shipment, kind of days, carrier or service, lane, and how the table is cut; all of it may be left out.

    `carrier` is a carrier's code, or `code/service`. `carriers` are the known ones by their code.
    """

    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    weeks = forms.TypedChoiceField(
        required=False, choices=[(weeks, weeks) for weeks in PRESETS], coerce=int, empty_value=None
    )
    carrier = forms.CharField(label=_("Carrier or service"), required=False, max_length=121)
    lane = forms.CharField(label=_("Lane"), required=False, max_length=11)
    days = forms.ChoiceField(
        label=_("Days"),
        required=False,
        choices=[("business", _("Business")), ("calendar", _("Calendar"))],
    )
    by = forms.ChoiceField(
        label=_("Table by"),
        required=False,
        choices=[
            (GroupBy.CARRIER.value, _("Carrier")),
            (GroupBy.SERVICE.value, _("Service")),
            (GroupBy.LANE.value, _("Lane")),
            (GroupBy.WEEK.value, _("Week")),
        ],
    )

    def __init__(self, asked: QueryDict, *, today: date, carriers: Mapping[str, str]) -> None:
        super().__init__(asked)
        self.today, self.carriers = today, carriers

    def clean_carrier(self) -> str:
        code = str(self.cleaned_data["carrier"]).partition("/")[0]
        if code and code not in self.carriers:
            raise forms.ValidationError(_("There is no such carrier."), code="carrier")
        return str(self.cleaned_data["carrier"])

    def clean_lane(self) -> str:
        lane = str(self.cleaned_data["lane"])
        if lane and not is_lane(lane):
            raise forms.ValidationError(_("There is no such lane."), code="lane")
        return lane

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("since", "until"):
            # Before anything is reckoned with them: days of the first and the last years have no others beside them.
            if given.get(name) and not _EARLIEST <= given[name] <= self.today + _AHEAD:
                self.add_error(name, _("Days from the year 2000 until a year from now can be asked for."))
        if self.errors:
            return given
        period = self._period()
        if period.start > period.end:
            self.add_error("until", _("The last day lies before the first one."))
        elif period.start < _EARLIEST:
            self.add_error("since", _("Days from the year 2000 until a year from now can be asked for."))
        elif period.days > MOST_DAYS:
            self.add_error("since", _("At most two years at once."))
        return given

    def _period(self) -> Period:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        length = timedelta(days=7 * (self.cleaned_data.get("weeks") or DEFAULT_WEEKS) - 1)
        if since is None:
            until = until or self.today
            return Period(until - length, until)
        return Period(since, until or max(self.today, since))

    def value_of(self, name: str) -> str:
        """What was asked for under this name, right or wrong; `""` for nothing."""
        return str(self[name].value() or "")

    @property
    def date_fields(self) -> Iterator[dict[str, Any]]:
        """The two dates for the page: as typed where they were, else the days that are shown."""
        for name in ("since", "until"):
            field = self[name]
            shown = field.value() or ""
            if not self.errors:
                shown = self._period().start if name == "since" else self._period().end
            yield {
                "label": field.label,
                "id_for_label": field.id_for_label,
                "html_name": name,
                "shown": str(shown),
                "errors": field.errors,
            }

    @property
    def choice_fields(self) -> list[forms.BoundField]:
        return [self["days"], self["by"]]

    @property
    def preset(self) -> int | None:
        """How many weeks until today are asked for; None where days are named."""
        given = self.cleaned_data
        return None if given.get("since") or given.get("until") else given.get("weeks") or DEFAULT_WEEKS

    @property
    def asked(self) -> Asked:
        """What a valid query asks for."""
        given = self.cleaned_data
        carrier, slash, service = given["carrier"].partition("/")
        lane = given["lane"]
        return Asked(
            period=self._period(),
            in_business_days=given["days"] != "calendar",
            carrier=carrier,
            service=service if slash else None,
            lane=("" if lane == UNKNOWN else lane) if lane else None,
            by=GroupBy(given["by"] or GroupBy.CARRIER),
        )

    def to_query(self, **over: str | int) -> str:
        """The query string of the same page with some things asked otherwise; `""` leaves one out, as what cannot be asked."""
        given = self.cleaned_data
        asked = {
            **{
                name: given.get(name) or ""
                for name in ("since", "until", "weeks", "carrier", "lane", "days", "by")
            },
            **over,
        }
        return urlencode({name: value for name, value in asked.items() if value})


def service_value(carrier: str, service: str) -> str:
    """How an address names a service."""
    return f"{carrier}/{service}"


def is_lane(value: str) -> bool:
    """Whether an address may name a lane like this."""
    return _LANE.fullmatch(value) is not None


def lane_value(lane: str) -> str:
    """How an address names a lane."""
    return lane or UNKNOWN
