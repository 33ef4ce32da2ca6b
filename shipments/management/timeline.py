"""A parcel's report as lines for a terminal."""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shipments.facts.spelling import age

Report = dict[str, Any]


def timeline(report: Report, now: datetime) -> Iterator[str]:
    """The parcel in lines, its newest scan first. `report` is that of `tracking.report`."""
    yield from (_printable(line) for line in _lines(report, now))


def _lines(report: Report, now: datetime) -> Iterator[str]:
    through = f" through {report['gateway']}" if report["gateway"] else ""
    yield f"{report['trackingNumber']} ({report['carrier']}{through}): {report['status']}"
    for name, value in _facts(report):
        if value:
            yield f"  {name + ':':<16} {value}"
    for scan in report["scans"]:
        yield f"  {_moment(scan):<29} {scan['status']:<15} {_words(scan)}".rstrip()
    if not report["scans"]:
        yield "  No scans yet."
    yield f"  {_checked(report['checkedAt'], now)}"


def _facts(report: Report) -> Iterator[tuple[str, str | None]]:
    delivered = report["delivered"]
    yield "Error", report["error"]
    yield "In words", report["statusText"]
    yield "Last location", report["lastLocation"]
    yield "Service", _joined(report["service"]["name"], report["service"]["code"], between=", code ")
    yield "Weight", _joined(report["weight"]["value"], report["weight"]["unit"])
    yield "Shipped", _moment(report["shipped"])
    yield "Expected", _estimate(report["estimatedDelivery"])
    yield (
        "Delivered",
        _joined(_moment(delivered), delivered["location"], delivered["description"], between=", "),
    )
    yield "Signed by", delivered["signedBy"]
    yield "Proof", "the carrier has one" if delivered["hasProof"] else None
    yield "Tried again", _moment(report["reattempt"])


def _moment(moment: Report) -> str:
    """The local time with its distance from UTC; what is not known of it is left out."""
    if moment["local"] is None:
        return ""
    local = moment["local"].replace("T", " ")
    return f"{local} UTC{moment['utcOffset']}" if moment["utcOffset"] else str(local)


def _estimate(estimate: Report) -> str:
    hours = _joined(estimate["from"], estimate["to"], between="-")
    return _joined(estimate["date"], hours, f"UTC{estimate['utcOffset']}" if estimate["utcOffset"] else None)


def _words(scan: Report) -> str:
    town = _joined(scan["city"], _joined(scan["region"], scan["postalCode"], scan["country"]), between=", ")
    notes = [
        "time zone assumed" if scan["zoneKnownBy"] == "assumed" and scan["at"] else "",
        "taken back by the carrier" if scan["withdrawn"] else "",
        "of an earlier parcel with this number" if scan["earlierParcel"] else "",
    ]
    return _joined(scan["text"] or scan["code"], town, *(f"({note})" for note in notes if note), between="  ")


def _checked(checked_at: str | None, now: datetime) -> str:
    if checked_at is None:
        return "No carrier has answered about it yet."
    answered = datetime.fromisoformat(checked_at)
    return f"A carrier last answered {age(now - answered)}, at {answered:%Y-%m-%d %H:%M} UTC."


def _joined(*parts: object, between: str = " ") -> str:
    return between.join(str(part) for part in parts if part not in (None, ""))


def _printable(line: str) -> str:
    # A carrier's text could hold the control signs that repaint a terminal.
    return "".join(" " if unicodedata.category(sign).startswith("C") else sign for sign in line)
