"""The health page: how the installation fares, what of it needs a person, and the few deeds that mend it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from shipments import queueing
from shipments.models import AuditEntry, Mail, User
from shipments.models.retention import KINDS
from shipments.monitoring import health
from shipments.monitoring.health import AccountHealth, CarrierHealth, Health
from shipments.monitoring.readiness import SILENT_AFTER
from shipments.monitoring.verdict import needs
from shipments.outbound import mail
from shipments.refresh.figures import HourOfCalls
from shipments.web.charts import BarChart, bar_chart
from shipments.web.htmx import page_or_fragment
from shipments.web.visitors import client_address

VIEW, CHANGE = "shipments.view_health", "shipments.change_health"
HOURS = 24
CHART_HEIGHT = 120
# What stands before a list of replays, once there is one.
REPLAYS = "admin:shipments_replay_changelist"

WORK: dict[str, Promise] = {
    "mails": _("mails"),
    "buyers": _("parcels whose buyers are to be told"),
    "proofs": _("pictures of deliveries"),
    "imports": _("imports"),
    "bulk_actions": _("deeds on many parcels"),
}


def urls(site: AdminSite) -> list[URLPattern]:
    """The page and its deeds, for staff of this site."""
    return [
        path("health/", site.admin_view(_page(site)), name="health"),
        path("health/tasks/", site.admin_view(require_POST(tasks)), name="health-tasks"),
        path("health/mails/", site.admin_view(require_POST(mails)), name="health-mails"),
    ]


# ---- The page ----------------------------------------------------------------------------------------------------


def _page(site: AdminSite) -> Any:
    @require_safe
    def page(request: HttpRequest) -> HttpResponse:
        """How everything fares, anew every half minute where there are scripts."""
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        now = timezone.now()
        try:
            found = health.read(now)
        except OperationalError:
            # Where reading takes too long it is given up: whoever watches must not be what slows the site down.
            context: dict[str, Any] = {"at": now, "health": None}
        else:
            context = _shown(found)
        may_change = request.user.has_perm(CHANGE)
        return page_or_fragment(
            request,
            "admin/health.html",
            "admin/_health.html",
            {**site.each_context(request), "title": gettext("Health"), "may_change": may_change, **context},
            status=200 if context["health"] else 503,
        )

    return page


@dataclass(frozen=True, slots=True)
class AccountCard:
    """An account, and its calls of the last hours: as a chart, and the newest first with what each left of today's quota (None
    without one)."""

    health: AccountHealth
    chart: BarChart
    hours: tuple[tuple[str, HourOfCalls, int | None], ...]


@dataclass(frozen=True, slots=True)
class Hour:
    """One of the hours of all charts: when it begins, and how that is written below a bar and in a table."""

    begins_at: datetime
    tick: str
    words: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of the queue, and whether it is alive."""

    name: str
    at: datetime
    is_alive: bool


def _shown(found: Health) -> dict[str, Any]:
    hours = _hours(found.at)
    beats = sorted(found.readings.beats.items(), key=lambda beat: beat[1], reverse=True)
    return {
        "at": found.at,
        "health": found,
        "needs": needs(found),
        "accounts": [_card(account, hours) for account in found.accounts],
        "clusters": [Cluster(name, at, found.at - at <= SILENT_AFTER) for name, at in beats],
        "work": [(name, found.readings.pending[kind]) for kind, name in WORK.items()],
        "carriers": [(carrier, _codes(carrier)) for carrier in found.carriers],
        "replays": _address(REPLAYS),
        "overdue": [(one.kind.words, one) for one in found.overdue],
        "due": [(KINDS[one.kind], one) for one in found.due],
        "most_failures": queueing.MOST_FAILURES,
        "mails_in_arrears": sum(kind.in_arrears for kind in found.mails),
        "mails_held": sum(kind.held for kind in found.mails),
    }


def _hours(now: datetime) -> list[Hour]:
    """The last hours, written once for all charts."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    moments = (first + timedelta(hours=n) for n in range(HOURS))
    return [Hour(at, date_format(at, "H"), date_format(at, "D H:i")) for at in moments]


def _card(account: AccountHealth, last: list[Hour]) -> AccountCard:
    by_hour = {hour.begins_at: hour for hour in account.hours}
    hours = [by_hour.get(one.begins_at, HourOfCalls(one.begins_at, 0, 0, 0)) for one in last]
    quota = account.standing.per_hour
    return AccountCard(
        account,
        bar_chart(
            [hour.calls for hour in hours],
            [quota] * HOURS if quota else [],
            ticks=[one.tick for one in last],
            labels=[str(hour.calls) for hour in hours],
            words=[_words(one, hour) for one, hour in zip(last, hours, strict=True)],
            marks=[],
            height=CHART_HEIGHT,
        ),
        tuple(
            (one.words, hour, None if quota is None else max(0, quota - hour.calls))
            for one, hour in zip(reversed(last), reversed(hours), strict=True)
        ),
    )


def _words(at: Hour, hour: HourOfCalls) -> str:
    return ngettext(
        "%(hour)s: %(calls)d call, without an answer: %(failed)d",
        "%(hour)s: %(calls)d calls, without an answer: %(failed)d",
        hour.calls,
    ) % {"hour": at.words, "calls": hour.calls, "failed": hour.failed}


def _codes(carrier: CarrierHealth) -> list[tuple[Any, str]]:
    """The carrier's codes, each with the address of the form that gives it a meaning."""
    form = reverse("admin:shipments_statusmapping_add")
    words = ("word",), ("code", "text")
    return [
        (
            code,
            f"{form}?{urlencode({'carrier': carrier.code, **{name: getattr(code, name) for name in words[not code.word]}})}",
        )
        for code in carrier.codes
    ]


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


# ---- Deeds -------------------------------------------------------------------------------------------------------


def tasks(request: HttpRequest) -> HttpResponse:
    """Try failed tasks again, or forget that they failed: those named in `task`, as `do` says."""
    keys, do = request.POST.getlist("task")[: queueing.MOST_FAILURES], request.POST.get("do")
    _may_change(request)
    if do == "retry":
        with transaction.atomic():
            again = queueing.retry_failures(keys)
            _write_down(request, "tried again", again)
        count = len(again)
        said = ngettext("%(count)d task is tried again.", "%(count)d tasks are tried again.", count)
    elif do == "forget":
        with transaction.atomic():
            dropped = queueing.drop_failures(keys)
            _write_down(request, "forgotten", dropped)
        count = len(dropped)
        said = ngettext("%(count)d failed task is forgotten.", "%(count)d failed tasks are forgotten.", count)
    else:
        return _back(request, gettext("Nothing was done: choose “Try again” or “Forget”."), "#queue")
    if not count:
        said = gettext("Nothing was left to do: somebody else has done it meanwhile, or nobody can.")
    return _back(request, said % {"count": count} if count else said, "#queue")


def mails(request: HttpRequest) -> HttpResponse:
    """Try the mails that wait after an error again at once; or send or drop those that a restored backup brought back."""
    _may_change(request)
    now, do = timezone.now(), request.POST.get("do")
    with transaction.atomic():
        if do == "send":
            verb, count = "sent again", mail.send_held(now)
            said = ngettext("%(count)d mail is sent.", "%(count)d mails are sent.", count)
        elif do == "drop":
            verb, count = "dropped", Mail.objects.held().drop()
            said = ngettext("%(count)d mail is dropped.", "%(count)d mails are dropped.", count)
        else:
            verb, count = "tried again", mail.try_now(now)
            said = ngettext("%(count)d mail is tried again.", "%(count)d mails are tried again.", count)
        # Many at once: no row of its own is meant.
        AuditEntry.objects.record(
            verb,
            Mail(pk=0),
            by=_who(request),
            source="admin",
            address=client_address(request),
            after={"mails": count},
        )
    if count:
        said %= {"count": count}
    elif do in {"send", "drop"}:
        said = gettext("None is held any more: somebody else has sent or dropped them meanwhile.")
    else:
        said = gettext("No mail had to be brought forward: what waits is tried within minutes anyway.")
    return _back(request, said, "#mails")


def _may_change(request: HttpRequest) -> None:
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied


def _write_down(request: HttpRequest, verb: str, failed: list[queueing.Failed]) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry.objects.entry(
            verb,
            one.row,
            by=_who(request),
            source="admin",
            address=client_address(request),
            after={"task": one.name, "ids": " ".join(map(str, one.ids))},
        )
        for one in failed
    )


def _who(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _back(request: HttpRequest, said: str, part: str) -> HttpResponse:
    messages.info(request, said)
    return HttpResponseRedirect(reverse("admin:health") + part)
