"""The sentence for every status, in English and Spanish, and what it may not say."""

import itertools
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import AnswerKind, Status, StatusGroup
from shipments.facts import wording
from shipments.facts.timeline import STEPS
from shipments.facts.times import DeliveryEstimate, Posted
from shipments.facts.wording import ParcelWords, Sighting

NOW = datetime(2025, 6, 11, 15, 0, tzinfo=UTC)  # a Wednesday, 11 am in New York
TUESDAY = date(2025, 6, 10)
THURSDAY = date(2025, 6, 12)
SEEN = Sighting(TUESDAY, time(14, 5), "Olney, MD")


def words(status: Status, **over: object) -> ParcelWords:
    return ParcelWords(**{"status": status, "carrier": "USPS", "zone": "America/New_York", **over})  # type: ignore[arg-type]


def told(facts: ParcelWords, language: str = "en", now: datetime = NOW) -> str:
    with translation.override(language):
        return wording.sentence(facts, now=now)


EVERY_STATUS = [
    (
        words(Status.MANIFEST, label_on=date(2025, 6, 9)),
        "Waiting for the carrier's first scan: the label was made on 9 June",
        "A la espera del primer escaneo del transportista: la etiqueta se creó el 9 de junio",
    ),
    (
        words(Status.MANIFEST),
        "Waiting for the carrier's first scan: only the label is known",
        "A la espera del primer escaneo del transportista: solo se conoce la etiqueta",
    ),
    (
        words(Status.ACCEPTANCE, decisive=SEEN),
        "Handed to USPS on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "En manos de USPS desde el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (words(Status.ACCEPTANCE), "Handed to USPS", "En manos de USPS"),
    (
        words(Status.PICKED_UP, decisive=SEEN),
        "Picked up by USPS on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Recogido por USPS el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (words(Status.PICKED_UP), "Picked up by USPS", "Recogido por USPS"),
    (
        words(Status.IN_TRANSIT, decisive=SEEN),
        "On the way: last scanned on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "En camino: último escaneo el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (words(Status.IN_TRANSIT), "On the way with USPS", "En camino con USPS"),
    (
        words(Status.IN_TRANSIT, estimate=DeliveryEstimate(THURSDAY, end=time(20, 0))),
        "Arriving Thursday, 12 June, by 8 pm",
        "Llega el jueves, 12 de junio, antes de las 20:00",
    ),
    (
        words(Status.OUT_FOR_DELIVERY, decisive=Sighting(date(2025, 6, 11), time(8, 10), "Olney, MD")),
        "Out for delivery since Wednesday, 11 June, 8:10 am, in Olney, MD",
        "En reparto desde el miércoles, 11 de junio, 8:10, en Olney, MD",
    ),
    (words(Status.OUT_FOR_DELIVERY), "Out for delivery with USPS", "En reparto con USPS"),
    (
        words(
            Status.OUT_FOR_DELIVERY,
            decisive=SEEN,
            estimate=DeliveryEstimate(date(2025, 6, 11), time(14), time(16, 30)),
        ),
        "Out for delivery: arriving Wednesday, 11 June, between 2 pm and 4:30 pm",
        "En reparto: llega el miércoles, 11 de junio, entre las 14:00 y las 16:30",
    ),
    (
        words(Status.DELIVERY_ATTEMPT, decisive=SEEN),
        "The carrier tried to deliver on Tuesday, 10 June, 2:05 pm, in Olney, MD, and could not",
        "El transportista intentó entregarlo el martes, 10 de junio, 14:05, en Olney, MD, y no pudo",
    ),
    (
        words(Status.DELIVERY_ATTEMPT),
        "The carrier tried to deliver, and could not",
        "El transportista intentó entregarlo y no pudo",
    ),
    (
        words(Status.DELIVERY_ATTEMPT, decisive=Sighting(TUESDAY), reattempt=Posted(THURSDAY, time(9, 0))),
        "The carrier tried to deliver on Tuesday, 10 June, and could not; another attempt: Thursday, 12 June, 9 am",
        "El transportista intentó entregarlo el martes, 10 de junio, y no pudo; otro intento: jueves, 12 de junio, 9:00",
    ),
    (
        words(Status.READY_FOR_PICKUP, decisive=SEEN),
        "Ready for pickup since Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Listo para recoger desde el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (words(Status.READY_FOR_PICKUP), "Ready for pickup", "Listo para recoger"),
    (
        words(Status.PICKUP_MISSED, decisive=SEEN),
        "A pickup was missed on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Una recogida no se realizó el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (words(Status.PICKUP_MISSED), "A pickup was missed", "Una recogida no se realizó"),
    (
        words(Status.DELIVERED, delivered=Posted(TUESDAY, time(14, 5)), spot="front porch"),
        "Delivered Tuesday, 10 June, 2:05 pm, front porch",
        "Entregado el martes, 10 de junio, 14:05, front porch",
    ),
    (
        words(Status.DELIVERED, delivered=Posted(TUESDAY, time(14, 5))),
        "Delivered Tuesday, 10 June, 2:05 pm",
        "Entregado el martes, 10 de junio, 14:05",
    ),
    (
        words(Status.DELIVERED, delivered=Posted(TUESDAY)),
        "Delivered Tuesday, 10 June",
        "Entregado el martes, 10 de junio",
    ),
    (words(Status.DELIVERED, spot="garage"), "Delivered, garage", "Entregado, garage"),
    (words(Status.DELIVERED), "Delivered", "Entregado"),
    (
        words(Status.RETURN_TO_SENDER, decisive=SEEN),
        "Sent back to the sender: last scanned on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Devuelto al remitente: último escaneo el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (words(Status.RETURN_TO_SENDER), "Sent back to the sender", "Devuelto al remitente"),
    (
        words(Status.EXCEPTION, decisive=SEEN),
        "The carrier reported a problem on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "El transportista comunicó un problema el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (
        words(Status.EXCEPTION),
        "The carrier reported a problem",
        "El transportista comunicó un problema",
    ),
    (
        words(Status.UNKNOWN, latest=SEEN),
        "Scanned by USPS on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Escaneado por USPS el martes, 10 de junio, 14:05, en Olney, MD",
    ),
    (
        words(Status.UNKNOWN),
        "Nothing is known of this parcel yet: USPS has not answered",
        "Aún no se sabe nada de este paquete: USPS no ha respondido",
    ),
    (
        words(Status.UNKNOWN, heard=AnswerKind.NOT_KNOWN),
        "USPS does not know this number yet: a new one often appears with its first scan",
        "USPS aún no conoce este número: los nuevos suelen aparecer con el primer escaneo",
    ),
    (
        words(Status.UNKNOWN, heard=AnswerKind.NOT_ALLOWED),
        "USPS does not tell us about this parcel",
        "USPS no nos informa sobre este paquete",
    ),
    (
        words(Status.UNKNOWN, heard=AnswerKind.SNAPSHOT),
        "USPS knows this number, and has no scan of the parcel yet",
        "USPS conoce este número y aún no tiene ningún escaneo del paquete",
    ),
]


@pytest.mark.parametrize(("facts", "english", "spanish"), EVERY_STATUS)
def test_every_status_has_its_sentence_in_both_languages(
    facts: ParcelWords, english: str, spanish: str
) -> None:
    assert told(facts, "en") == english
    assert told(facts, "es") == spanish


def test_the_table_above_leaves_no_status_out() -> None:
    assert {facts.status for facts, _, _ in EVERY_STATUS} == set(Status)


# ---- Every status with whatever may be known beside it ---------------------------------------------------------------

LATE = DeliveryEstimate(TUESDAY, end=time(20))
BY_EIGHT = DeliveryEstimate(THURSDAY, end=time(20))
DAY_ONLY = Sighting(TUESDAY)
# What is told of a parcel on its way: with nothing but its status, a scan of a day, a scan with time and place, a promise,
# and a promise that has passed.
ON_ITS_WAY = {
    Status.ACCEPTANCE: (
        "Handed to USPS",
        "Handed to USPS on Tuesday, 10 June",
        "Handed to USPS on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Arriving Thursday, 12 June, by 8 pm",
        "Later than expected: it was due Tuesday, 10 June, by 8 pm",
    ),
    Status.PICKED_UP: (
        "Picked up by USPS",
        "Picked up by USPS on Tuesday, 10 June",
        "Picked up by USPS on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Arriving Thursday, 12 June, by 8 pm",
        "Later than expected: it was due Tuesday, 10 June, by 8 pm",
    ),
    Status.IN_TRANSIT: (
        "On the way with USPS",
        "On the way: last scanned on Tuesday, 10 June",
        "On the way: last scanned on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Arriving Thursday, 12 June, by 8 pm",
        "Later than expected: it was due Tuesday, 10 June, by 8 pm",
    ),
    Status.OUT_FOR_DELIVERY: (
        "Out for delivery with USPS",
        "Out for delivery since Tuesday, 10 June",
        "Out for delivery since Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Out for delivery: arriving Thursday, 12 June, by 8 pm",
        # At the door today at last, which matters more than when it should have been.
        "Out for delivery since Tuesday, 10 June, 2:05 pm, in Olney, MD",
    ),
    Status.UNKNOWN: (
        "Nothing is known of this parcel yet: USPS has not answered",
        "Scanned by USPS on Tuesday, 10 June",
        "Scanned by USPS on Tuesday, 10 June, 2:05 pm, in Olney, MD",
        "Arriving Thursday, 12 June, by 8 pm",
        "Later than expected: it was due Tuesday, 10 June, by 8 pm",
    ),
    # From here on no promise is repeated: something has come between.
    Status.MANIFEST: ("Waiting for the carrier's first scan: only the label is known",) * 5,
    Status.DELIVERY_ATTEMPT: (
        "The carrier tried to deliver, and could not",
        "The carrier tried to deliver on Tuesday, 10 June, and could not",
        *("The carrier tried to deliver on Tuesday, 10 June, 2:05 pm, in Olney, MD, and could not",) * 3,
    ),
    Status.READY_FOR_PICKUP: (
        "Ready for pickup",
        "Ready for pickup since Tuesday, 10 June",
        *("Ready for pickup since Tuesday, 10 June, 2:05 pm, in Olney, MD",) * 3,
    ),
    Status.PICKUP_MISSED: (
        "A pickup was missed",
        "A pickup was missed on Tuesday, 10 June",
        *("A pickup was missed on Tuesday, 10 June, 2:05 pm, in Olney, MD",) * 3,
    ),
    Status.EXCEPTION: (
        "The carrier reported a problem",
        "The carrier reported a problem on Tuesday, 10 June",
        *("The carrier reported a problem on Tuesday, 10 June, 2:05 pm, in Olney, MD",) * 3,
    ),
    Status.RETURN_TO_SENDER: (
        "Sent back to the sender",
        "Sent back to the sender: last scanned on Tuesday, 10 June",
        *("Sent back to the sender: last scanned on Tuesday, 10 June, 2:05 pm, in Olney, MD",) * 3,
    ),
    Status.DELIVERED: ("Delivered",) * 5,
}


@pytest.mark.parametrize("status", list(Status))
def test_what_is_told_grows_with_what_is_known(status: Status) -> None:
    assert (
        told(words(status)),
        told(words(status, decisive=DAY_ONLY, latest=DAY_ONLY)),
        told(words(status, decisive=SEEN, latest=SEEN)),
        told(words(status, decisive=SEEN, latest=SEEN, estimate=BY_EIGHT)),
        told(words(status, decisive=SEEN, latest=SEEN, estimate=LATE)),
    ) == ON_ITS_WAY[status]


def test_an_answer_nobody_can_read_is_no_silence() -> None:
    assert (
        told(words(Status.UNKNOWN, heard=AnswerKind.UNREADABLE))
        == "Nothing is known of this parcel yet: the answer of USPS could not be read"
    )


WHATEVER_IS_KNOWN = {
    "heard": ["", *AnswerKind],
    "decisive": [None, DAY_ONLY, SEEN, Sighting(TUESDAY, None, "Olney, MD")],
    "estimate": [
        None,
        DeliveryEstimate(THURSDAY),
        BY_EIGHT,
        DeliveryEstimate(THURSDAY, time(14), time(16, 30)),
        DeliveryEstimate(THURSDAY, time(14)),
        LATE,
    ],
    "delivered": [None, Posted(TUESDAY), Posted(TUESDAY, time(14, 5))],
    "spot": ["", "5% off, %(spot)s"],
    "label_on": [None, date(2024, 12, 31)],
    "reattempt": [None, Posted(THURSDAY), Posted(THURSDAY, time(9))],
}


@pytest.mark.parametrize("status", list(Status))
def test_whatever_is_known_of_a_status_makes_a_good_sentence_in_both_languages(status: Status) -> None:
    for known in itertools.product(*WHATEVER_IS_KNOWN.values()):
        facts = words(status, **dict(zip(WHATEVER_IS_KNOWN, known, strict=True)))
        facts = replace(facts, latest=facts.decisive)
        english, spanish = told(facts), told(facts, "es")
        for text in (english, spanish):
            assert text[0].isupper(), (text, facts)
            assert text == " ".join(text.split()), (text, facts)
            assert text[-1] not in ".,;:", (text, facts)
            # What a person has written may stand there as it is; nothing of ours may be left to fill in.
            ours = text.replace(facts.spot, "") if facts.spot else text
            assert re.search(r"None|%|[{}]|,,|, ,", ours) is None, (text, facts)
        assert english != spanish


@pytest.mark.parametrize(
    ("estimate", "sentence"),
    [
        (DeliveryEstimate(TUESDAY), "Later than expected: it was due Tuesday, 10 June"),
        (
            DeliveryEstimate(TUESDAY, end=time(20)),
            "Later than expected: it was due Tuesday, 10 June, by 8 pm",
        ),
        # Eleven in the morning in New York: the window of the same day has passed, the day itself has not.
        (
            DeliveryEstimate(date(2025, 6, 11), time(8), time(10)),
            "Later than expected: it was due Wednesday, 11 June, between 8 am and 10 am",
        ),
        (DeliveryEstimate(date(2025, 6, 11)), "Arriving Wednesday, 11 June"),
        (DeliveryEstimate(date(2025, 6, 11), end=time(23, 59)), "Arriving Wednesday, 11 June"),
    ],
)
def test_a_promise_that_has_passed_is_not_repeated(estimate: DeliveryEstimate, sentence: str) -> None:
    assert told(words(Status.IN_TRANSIT, estimate=estimate)) == sentence


def test_a_day_ends_on_the_clock_of_its_place() -> None:
    # One in the morning of Thursday in London is nine in the evening of Wednesday in New York.
    now = datetime(2025, 6, 12, 1, 0, tzinfo=UTC)
    wednesday = DeliveryEstimate(date(2025, 6, 11))

    assert wording.is_late(words(Status.IN_TRANSIT, estimate=wednesday), now=now) is False
    assert (
        wording.is_late(words(Status.IN_TRANSIT, estimate=wednesday, zone="Europe/London"), now=now) is True
    )
    by_carrier = DeliveryEstimate(date(2025, 6, 11), offset=timedelta(hours=1))
    assert wording.is_late(words(Status.IN_TRANSIT, estimate=by_carrier), now=now) is True


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.RETURN_TO_SENDER])
def test_a_parcel_that_has_ended_its_way_is_not_late(status: Status) -> None:
    assert wording.is_late(words(status, estimate=DeliveryEstimate(TUESDAY)), now=NOW) is False


def test_another_year_is_named() -> None:
    facts = words(Status.DELIVERED, delivered=Posted(date(2024, 12, 31)))

    assert told(facts) == "Delivered Tuesday, 31 December 2024"
    assert told(facts, "es") == "Entregado el martes, 31 de diciembre de 2024"


@pytest.mark.parametrize(
    ("description", "english"),
    [
        ("Delivered - FRONT PORCH", "front porch"),
        ("Delivered, Front Door/Porch", "front door or porch"),
        ("DELIVERED, IN/AT MAILBOX", "in or at the mailbox"),
        (
            "Delivered - Left at front door. Package delivered to recipient address - release authorized",
            "front door",
        ),
        ("Delivered, Left with Individual", "handed to a person at the address"),
        ("Delivered", ""),
        ("", ""),
        ("Delivered, BEHIND THE GREEN SHED", "behind the green shed"),
        ("Left with the Baker", "left with the Baker"),
        ("Delivered, " + "somewhere " * 10, ""),
    ],
)
def test_where_it_was_left_is_read_from_the_carriers_words(description: str, english: str) -> None:
    with translation.override("en"):
        assert wording.spot_in(description) == english


def test_a_known_spot_is_translated() -> None:
    with translation.override("es"):
        assert wording.spot_in("Delivered, Front Door/Porch") == "puerta principal o porche"


@pytest.mark.parametrize(
    ("facts", "english"),
    [
        (
            words(Status.DELIVERY_ATTEMPT),
            "Look for a notice at the door, or ask USPS when it will come again.",
        ),
        (
            words(Status.DELIVERY_ATTEMPT, reattempt=Posted(THURSDAY)),
            "Be there at the next attempt if you can, or look at the notice at the door for another way to get it.",
        ),
        (
            words(Status.READY_FOR_PICKUP),
            "Collect it where the notice of USPS says, and bring proof of identity. What is not collected in time goes back to the sender.",
        ),
        (words(Status.PICKUP_MISSED), "Ask USPS soon how you can still get it."),
        (
            words(Status.EXCEPTION),
            "If the address may be wrong or incomplete, tell the sender now. Otherwise wait for the next scan.",
        ),
        (words(Status.RETURN_TO_SENDER), "Ask the sender for a new delivery or for your money back."),
        (
            words(Status.UNKNOWN, heard=AnswerKind.NOT_KNOWN),
            "Look again tomorrow. If nothing has appeared after three days, ask the sender whether the parcel was handed over.",
        ),
        (
            words(Status.UNKNOWN, heard=AnswerKind.NOT_ALLOWED),
            "Look at the carrier's own page, or ask the sender.",
        ),
        (words(Status.UNKNOWN), None),
        (words(Status.UNKNOWN, heard=AnswerKind.NOT_KNOWN, latest=SEEN), None),
        *(
            (words(status), None)
            for status in Status
            if status.name in {"MANIFEST", "ACCEPTANCE", "PICKED_UP"}
        ),
        *(
            (words(status), None)
            for status in Status
            if status.name in {"IN_TRANSIT", "OUT_FOR_DELIVERY", "DELIVERED"}
        ),
    ],
)
def test_the_reader_is_told_what_to_do_only_when_something_is_to_be_done(
    facts: ParcelWords, english: str | None
) -> None:
    with translation.override("en"):
        assert wording.action(facts) == english


LABELS = {
    Status.MANIFEST: ("Label created", "Etiqueta creada"),
    Status.ACCEPTANCE: ("With the carrier", "En poder del transportista"),
    Status.PICKED_UP: ("Picked up", "Recogido"),
    Status.IN_TRANSIT: ("On the way", "En camino"),
    Status.OUT_FOR_DELIVERY: ("Out for delivery", "En reparto"),
    Status.DELIVERY_ATTEMPT: ("Delivery attempted", "Intento de entrega"),
    Status.READY_FOR_PICKUP: ("Ready for pickup", "Listo para recoger"),
    Status.PICKUP_MISSED: ("Pickup missed", "Recogida fallida"),
    Status.DELIVERED: ("Delivered", "Entregado"),
    Status.RETURN_TO_SENDER: ("Return to sender", "Devolución al remitente"),
    Status.EXCEPTION: ("Problem reported", "Problema comunicado"),
    Status.UNKNOWN: ("Not known yet", "Aún no se sabe"),
}


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_label_in_both_languages(status: Status) -> None:
    with translation.override("en"):
        english = wording.status_label(status)
    with translation.override("es"):
        spanish = wording.status_label(str(status))
    assert (english, spanish) == LABELS[status]


def test_a_scan_nobody_understands_is_a_scan_all_the_same() -> None:
    with translation.override("en"):
        assert wording.scan_label(Status.UNKNOWN) == "Scanned by the carrier"
        assert wording.scan_label(Status.IN_TRANSIT) == "On the way"


def test_the_steps_have_names() -> None:
    with translation.override("en"):
        assert [wording.step_label(key) for key, _ in STEPS] == [
            "Label created",
            "With the carrier",
            "On the way",
            "Out for delivery",
            "Delivered",
        ]
    assert len(StatusGroup) == 7


sightings = st.none() | st.builds(
    Sighting,
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.none() | st.times(),
    st.sampled_from(["", "Olney, MD", "50% OFF, %(x)s"]),
)


@given(
    status=st.sampled_from(Status),
    heard=st.sampled_from(["", *AnswerKind]),
    latest=sightings,
    decisive=sightings,
    estimate=st.none()
    | st.builds(DeliveryEstimate, st.dates(date(2020, 1, 1), date(2030, 1, 1)), end=st.none() | st.times()),
    language=st.sampled_from(["en", "es"]),
)
def test_whatever_is_known_there_is_one_sentence_without_a_full_stop(
    status: Status,
    heard: str,
    latest: Sighting | None,
    decisive: Sighting | None,
    estimate: DeliveryEstimate | None,
    language: str,
) -> None:
    text = told(
        words(status, heard=heard, latest=latest, decisive=decisive, estimate=estimate), language=language
    )

    assert text
    assert not text.endswith(".")
    assert "None" not in text
