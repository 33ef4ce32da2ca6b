"""What people say about a file they import."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from shipments.bulk.cell_values import has_unclear_dates
from shipments.bulk.columns import BY_KEY, COLUMNS
from shipments.bulk.reading import MOST_BYTES
from shipments.bulk.receiving import cells_of
from shipments.facts.file_rows import Row
from shipments.facts.tags import LONGEST_TAG, read_tag
from shipments.models import Import
from shipments.web.forms import carrier_choices


class UploadForm(forms.Form):
    """The file. Its name and the type a browser gives it are not looked at: what is in it tells."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        error_messages={
            "required": _("Choose a file, or drop one on the field."),
            "invalid": _("Choose a file, or drop one on the field."),
        },
        widget=forms.FileInput(
            attrs={"accept": ".csv,.tsv,.tab,.txt,text/csv,text/plain", "class": "drop__input"}
        ),
    )

    def refuse_size(self) -> None:
        """Say that the file is too large, instead of whatever a cut one would be told."""
        self.errors.clear()
        self.add_error(
            "file",
            forms.ValidationError(
                _("The file has more than %(most)d MB. Cut it into several and drop one after the other."),
                params={"most": MOST_BYTES // (1024 * 1024)},
            ),
        )

    def refuse_time(self, longest: float) -> None:
        """Say that the file did not arrive in time."""
        self.errors.clear()
        self.add_error(
            "file",
            forms.ValidationError(
                _(
                    "The file took longer than %(minutes)d minutes to arrive. Cut it into several, or use a faster line."
                ),
                params={"minutes": longest // 60},
            ),
        )


class MatchForm(forms.Form):
    """Which of our columns each of the file's is, and what holds where the file says nothing."""

    default_mailing_date = forms.DateField(
        label=_("Mailing date where none is named"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("A mailing date is a day written as 2026-01-31.")},
    )
    date_order = forms.ChoiceField(
        label=_("Dates like 03/02/2026 are written"),
        required=False,
        choices=[
            ("", _("None is written so")),
            ("mdy", _("Month first (2 March)")),
            ("dmy", _("Day first (3 February)")),
        ],
    )
    tag = forms.CharField(
        label=_("Tag for the new parcels"),
        required=False,
        max_length=LONGEST_TAG,
        help_text=_("Finds them together in the list. Rows with tags of their own keep those."),
    )

    def __init__(self, job: Import, rows: Sequence[Row], *args: Any, **kwargs: Any) -> None:
        """`rows` are the first ones of the file, without its heading."""
        super().__init__(*args, **kwargs)
        self.job, self.rows = job, rows
        # Asked once: a field asks a function each time somebody looks at its choices.
        self.fields["default_carrier"] = forms.ChoiceField(
            label=_("Carrier where none is named"), required=False, choices=carrier_choices()
        )
        choices = [("", _("Leave out")), *((column.key, column.label) for column in COLUMNS)]
        for place in range(len(job.header)):
            self.fields[f"column-{place}"] = forms.ChoiceField(required=False, choices=choices)

    def clean_tag(self) -> str:
        tag: str = self.cleaned_data["tag"]
        try:
            return read_tag(tag) if tag else ""
        except ValueError as exc:
            raise forms.ValidationError(str(exc)) from None

    def clean(self) -> dict[str, Any]:
        """Each of our columns at most once, and the number among them."""
        said = self.chosen()
        for place, key in enumerate(said):
            if key and key in said[:place]:
                self.add_error(
                    f"column-{place}",
                    forms.ValidationError(
                        _("“%(column)s” is chosen twice."), params={"column": BY_KEY[key].label}
                    ),
                )
        for column in COLUMNS:
            if column.is_required and column.key not in said:
                self.add_error(
                    None,
                    forms.ValidationError(
                        _("Say which column is “%(column)s”."), params={"column": column.label}
                    ),
                )
        dates = cells_of(self.rows, said, "mailing_date")
        if not self.cleaned_data.get("date_order") and has_unclear_dates(dates):
            self.add_error(
                "date_order",
                forms.ValidationError(_("Say it: the file has dates that could be read either way.")),
            )
        return self.cleaned_data

    def chosen(self) -> list[str]:
        """Our columns in the order of the file's, "" for those left out or chosen wrongly."""
        return [self.cleaned_data.get(f"column-{place}", "") for place in range(len(self.job.header))]

    def save(self) -> Import:
        """Write what was said into the draft."""
        job, said = self.job, self.cleaned_data
        job.columns = self.chosen()
        job.default_carrier = said["default_carrier"]
        job.default_mailing_date = said["default_mailing_date"]
        job.date_order, job.tag = said["date_order"], said["tag"]
        job.save(update_fields=["columns", "default_carrier", "default_mailing_date", "date_order", "tag"])
        return job
