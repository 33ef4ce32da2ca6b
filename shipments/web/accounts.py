"""A merchant's own carrier accounts, for its owners: keys are added, tried and retired here, and never shown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from shipments import queueing
from shipments.enums import Environment, Role
from shipments.facts import spelling
from shipments.facts.connection_words import ConnectionWords, connection_words
from shipments.models import CarrierAccount, Credential
from shipments.refresh.budget import quota_of, spent_by
from shipments.refresh.expiring import STAGES
from shipments.refresh.figures import standing_of
from shipments.tracking.accounts import WHOM_WE_ASK, NewKey, give_key, retire, take_effect
from shipments.web.access import MemberRequest, for_members, record
from shipments.web.forms_accounts import ExpiryForm, KeyForm, OwnersAccountForm, OwnersChangeForm
from shipments.web.htmx import page_or_fragment

ROOM, PART = "settings", "accounts"
POLL_SECONDS = 2

page = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, slots=True)
class Key:
    """A live key as pages show it: never itself."""

    pk: int
    ending: str
    is_first: bool
    state: str
    is_refused: bool
    refusal: str
    added: str
    added_at: datetime
    added_by: str
    expires: str
    is_near: bool
    is_over: bool
    expiry_form: ExpiryForm


@dataclass(frozen=True, slots=True)
class Account:
    """An account as pages show it."""

    pk: int
    gateway: str
    is_test: bool
    address: str
    is_active: bool
    standing: str
    is_well: bool
    last_success: str
    last_success_at: datetime | None
    last_error: str
    keys: list[Key]
    is_being_tested: bool
    test: ConnectionWords | None
    test_words: str
    tested: str


@require_http_methods(["GET", "HEAD"])
@for_members(Role.OWNER)
def accounts(request: MemberRequest) -> HttpResponse:
    """The merchant's own accounts, and what holds where there is none."""
    now = timezone.now()
    shown = [_account(one, now) for one in _own(request).order_by("pk")]
    has_shared = CarrierAccount.objects.filter(merchant=None, is_active=True).exists()
    return render(
        request,
        "dashboard/accounts.html",
        {"room": ROOM, "part": PART, "accounts": shown, "has_shared": has_shared},
    )


@page
@for_members(Role.OWNER)
def add(request: MemberRequest) -> HttpResponse:
    """A new account with its first key."""
    form = OwnersAccountForm(
        request.POST if request.method == "POST" else None,
        instance=CarrierAccount(merchant=request.merchant),
    )
    if not form.is_valid() or form.new_key is None:
        context = {"room": ROOM, "part": PART, "form": form}
        return render(request, "dashboard/account_add.html", context, status=_status(form))
    now = timezone.now()
    with transaction.atomic():
        account = form.save()
        record(request, "added", account, after={name: form.cleaned_data[name] for name in form.Meta.fields})
        _give(request, account, form.new_key, now)
        woken = take_effect(account, now)
        _request_test(request, account, now)
    messages.success(
        request,
        _("The account is added, and its connection is being tried.")
        + (" " + _("Parcels that had waited for an account are asked about now.") if woken else ""),
    )
    return _to(request, account)


@page
@for_members(Role.OWNER)
def account(request: MemberRequest, pk: int) -> HttpResponse:
    """One account: its keys, how it fares and what it is; a post changes what it is."""
    found = _found(request, pk)
    if request.method != "POST":
        return _page(request, found)
    with transaction.atomic():
        row = CarrierAccount.objects.select_for_update().get(pk=found.pk)
        before = {name: getattr(row, name) for name in OwnersChangeForm.Meta.fields}
        form = OwnersChangeForm(request.POST, instance=row)
        if not form.is_valid():
            return _page(request, found, change_form=form)
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
        if WHOM_WE_ASK & set(changed):
            take_effect(row, timezone.now())
    messages.success(request, _("Saved."))
    return _to(request, found)


@require_POST
@for_members(Role.OWNER)
def add_key(request: MemberRequest, pk: int) -> HttpResponse:
    """A newer key: asked with first, while the older one goes on until it has worked."""
    found = _found(request, pk)
    form = KeyForm(request.POST, account=found)
    if not form.is_valid():
        return _page(request, found, key_form=form)
    now = timezone.now()
    with transaction.atomic():
        _give(request, found, form.new_key, now)
        take_effect(found, now)
        _request_test(request, found, now)
    messages.success(
        request,
        _("The key is stored and asked with first; its connection is being tried. It is not shown again."),
    )
    return _to(request, found)


@require_POST
@for_members(Role.OWNER)
def set_expiry(request: MemberRequest, pk: int, key: int) -> HttpResponse:
    """The day on which a key ends, or that it does not."""
    found = _found(request, pk)
    row = _live_key(found, key)
    before = row.expires_on
    form = ExpiryForm(request.POST, instance=row)
    if not form.is_valid():
        messages.error(request, _("Nothing has changed: a day is written as 2026-12-31."))
        return _to(request, found)
    if row.expires_on != before:
        with transaction.atomic():
            row.reminded = None
            row.save(update_fields=["expires_on", "reminded"])
            record(
                request,
                "changed",
                row,
                before={"expires_on": before},
                after={"expires_on": row.expires_on},
            )
    messages.success(request, _("Saved."))
    return _to(request, found)


@require_POST
@for_members(Role.OWNER)
def retire_key(request: MemberRequest, pk: int, key: int) -> HttpResponse:
    """Erase a key's secret now."""
    found = _found(request, pk)
    row = _live_key(found, key)
    now = timezone.now()
    with transaction.atomic():
        if retire(row, now):
            take_effect(found, now)
            record(request, "key retired", found, before={"ending": row.ending})
    messages.success(request, _("The key %(key)s is retired, and its secret erased.") % {"key": row})
    return _to(request, found)


@require_POST
@for_members(Role.OWNER)
def test(request: MemberRequest, pk: int) -> HttpResponse:
    """Have the queue try the connection; the page shows what came of it."""
    found = _found(request, pk)
    with transaction.atomic():
        _request_test(request, found, timezone.now())
    return _to(request, found, "#connection")


@require_POST
@for_members(Role.OWNER)
def switch(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask with the account, or no longer."""
    found = _found(request, pk)
    is_on = request.POST.get("active") == "yes"
    if found.is_active != is_on:
        with transaction.atomic():
            CarrierAccount.objects.filter(pk=found.pk).update(is_active=is_on)
            found.is_active = is_on
            take_effect(found, timezone.now())
            record(request, "changed", found, before={"is_active": not is_on}, after={"is_active": is_on})
    messages.success(
        request,
        _("The account is asked with again.")
        if is_on
        else _("The account is switched off: nobody is asked with it, and its keys are kept."),
    )
    return _to(request, found)


# Who finds an open browser must not be able to stop the tracking. Forms with a key in them do not ask for the password first:
# what was posted would wait in the session, in clear.
_password_first: Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]
_password_first = reauthentication_required()


@page
@for_members(Role.OWNER)
@_password_first
def delete(request: MemberRequest, pk: int) -> HttpResponse:
    """Say what deleting means; with `sure`, delete."""
    found = _found(request, pk)
    if request.POST.get("sure") != "yes":
        context = {"room": ROOM, "part": PART, "account": _account(found, timezone.now())}
        return render(
            request, "dashboard/account_delete.html", context, status=400 if request.method == "POST" else 200
        )
    with transaction.atomic():
        record(
            request,
            "deleted",
            found,
            before={"gateway": found.gateway, "environment": found.environment, "base_url": found.base_url},
        )
        found.delete()
    messages.success(
        request, _("The account is deleted, and its keys with it. What is known of parcels is kept.")
    )
    return redirect("accounts", request.merchant.slug)


def _own(request: MemberRequest) -> QuerySet[CarrierAccount]:
    live = Credential.objects.live().newest_first().select_related("added_by")
    return (
        CarrierAccount.objects.filter(merchant=request.merchant)
        .select_related("budget")
        .prefetch_related(Prefetch("credentials", live, to_attr="live_keys"))
    )


def _found(request: MemberRequest, pk: int) -> CarrierAccount:
    found = _own(request).filter(pk=pk).first()
    if found is None:
        raise Http404
    found.merchant = request.merchant
    return found


def _live_key(account: CarrierAccount, pk: int) -> Credential:
    live: list[Credential] = account.live_keys  # type: ignore[attr-defined]  # prefetched
    for one in live:
        if one.pk == pk:
            return one
    raise Http404


def _give(request: MemberRequest, account: CarrierAccount, new: NewKey, now: datetime) -> None:
    made, replaced = give_key(account, new, by=request.user, now=now)
    record(
        request,
        "key added",
        account,
        before={} if replaced is None else {"ending": replaced.ending},
        after={
            "key": new.key,
            "secret": new.secret,
            "ending": made.ending,
            "expires_on": made.expires_on,
        },
    )


def _request_test(request: MemberRequest, account: CarrierAccount, now: datetime) -> None:
    account.request_test(now)
    queueing.enqueue(queueing.TEST_ACCOUNT, account.pk)
    record(request, "tested", account)


def _page(
    request: MemberRequest,
    found: CarrierAccount,
    *,
    key_form: KeyForm | None = None,
    change_form: OwnersChangeForm | None = None,
) -> HttpResponse:
    now = timezone.now()
    shown = _account(found, now)
    quota = quota_of(found)
    _at, spent = spent_by(found.pk, now)
    context = {
        "room": ROOM,
        "part": PART,
        "account": shown,
        "poll_seconds": POLL_SECONDS,
        "per_hour": quota.per_hour,
        "spent": spent.calls,
        "key_form": key_form or KeyForm(account=found),
        "change_form": change_form or OwnersChangeForm(instance=found),
        "has_refused_key": key_form is not None,
        "has_refused_change": change_form is not None,
    }
    refused = key_form is not None or change_form is not None
    return page_or_fragment(
        request,
        "dashboard/account_detail.html",
        "dashboard/_account_test.html",
        context,
        status=400 if refused else 200,
    )


def _account(one: CarrierAccount, now: datetime) -> Account:
    live: list[Credential] = one.live_keys  # type: ignore[attr-defined]  # prefetched
    has_result = one.tested_at is not None and one.test_result
    budget = getattr(one, "budget", None)
    return Account(
        pk=one.pk,
        gateway=one.get_gateway_display(),
        is_test=one.environment == Environment.TEST,
        address=one.base_url,
        is_active=one.is_active,
        standing=standing_of(one, now),
        is_well=one.is_active and bool(live) and (budget is None or not budget.is_open),
        last_success=spelling.age(now - one.last_success_at) if one.last_success_at else "",
        last_success_at=one.last_success_at,
        last_error=one.last_error
        if one.last_error_at and (one.last_success_at is None or one.last_error_at > one.last_success_at)
        else "",
        keys=[_key(each, is_first=each is live[0], now=now) for each in live],
        is_being_tested=one.is_being_tested,
        test=connection_words(one.test_result, one.get_gateway_display()) if has_result else None,
        test_words=one.test_words,
        tested=spelling.age(now - one.tested_at) if one.tested_at else "",
    )


def _key(one: Credential, *, is_first: bool, now: datetime) -> Key:
    today = timezone.localdate(now)
    left = None if one.expires_on is None else (one.expires_on - today).days
    if one.refused_at is not None:
        state = _("Refused by the carrier %(when)s.") % {"when": spelling.age(now - one.refused_at)}
    elif one.worked_at is not None:
        state = _("Worked %(when)s.") % {"when": spelling.age(now - one.worked_at)}
    else:
        state = _("Not tried yet.")
    return Key(
        pk=one.pk,
        ending=one.ending,
        is_first=is_first,
        state=state,
        is_refused=one.refused_at is not None,
        refusal=one.refusal,
        added=spelling.short_day(timezone.localdate(one.added_at), today),
        added_at=one.added_at,
        added_by=one.added_by.get_full_name() if one.added_by else "",
        expires=spelling.long_day(one.expires_on, today) if one.expires_on else "",
        is_near=left is not None and left <= STAGES[0],
        is_over=left is not None and left < 0,
        expiry_form=ExpiryForm(instance=one, auto_id=f"id_%s_{one.pk}"),
    )


def _to(request: MemberRequest, account: CarrierAccount, part: str = "") -> HttpResponse:
    response = redirect("account", request.merchant.slug, account.pk)
    response["Location"] += part
    return response


def _status(form: BaseForm) -> int:
    return 400 if form.is_bound else 200
