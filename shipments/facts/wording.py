"""What a parcel's facts amount to in words a buyer understands, in the language that is active.

Every sentence says what the carrier said and since when, and promises nothing the carrier did not.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from shipments.enums import AnswerKind, Status
from shipments.facts import spelling
from shipments.facts.times import DeliveryEstimate, Posted

# A longer quotation would swamp the sentence; it is shown below it, whole.
_LONGEST_SPOT = 60


@dataclass(frozen=True, slots=True)
class Sighting:
    """A scan as far as a sentence needs it: when on the clock of its place, and where (`""` if not told)."""

    on: date
    at: time | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class ParcelWords:
    """What is known of a parcel, and may be told to whoever reads the sentence.

    `heard` is the kind of the newest answer (`""` before the first). `decisive` is the newest scan that
    tells the status, `latest` the newest of all. `zone` is the clock on which a promised day ends.
    """

    status: Status
    carrier: str
    heard: str = ""
    zone: str = "UTC"
    label_on: date | None = None
    latest: Sighting | None = None
    decisive: Sighting | None = None
    estimate: DeliveryEstimate | None = None
    delivered: Posted | None = None
    spot: str = ""
    reattempt: Posted | None = None


STATUS_LABELS = {
    Status.MANIFEST: pgettext_lazy("status", "Label created"),
    Status.ACCEPTANCE: pgettext_lazy("status", "With the carrier"),
    Status.PICKED_UP: pgettext_lazy("status", "Picked up"),
    Status.IN_TRANSIT: pgettext_lazy("status", "On the way"),
    Status.OUT_FOR_DELIVERY: pgettext_lazy("status", "Out for delivery"),
    Status.DELIVERY_ATTEMPT: pgettext_lazy("status", "Delivery attempted"),
    Status.READY_FOR_PICKUP: pgettext_lazy("status", "Ready for pickup"),
    Status.PICKUP_MISSED: pgettext_lazy("status", "Pickup missed"),
    Status.DELIVERED: pgettext_lazy("status", "Delivered"),
    Status.RETURN_TO_SENDER: pgettext_lazy("status", "Return to sender"),
    Status.EXCEPTION: pgettext_lazy("status", "Problem reported"),
    Status.UNKNOWN: pgettext_lazy("status", "Not known yet"),
}
_SCAN_OF_UNKNOWN_MEANING = pgettext_lazy("status", "Scanned by the carrier")
# Keys of `timeline.STEPS`.
_STEP_LABELS = {
    "label-created": pgettext_lazy("step", "Label created"),
    "with-carrier": pgettext_lazy("step", "With the carrier"),
    "on-the-way": pgettext_lazy("step", "On the way"),
    "out-for-delivery": pgettext_lazy("step", "Out for delivery"),
    "delivered": pgettext_lazy("step", "Delivered"),
}
# Each sentence with its scan's day, time and place, and without.
_MOVING = {
    Status.ACCEPTANCE: (
        gettext_lazy("Handed to %(carrier)s on %(news)s"),
        gettext_lazy("Handed to %(carrier)s"),
    ),
    Status.PICKED_UP: (
        gettext_lazy("Picked up by %(carrier)s on %(news)s"),
        gettext_lazy("Picked up by %(carrier)s"),
    ),
    Status.IN_TRANSIT: (
        gettext_lazy("On the way: last scanned on %(news)s"),
        gettext_lazy("On the way with %(carrier)s"),
    ),
    Status.OUT_FOR_DELIVERY: (
        gettext_lazy("Out for delivery since %(news)s"),
        gettext_lazy("Out for delivery with %(carrier)s"),
    ),
    Status.UNKNOWN: (
        gettext_lazy("Scanned by %(carrier)s on %(news)s"),
        gettext_lazy("Scanned by %(carrier)s"),
    ),
}
_TROUBLE = {
    Status.DELIVERY_ATTEMPT: (
        gettext_lazy("The carrier tried to deliver on %(news)s, and could not"),
        gettext_lazy("The carrier tried to deliver, and could not"),
    ),
    Status.READY_FOR_PICKUP: (
        gettext_lazy("Ready for pickup since %(news)s"),
        gettext_lazy("Ready for pickup"),
    ),
    Status.PICKUP_MISSED: (
        gettext_lazy("A pickup was missed on %(news)s"),
        gettext_lazy("A pickup was missed"),
    ),
    Status.EXCEPTION: (
        gettext_lazy("The carrier reported a problem on %(news)s"),
        gettext_lazy("The carrier reported a problem"),
    ),
    # The same status while it travels back and when it has arrived there.
    Status.RETURN_TO_SENDER: (
        gettext_lazy("Sent back to the sender: last scanned on %(news)s"),
        gettext_lazy("Sent back to the sender"),
    ),
}
# Carriers' words for where a parcel was left, without their punctuation; only these can be translated.
_SPOTS = {
    "front porch": gettext_lazy("front porch"),
    "back porch": gettext_lazy("back porch"),
    "porch": gettext_lazy("porch"),
    "front door": gettext_lazy("front door"),
    "left at front door": gettext_lazy("front door"),
    "front door porch": gettext_lazy("front door or porch"),
    "back door": gettext_lazy("back door"),
    "side door": gettext_lazy("side door"),
    "garage": gettext_lazy("garage"),
    "garage or other location at address": gettext_lazy("garage or another place at the address"),
    "garage other door other location at address": gettext_lazy("garage or another place at the address"),
    "mailbox": gettext_lazy("mailbox"),
    "in at mailbox": gettext_lazy("in or at the mailbox"),
    "reception": gettext_lazy("reception"),
    "front desk": gettext_lazy("front desk"),
    "front desk reception mail room": gettext_lazy("front desk, reception or mail room"),
    "mail room": gettext_lazy("mail room"),
    "to mail room": gettext_lazy("mail room"),
    "parcel locker": gettext_lazy("parcel locker"),
    "po box": gettext_lazy("post office box"),
    "left with individual": gettext_lazy("handed to a person at the address"),
    "to agent": gettext_lazy("handed to an agent"),
    "neighbor as requested": gettext_lazy("left with a neighbor, as requested"),
    "individual picked up at post office": gettext_lazy("collected at the post office"),
    "individual picked up at postal facility": gettext_lazy("collected at a postal facility"),
}


def status_label(status: Status | str) -> str:
    """Our two or three words for where a parcel is."""
    return str(STATUS_LABELS[Status(status)])


def scan_label(status: Status | str) -> str:
    """Our words for what a scan tells; one whose meaning nobody knows is a scan all the same."""
    return str(_SCAN_OF_UNKNOWN_MEANING) if status == Status.UNKNOWN else status_label(status)


def step_label(step: str) -> str:
    """The name of one of `timeline.STEPS`."""
    return str(_STEP_LABELS[step])


def sentence(facts: ParcelWords, *, now: datetime) -> str:
    """What is known of the parcel, in one sentence without a full stop."""
    today = spelling.today_at(now, facts.zone)
    news = facts.decisive or facts.latest
    seen = _seen(news, today) if news else None
    if facts.status == Status.DELIVERED:
        return _delivered(facts, today)
    if facts.status in _TROUBLE:
        return _troubled(facts, seen, today)
    if facts.status == Status.MANIFEST:
        if facts.label_on is None:
            return _("Waiting for the carrier's first scan: only the label is known")
        day = spelling.short_day(facts.label_on, today)
        return _("Waiting for the carrier's first scan: the label was made on %(day)s") % {"day": day}
    if facts.status == Status.UNKNOWN and seen is None:
        return _nothing_known(facts)
    # Late, but at the door today: what was promised before is no longer the news.
    at_last = facts.status == Status.OUT_FOR_DELIVERY and is_late(facts, now=now)
    if facts.estimate is not None and not at_last:
        return _expected(facts, facts.estimate, now, today)
    dated, undated = _MOVING[facts.status]
    return str(dated if seen else undated) % {"news": seen, "carrier": facts.carrier}


def action(facts: ParcelWords) -> str | None:
    """What the reader should do now, None when there is nothing to do."""
    carrier = {"carrier": facts.carrier}
    unseen = facts.latest is None
    match facts.status:
        case Status.DELIVERY_ATTEMPT if facts.reattempt is not None:
            return _(
                "Be there at the next attempt if you can, or look at the notice at the door for another way to get it."
            )
        case Status.DELIVERY_ATTEMPT:
            return _("Look for a notice at the door, or ask %(carrier)s when it will come again.") % carrier
        case Status.READY_FOR_PICKUP:
            return (
                _(
                    "Collect it where the notice of %(carrier)s says, and bring proof of identity. What is not collected in time goes back to the sender."
                )
                % carrier
            )
        case Status.PICKUP_MISSED:
            return _("Ask %(carrier)s soon how you can still get it.") % carrier
        case Status.EXCEPTION:
            return _(
                "If the address may be wrong or incomplete, tell the sender now. Otherwise wait for the next scan."
            )
        case Status.RETURN_TO_SENDER:
            return _("Ask the sender for a new delivery or for your money back.")
        case Status.UNKNOWN if unseen and facts.heard == AnswerKind.NOT_KNOWN:
            return _(
                "Look again tomorrow. If nothing has appeared after three days, ask the sender whether the parcel was handed over."
            )
        case Status.UNKNOWN if unseen and facts.heard == AnswerKind.NOT_ALLOWED:
            return _("Look at the carrier's own page, or ask the sender.")
        case _:
            return None


def is_late(facts: ParcelWords, *, now: datetime) -> bool:
    """Whether the promised day, or the end of its window, has passed without a delivery."""
    estimate = facts.estimate
    if estimate is None or facts.status in {Status.DELIVERED, Status.RETURN_TO_SENDER}:
        return False
    local = now.astimezone(ZoneInfo(facts.zone) if estimate.offset is None else timezone(estimate.offset))
    end = spelling.telling_end(estimate)
    return local.date() > estimate.on or (
        local.date() == estimate.on and end is not None and local.time() > end
    )


def spot_in(description: str) -> str:
    """Where the parcel was left, out of the carrier's words ("Delivered - FRONT PORCH"); `""` if they don't say.

    In the reader's language where we know the words, else as the carrier wrote them.
    """
    rest = re.sub(r"^\s*delivered\b[\s,:;–-]*", "", description, flags=re.IGNORECASE)
    first = re.split(r"[.;]\s", rest, maxsplit=1)[0].strip(" .,;:-")
    known = _SPOTS.get(" ".join(re.findall(r"[a-z0-9]+", first.casefold())))
    if known is not None:
        return str(known)
    if len(first) > _LONGEST_SPOT:
        return ""
    return first.lower() if first.isupper() else first[:1].lower() + first[1:]


def _delivered(facts: ParcelWords, today: date) -> str:
    if facts.delivered is None:
        return _("Delivered, %(spot)s") % {"spot": facts.spot} if facts.spot else _("Delivered")
    when = spelling.moment(facts.delivered, today)
    if facts.spot:
        return _("Delivered %(when)s, %(spot)s") % {"when": when, "spot": facts.spot}
    return _("Delivered %(when)s") % {"when": when}


def _troubled(facts: ParcelWords, seen: str | None, today: date) -> str:
    dated, undated = _TROUBLE[facts.status]
    text = str(dated if seen else undated) % {"news": seen}
    if facts.status == Status.DELIVERY_ATTEMPT and facts.reattempt is not None:
        when = spelling.moment(facts.reattempt, today)
        return _("%(sentence)s; another attempt: %(when)s") % {"sentence": text, "when": when}
    return text


def _expected(facts: ParcelWords, estimate: DeliveryEstimate, now: datetime, today: date) -> str:
    when = spelling.window(estimate, today)
    if is_late(facts, now=now):
        return _("Later than expected: it was due %(when)s") % {"when": when}
    if facts.status == Status.OUT_FOR_DELIVERY:
        return _("Out for delivery: arriving %(when)s") % {"when": when}
    return _("Arriving %(when)s") % {"when": when}


def _nothing_known(facts: ParcelWords) -> str:
    carrier = {"carrier": facts.carrier}
    match facts.heard:
        case AnswerKind.NOT_KNOWN:
            return (
                _("%(carrier)s does not know this number yet: a new one often appears with its first scan")
                % carrier
            )
        case AnswerKind.NOT_ALLOWED:
            return _("%(carrier)s does not tell us about this parcel") % carrier
        case AnswerKind.UNREADABLE:
            return (
                _("Nothing is known of this parcel yet: the answer of %(carrier)s could not be read")
                % carrier
            )
        case AnswerKind.SNAPSHOT:
            return _("%(carrier)s knows this number, and has no scan of the parcel yet") % carrier
        case _:
            return _("Nothing is known of this parcel yet: %(carrier)s has not answered") % carrier


def _seen(news: Sighting, today: date) -> str:
    when = spelling.moment(Posted(news.on, news.at), today)
    return _("%(when)s, in %(place)s") % {"when": when, "place": news.place} if news.place else when
