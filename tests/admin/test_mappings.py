"""Mappings in the back-office: told for their effect, saved, applied; the words nobody knows; replays watched and stopped."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from shipments.enums import WorkState
from shipments.models import (
    AuditEntry,
    Replay,
    ScanEvent,
    Shipment,
    StatusMapping,
    UnrecognisedCode,
    UnrecognisedWord,
    User,
)
from shipments.tracking import effects
from tests.factories import a_merchant, a_person, a_shipment
from tests.real_answers import ARRIVED, LABEL, WEIGHED, pitney_bowes, told, usps

pytestmark = pytest.mark.django_db

ADD = reverse("admin:shipments_statusmapping_add")
UNKNOWN_CODE = {"carrier": "USPS", "code": "ZZ", "text": "", "word": "", "status": "Exception"}


@pytest.fixture
def olga() -> User:
    return a_person("olga@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def operator(olga: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(olga)


@pytest.fixture
def parcels() -> list[Shipment]:
    """Two whose newest scan nobody can read, one that has gone further since, and one of another carrier with the code."""
    merchant = a_merchant()
    made = [a_shipment(merchant) for _ in range(3)]
    for shipment in made[:2]:
        told(shipment, usps(shipment, LABEL, WEIGHED))
    told(made[2], usps(made[2], LABEL, WEIGHED, ("2026-03-05T09:00:00", "OF", "Out for Delivery")))
    other = a_shipment(merchant, carrier="UPS", number="1Z999AA10123456784")
    told(other, pitney_bowes(other, {"at": "2026-03-05T06:00:00", "scanType": "ZZ"}))
    return [*made, other]


def verbs() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("verb", "model"))


def may_only(user: User, *codenames: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


# ---- Before it is saved


def test_saving_tells_first_what_it_would_change(operator: Client, parcels: list[Shipment]) -> None:
    shown = operator.post(ADD, UNKNOWN_CODE)

    effect = shown.context["effect"]
    assert (effect.scans, effect.parcels, effect.looked_at, effect.is_all) == (3, 3, 4, True)
    assert effect.samples == (effects.Sample("ZZ · Weighed by hand", "Unknown", "Exception", 3),)
    assert effect.moves == (effects.Move("Manifest", "Exception", 2),)
    assert "It changes 3 scans of 3 parcels" in " ".join(shown.content.decode().split())
    assert StatusMapping.objects.exists() is False
    assert verbs() == []


def test_saved_only_it_changes_nothing_that_is_stored(operator: Client, parcels: list[Shipment]) -> None:
    response = operator.post(ADD, UNKNOWN_CODE | {"_only": "Save only"})

    assert response.headers["Location"] == reverse("admin:shipments_statusmapping_changelist")
    assert StatusMapping.objects.get().status == "Exception"
    assert Replay.objects.exists() is False
    assert verbs() == [("added", "shipments.StatusMapping")]


def test_saved_and_applied_it_leads_to_the_replay(
    operator: Client, olga: User, parcels: list[Shipment]
) -> None:
    response = operator.post(ADD, UNKNOWN_CODE | {"_apply": "Save and apply"})

    replay = Replay.objects.get()
    assert response.headers["Location"] == reverse("admin:shipments_replay_change", args=[replay.pk])
    assert (replay.carrier_id, replay.code, replay.text, replay.word) == ("USPS", "ZZ", "", "")
    assert (replay.state, replay.by_id) == (WorkState.WAITING, olga.pk)
    assert verbs() == [("added", "shipments.StatusMapping"), ("started", "shipments.Replay")]


def test_what_was_typed_survives_the_way_back(operator: Client) -> None:
    shown = operator.post(ADD, UNKNOWN_CODE | {"text": 'Weighed <b>"by"</b> hand'})

    form = operator.get(shown.context["back"]).context["adminform"].form
    assert form["text"].value() == 'Weighed <b>"by"</b> hand'
    assert form["code"].value() == "ZZ"
    assert b"<b>" not in shown.content.replace(b"<b></b>", b"")


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"carrier": "DHL"}, "carrier", "Select a valid choice."),
        ({"status": "Lost"}, "status", "Select a valid choice."),
        ({"text": "x" * 201}, "text", "at most 200 characters"),
        ({"code": "x\x00"}, "code", "Null characters are not allowed."),
        ({"code": "", "text": " ", "word": ""}, "__all__", "Name a code, a text or a status word."),
        ({"code": "YY"}, "__all__", "There is a mapping for exactly this already"),
    ],
)
def test_a_bad_value_is_named_before_anything_is_told(
    operator: Client, typed: dict[str, str], field: str, message: str
) -> None:
    StatusMapping.objects.create(carrier_id="USPS", code="YY", status="InTransit")

    shown = operator.post(ADD, UNKNOWN_CODE | typed)

    assert message in str(shown.context["adminform"].form.errors[field])
    assert StatusMapping.objects.count() == 1


def test_changing_a_mapping_tells_of_what_it_had_mapped(operator: Client) -> None:
    mapping = StatusMapping.objects.create(carrier_id="USPS", code="ZZ", status="Exception")
    shipment = a_shipment()
    told(shipment, usps(shipment, LABEL, WEIGHED))
    address = reverse("admin:shipments_statusmapping_change", args=[mapping.pk])

    effect = operator.post(address, {"status": "InTransit", "code": "other"}).context["effect"]
    operator.post(address, {"status": "InTransit", "code": "other", "_apply": "x"})

    assert effect.moves == (effects.Move("Exception", "InTransit", 1),)
    mapping.refresh_from_db()
    assert (mapping.code, mapping.status) == ("ZZ", "InTransit")
    assert Replay.objects.get().code == "ZZ"


def test_deleting_a_mapping_tells_what_the_tables_say_instead(operator: Client) -> None:
    mapping = StatusMapping.objects.create(carrier_id="USPS", code="10", status="Exception")
    shipment = a_shipment()
    told(shipment, usps(shipment, LABEL, ARRIVED))
    address = reverse("admin:shipments_statusmapping_delete", args=[mapping.pk])

    effect = operator.get(address).context["effect"]
    unconfirmed = operator.post(address, {"post": "yes"})
    assert (unconfirmed.status_code, StatusMapping.objects.count()) == (302, 1)
    response = operator.post(address, {"post": "yes", "_apply": "Delete and apply"})

    assert effect.samples == (effects.Sample("10 · Arrived at Facility", "Exception", "InTransit", 1),)
    replay = Replay.objects.get()
    assert response.headers["Location"] == reverse("admin:shipments_replay_change", args=[replay.pk])
    assert StatusMapping.objects.exists() is False
    assert verbs() == [("deleted", "shipments.StatusMapping"), ("started", "shipments.Replay")]


def test_another_mapping_that_says_more_is_not_overridden(operator: Client, parcels: list[Shipment]) -> None:
    StatusMapping.objects.create(carrier_id="USPS", code="ZZ", text="WEIGHED BY HAND", status="Unknown")

    effect = operator.post(ADD, UNKNOWN_CODE).context["effect"]

    assert (effect.looked_at, effect.scans, effect.moves) == (4, 0, ())


def test_the_carriers_own_word_is_not_counted(operator: Client) -> None:
    shipment = a_shipment(carrier="UPS", number="1Z999AA10123456784")
    scan = {"at": "2026-03-05T06:00:00", "scanType": "QQ", "packageStatus": "InTransit"}
    told(shipment, pitney_bowes(shipment, scan))

    effect = operator.post(ADD, UNKNOWN_CODE | {"carrier": "UPS", "code": "QQ"}).context["effect"]

    assert (effect.looked_at, effect.scans) == (0, 0)


def test_many_scans_are_counted_no_further_than_a_page_can_wait_for(
    operator: Client, parcels: list[Shipment], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The newest of those looked at is of another carrier.
    monkeypatch.setattr(effects, "MOST_SCANS", 3)
    monkeypatch.setattr(effects, "MOST_PARCELS", 1)

    with CaptureQueriesContext(connection) as statements:
        shown = operator.post(ADD, UNKNOWN_CODE)

    effect = shown.context["effect"]
    assert (effect.scans, effect.parcels, effect.is_all, effect.judged) == (2, 2, False, 1)
    words = " ".join(shown.content.decode().split())
    assert "It changes 2 scans of 2 parcels</strong>, and perhaps more" in words
    assert "None of the newest 1 of these parcels would get another status" in words
    assert len(statements) <= 13


def test_rows_are_not_deleted_many_at_a_time(operator: Client) -> None:
    mapping = StatusMapping.objects.create(carrier_id="USPS", code="ZZ", status="Exception")

    operator.post(
        reverse("admin:shipments_statusmapping_changelist"),
        {"action": "delete_selected", "_selected_action": [mapping.pk], "post": "yes"},
    )

    assert StatusMapping.objects.count() == 1


def test_mappings_can_be_applied_later(operator: Client) -> None:
    mapping = StatusMapping.objects.create(carrier_id="USPS", text="Weighed", status="Exception")

    operator.post(
        reverse("admin:shipments_statusmapping_changelist"),
        {"action": "apply", "_selected_action": [mapping.pk]},
    )

    assert Replay.objects.get().text == "Weighed"


# ---- Who may


def test_who_may_not_replay_saves_only(signed_in: Callable[[User], Client]) -> None:
    person = may_only(a_person("a@example.com", is_staff=True), "add_statusmapping", "view_statusmapping")
    client = signed_in(person)

    shown = client.post(ADD, UNKNOWN_CODE)
    refused = client.post(ADD, UNKNOWN_CODE | {"_apply": "x"})

    assert b'name="_apply"' not in shown.content
    assert refused.status_code == 403
    assert StatusMapping.objects.exists() is False
    assert Replay.objects.exists() is False


def test_who_may_only_look_changes_nothing(signed_in: Callable[[User], Client]) -> None:
    auditor = may_only(a_person("a@example.com", is_staff=True), "view_statusmapping", "view_replay")
    client = signed_in(auditor)
    mapping = StatusMapping.objects.create(carrier_id="USPS", code="ZZ", status="Exception")
    replay = Replay.start(carrier="USPS")
    page = reverse("admin:shipments_replay_change", args=[replay.pk])

    refused = [
        client.post(ADD, UNKNOWN_CODE | {"code": "YY", "_apply": "x"}),
        client.post(
            reverse("admin:shipments_statusmapping_change", args=[mapping.pk]), {"status": "Manifest"}
        ),
        client.post(reverse("admin:shipments_statusmapping_delete", args=[mapping.pk]), {"_only": "x"}),
        client.post(reverse("admin:shipments_replay_cancel", args=[replay.pk])),
        client.post(reverse("admin:shipments_replay_resume", args=[replay.pk])),
        client.post(reverse("admin:shipments_replay_add"), {"carrier": "USPS"}),
    ]
    shown = client.get(page)

    assert [response.status_code for response in refused] == [403] * 6
    assert (shown.status_code, b"Cancel it" in shown.content) == (200, False)
    assert client.get(reverse("admin:shipments_replay_progress", args=[replay.pk])).status_code == 200
    assert StatusMapping.objects.get().status == "Exception"
    replay.refresh_from_db()
    assert (replay.cancel_asked, Replay.objects.count()) == (False, 1)


@pytest.mark.parametrize("name", ["progress", "cancel", "resume"])
def test_strangers_see_nothing_of_a_replay(client: Client, name: str) -> None:
    replay = Replay.start(carrier="USPS")

    response = client.post(reverse(f"admin:shipments_replay_{name}", args=[replay.pk]))

    assert response.status_code == 302
    assert "login" in response.headers["Location"]


# ---- Words nobody knows


def test_an_unrecognised_code_is_one_click_from_its_mapping(operator: Client) -> None:
    seen = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
    for code, text, status in (("ZZ", "Parcel did a & b", None), ("ZY", "Known by now", "InTransit")):
        UnrecognisedCode.objects.create(
            carrier_id="UPS", code=code, text=text, scans=3, first_seen_at=seen, last_seen_at=seen
        )
        if status:
            StatusMapping.objects.create(carrier_id="UPS", code=code, text=text.upper(), status=status)

    shown = operator.get(reverse("admin:shipments_unrecognisedcode_changelist")).content.decode()

    address = "/admin/shipments/statusmapping/add/?carrier=UPS&amp;code=ZZ&amp;text=Parcel+did+a+%26+b"
    assert shown.count("statusmapping/add/?") == 1
    assert f'href="{address}"' in shown
    assert "means On the way from now on" in shown
    form = operator.get(address.replace("&amp;", "&")).context["adminform"].form
    assert [form[name].value() for name in ("carrier", "code", "text")] == ["UPS", "ZZ", "Parcel did a & b"]


def test_an_unrecognised_code_shows_parcels_that_have_it(operator: Client) -> None:
    parcels = [a_shipment(a_merchant()) for _ in range(7)]
    for shipment in parcels:
        told(shipment, usps(shipment, WEIGHED))
    row = UnrecognisedCode.objects.get()

    with CaptureQueriesContext(connection) as statements:
        shown = operator.get(reverse("admin:shipments_unrecognisedcode_change", args=[row.pk]))

    assert row.scans == 7
    assert shown.context["examples"] == parcels[:1:-1]
    assert reverse("admin:shipments_shipment_change", args=[parcels[-1].pk]) in shown.content.decode()
    assert len(statements) <= 10


def test_an_unknown_status_word_is_listed_with_its_parcels_and_mapped(operator: Client) -> None:
    shipment = a_shipment(carrier="UPS", number="1Z999AA10123456784")
    scan = {"at": "2026-03-05T06:00:00", "scanType": "D", "packageStatus": "On Hold"}
    told(shipment, pitney_bowes(shipment, scan))
    row = UnrecognisedWord.objects.get()

    listed = operator.get(reverse("admin:shipments_unrecognisedword_changelist")).content.decode()
    shown = operator.get(reverse("admin:shipments_unrecognisedword_change", args=[row.pk]))

    assert "/admin/shipments/statusmapping/add/?carrier=UPS&amp;word=On+Hold" in listed
    assert shown.context["examples"] == [shipment]
    effect = operator.post(
        ADD, {"carrier": "UPS", "code": "", "text": "", "word": "On Hold", "status": "Exception"}
    ).context["effect"]
    assert effect.moves == (effects.Move("Delivered", "Exception", 1),)


def test_an_unknown_row_leads_to_the_list(operator: Client) -> None:
    assert operator.get(reverse("admin:shipments_unrecognisedcode_change", args=[4711])).status_code == 302
    assert operator.get(reverse("admin:shipments_statusmapping_delete", args=[4711])).status_code == 302
    assert operator.post(reverse("admin:shipments_statusmapping_change", args=[4711]), {}).status_code == 302


# ---- Replays


def test_a_replay_is_started_by_hand(operator: Client, olga: User) -> None:
    response = operator.post(
        reverse("admin:shipments_replay_add"), {"carrier": "UPS", "code": "", "text": "", "word": ""}
    )

    replay = Replay.objects.get()
    assert response.headers["Location"] == reverse("admin:shipments_replay_change", args=[replay.pk])
    assert (replay.carrier_id, replay.by_id, str(replay)) == ("UPS", olga.pk, "UPS")
    assert verbs() == [("started", "shipments.Replay")]


def test_a_replay_of_a_code_names_the_carrier(operator: Client) -> None:
    shown = operator.post(
        reverse("admin:shipments_replay_add"), {"carrier": "", "code": "ZZ", "text": "", "word": ""}
    )

    assert "name the carrier" in str(shown.context["adminform"].form.errors)
    assert Replay.objects.exists() is False


def test_a_replay_is_cancelled_and_taken_up_again(operator: Client) -> None:
    replay = Replay.start(carrier="USPS")

    def post(name: str) -> str:
        operator.post(reverse(f"admin:shipments_replay_{name}", args=[replay.pk]))
        replay.refresh_from_db()
        return replay.state

    assert post("resume") == WorkState.WAITING
    assert post("cancel") == WorkState.CANCELLED
    assert post("cancel") == WorkState.CANCELLED
    assert post("resume") == WorkState.WAITING
    assert (replay.cancel_asked, replay.finished_at) == (False, None)
    assert [verb for verb, _model in verbs()] == ["cancelled", "resumed"]


def test_a_finished_replay_asks_for_nothing_more(operator: Client) -> None:
    replay = Replay.start(carrier="USPS")
    fragment = reverse("admin:shipments_replay_progress", args=[replay.pk])

    under_way = operator.get(fragment).content.decode()
    Replay.objects.update(state=WorkState.DONE, total=0)
    over = operator.get(fragment).content.decode()

    assert ("hx-get" in under_way, "Cancel it" in under_way) == (True, True)
    assert ("hx-get" in over, "Cancel it" in over, "100 %" in over) == (False, False, True)


def test_lists_take_few_statements(operator: Client, parcels: list[Shipment]) -> None:
    for n in range(60):
        StatusMapping.objects.create(carrier_id="USPS", code=f"C{n}", status="Exception")
        Replay.start(carrier="USPS", code=f"C{n}")
    for name in ("statusmapping", "unrecognisedcode", "unrecognisedword", "replay"):
        with CaptureQueriesContext(connection) as statements:
            assert operator.get(reverse(f"admin:shipments_{name}_changelist")).status_code == 200
        assert len(statements) <= 12, name


def explained(scans: Any) -> str:
    """How the database finds these rows where the table is large."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    return str(scans.explain())


@pytest.mark.parametrize(
    ("words", "index"),
    [
        ({"code": "ZZ"}, "scan_code_idx"),
        ({"text": "Weighed by hand"}, "scan_text_idx"),
        ({"word": "OnHold"}, "scan_word_idx"),
    ],
)
def test_scans_with_some_words_are_found_by_an_index(words: dict[str, str], index: str) -> None:
    plan = explained(ScanEvent.objects.with_words(**words).order_by("shipment").values("shipment")[:100])

    assert index in plan
    assert "Sort" not in plan
