"""A ready reply to a buyer who asks where their parcel is, in the buyer's language.

What it says of the parcel is the sentence of `wording`; what it offers is the merchant's to offer, and no more.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from shipments.enums import AnswerKind, Status
from shipments.facts import spelling, wording
from shipments.facts.wording import ParcelWords


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """What a reply is made of; `recipient` and `order` are `""` where they are not known. `link` opens the parcel's page."""

    parcel: ParcelWords
    number: str
    link: str
    sender: str
    recipient: str = ""
    order: str = ""


def reply(words: ReplyWords, *, language: str, now: datetime) -> str:
    """The reply as plain text, paragraphs apart."""
    with translation.override(language):
        paragraphs = [
            _("Hello %(name)s,") % {"name": words.recipient} if words.recipient else _("Hello,"),
            _news(words, now),
            _to_do(words.parcel, now),
            _("You can follow it here: %(link)s") % {"link": words.link},
            _("Kind regards,\n%(sender)s") % {"sender": words.sender},
        ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _news(words: ReplyWords, now: datetime) -> str:
    about = (
        _("This is about your order %(order)s, sent with %(carrier)s under the number %(number)s.")
        if words.order
        else _("This is about your parcel, sent with %(carrier)s under the number %(number)s.")
    ) % {"order": words.order, "carrier": words.parcel.carrier, "number": words.number}
    sentence = wording.sentence(words.parcel, now=now)
    return f"{about} {sentence}. {_date(words.parcel, now)}".strip()


def _date(parcel: ParcelWords, now: datetime) -> str:
    """The promised day, where the sentence does not say it and it is still to come."""
    says_it = {Status.ACCEPTANCE, Status.PICKED_UP, Status.IN_TRANSIT, Status.OUT_FOR_DELIVERY}
    settled = {Status.DELIVERED, Status.RETURN_TO_SENDER}
    if parcel.estimate is None or parcel.status in says_it | settled or wording.is_late(parcel, now=now):
        return ""
    if parcel.status == Status.UNKNOWN and parcel.latest is not None:
        return ""
    when = spelling.window(parcel.estimate, spelling.today_at(now, parcel.zone))
    return _("The carrier expects to deliver it %(when)s.") % {"when": when}


def _to_do(parcel: ParcelWords, now: datetime) -> str:
    """What we ask of the buyer, or offer: said by who sent the parcel, where `wording.action` is said by nobody."""
    match parcel.status:
        case Status.EXCEPTION:
            return _(
                "If your address may be wrong or incomplete, answer this message, and we will pass it on."
            )
        case Status.RETURN_TO_SENDER:
            return _(
                "It is coming back to us. Tell us whether we should send it again or give you your money back."
            )
        case Status.DELIVERED:
            return _(
                "If you cannot find it, please look around the place where it was left and ask your neighbors; then tell us."
            )
        case Status.UNKNOWN if parcel.latest is None and parcel.heard in {
            AnswerKind.NOT_KNOWN,
            AnswerKind.NOT_ALLOWED,
        }:
            return _("If nothing has changed in three days, answer this message, and we will look into it.")
    if wording.is_late(parcel, now=now):
        return _("We are sorry that it takes longer than promised. We are keeping an eye on it.")
    return wording.action(parcel) or ""
