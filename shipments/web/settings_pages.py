"""Settings: what the merchant is, from when on a parcel needs somebody, and what each person is told by e-mail."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from shipments import queueing
from shipments.analytics import letters
from shipments.enums import Reason, Role, ZoneKnownBy
from shipments.facts import spelling
from shipments.facts.reasons import words
from shipments.models import Merchant, Throttle
from shipments.web.access import MemberRequest, for_members, has_rank, record
from shipments.web.forms_settings import (
    THRESHOLDS,
    AlertForm,
    MerchantForm,
    ThresholdForm,
    language_names,
    zones,
)

# Enough to find out why mails do not arrive, too few to fill a mailbox.
MOST_TEST_MAILS = 3
PER = timedelta(minutes=10)

# What always needs somebody, whatever the thresholds.
AT_ONCE = (Reason.EXCEPTION, Reason.RETURNING, Reason.ATTEMPTED)

page = require_http_methods(["GET", "HEAD", "POST"])


@page
@for_members()
def merchant(request: MemberRequest) -> HttpResponse:
    """The merchant's name, clock, language and private links: an owner's to change, everybody's to see."""
    form, is_saved = _merchants_own(request, MerchantForm)
    if is_saved:
        messages.success(request, _("Saved."))
        return redirect("settings", request.merchant.slug)
    zone = request.merchant.time_zone
    now = timezone.now()
    return render(
        request,
        "dashboard/settings_merchant.html",
        {
            "room": "settings",
            "part": "merchant",
            "form": form,
            "zones": zones() if form else (),
            "language_name": dict(language_names()).get(request.merchant.language, request.merchant.language),
            "clock": spelling.clock(now.astimezone(ZoneInfo(zone)).time()),
        },
        status=_status(form),
    )


@page
@for_members()
def attention(request: MemberRequest) -> HttpResponse:
    """From when on a parcel needs somebody: an owner's to change, everybody's to see."""
    form, is_saved = _merchants_own(request, ThresholdForm)
    if is_saved:
        queueing.enqueue(queueing.REVIEW_ATTENTION)
        messages.success(request, _("Saved. Attention follows within a few minutes."))
        return redirect("settings-attention", request.merchant.slug)
    return render(
        request,
        "dashboard/settings_attention.html",
        {
            "room": "settings",
            "part": "attention",
            "form": form,
            "thresholds": [
                {
                    "about": threshold,
                    "field": form[threshold.field] if form else None,
                    "told": threshold.told(getattr(request.merchant, threshold.field)),
                }
                for threshold in THRESHOLDS
            ],
            "proof_label": words(Reason.NO_PROOF).label,
            "at_once": [words(reason).label for reason in AT_ONCE],
        },
        status=_status(form),
    )


@page
@for_members()
def alerts(request: MemberRequest) -> HttpResponse:
    """What this person is told by e-mail, and when: each member's own."""
    member = request.membership
    form = AlertForm(request.POST if request.method == "POST" else None, membership=member)
    if form.is_valid():
        member.choose_alerts(
            form.chosen_time, [Reason(reason) for reason in form.cleaned_data["reasons"]], timezone.now()
        )
        messages.success(request, _("Saved."))
        return redirect("settings-alerts", request.merchant.slug)
    return render(
        request,
        "dashboard/settings_alerts.html",
        {
            "room": "settings",
            "part": "alerts",
            "form": form,
            "choices": [(choice, words(choice.data["value"])) for choice in form["reasons"]],
            "zone": spelling.zone_label(request.merchant.time_zone, None, ZoneKnownBy.PLACE),
        },
        status=_status(form),
    )


@require_POST
@for_members()
def send_test(request: MemberRequest) -> HttpResponse:
    """A mail to whoever asks for it, by the way all mails take."""
    member = request.membership
    if Throttle.objects.allows(
        "test-mail", str(member.pk), limit=MOST_TEST_MAILS, per=PER, now=timezone.now()
    ):
        with translation.override(request.merchant.language):
            letters.write_to(member, "test", _("Mails reach you"), {})
        messages.success(
            request,
            _(
                "A test mail to %(address)s is on its way. If it is not there in a few minutes, look among the spam, "
                "then ask whoever runs this site."
            )
            % {"address": request.user.email},
        )
    else:
        messages.warning(
            request,
            _("%(count)d test mails are on their way already. Try again in ten minutes.")
            % {"count": MOST_TEST_MAILS},
        )
    return redirect("settings-alerts", request.merchant.slug)


def _merchants_own(
    request: MemberRequest, form_class: type[MerchantForm] | type[ThresholdForm]
) -> tuple[MerchantForm | ThresholdForm | None, bool]:
    """The form for an owner (None for others), and whether what they sent was saved."""
    is_owner = has_rank(request.membership, Role.OWNER)
    if request.method != "POST":
        return (form_class(instance=request.merchant) if is_owner else None), False
    if not is_owner:
        raise PermissionDenied
    with transaction.atomic():
        # A row of its own: the page around a refused form goes on showing what is saved.
        row = Merchant.objects.select_for_update().get(pk=request.merchant.pk)
        before = {name: getattr(row, name) for name in form_class.base_fields}
        form = form_class(request.POST, instance=row)
        if not form.is_valid():
            return form, False
        changed = [name for name in before if getattr(row, name) != before[name]]
        if changed:
            row.save(update_fields=changed)
            record(
                request,
                "changed",
                row,
                before={name: before[name] for name in changed},
                after={name: getattr(row, name) for name in changed},
            )
    return form, True


def _status(form: forms.BaseForm | None) -> int:
    return 400 if form is not None and form.is_bound and not form.is_valid() else 200
