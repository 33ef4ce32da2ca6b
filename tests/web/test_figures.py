"""The page of figures, and its file."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from shipments.analytics import cohorts
from shipments.enums import Status
from shipments.facts.spelling import today_at
from shipments.models import Merchant, Reckoning, User
from shipments.web import figure_view
from shipments.web.forms_figures import FiguresQuery
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

PAGE = "/app/alpine/figures/"
CSV = "/app/alpine/figures/figures.csv"
NOW = datetime(2026, 7, 10, 15, 0, tzinfo=UTC)
JUNE = {"since": "2026-06-01", "until": "2026-06-30"}


def shipped(merchant: Merchant, on: date, *, days: int | None = 2, **over: Any) -> None:
    """A parcel scanned on the day it was shipped, promised in three days, delivered after so many or not yet."""
    delivered = None if days is None else on + timedelta(days)
    a_shipment(
        merchant,
        **{
            "mailing_date": on,
            "first_scan_on": on,
            "first_promised_on": on + timedelta(3),
            "first_attempt_on": delivered,
            "delivered_on": delivered,
            "status": Status.IN_TRANSIT if delivered is None else Status.DELIVERED,
            "service_name": "Ground Advantage",
            "origin_country": "US",
            "origin_region": "CO",
            "destination_country": "US",
            "destination_region": "MD",
            **over,
        },
    )


@pytest.fixture
def june(merchant: Merchant) -> Merchant:
    """30 parcels of June, 27 of them on time; 40 of May, 20 of them on time."""
    for n in range(30):
        shipped(merchant, date(2026, 6, 1) + timedelta(n % 25), days=2 if n < 27 else 5)
    for n in range(40):
        shipped(merchant, date(2026, 5, 5) + timedelta(n % 20), days=2 if n % 2 else 5)
    cohorts.tally(NOW)
    return merchant


def cards(client: Client, **asked: str) -> dict[str, Any]:
    return {card.key: card for card in client.get(PAGE, JUNE | asked).context["cards"]}


def text(client: Client, **asked: str) -> str:
    """What a reader sees, without markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", client.get(PAGE, asked).content.decode()).split())


def test_a_key_figure_says_what_it_is_of_and_what_it_was_before(viewer: Client, june: Merchant) -> None:
    on_time = cards(viewer)["on-time"]

    assert (on_time.value, on_time.sign, on_time.change, on_time.tone) == (
        "90.0%",
        "▲",
        "up 40.0 points from 50.0%",
        "better",
    )
    assert on_time.base == "of 30 parcels with a promise; 0 not due yet"


def test_fewer_days_are_better_and_more_exceptions_are_worse(viewer: Client, june: Merchant) -> None:
    for n in range(20):
        shipped(june, date(2026, 6, 2), days=2, had_exception=True, attempts=n % 2)
    cohorts.tally(NOW)

    found = cards(viewer, days="calendar")

    transit = found["transit"]
    assert (transit.value, transit.unit, transit.note) == ("2", "days", "9 of 10 within 2")
    assert (transit.change, transit.tone) == ("no change", "")
    exceptions = found["exceptions"]
    assert (exceptions.value, exceptions.change, exceptions.tone) == (
        "40.0%",
        "up 40.0 points from 0.0%",
        "worse",
    )
    assert found["first-try"].note == "20.0 failed attempts per 100 parcels tried"


def test_a_small_change_is_called_within_chance(viewer: Client, merchant: Merchant) -> None:
    for n in range(50):
        shipped(merchant, date(2026, 6, 2), days=2 if n < 45 else 5)
        shipped(merchant, date(2026, 5, 5), days=2 if n < 44 else 5)
    cohorts.tally(NOW)

    on_time = cards(viewer)["on-time"]

    assert (on_time.change, on_time.tone) == ("up 2.0 points from 88.0%, within chance", "")


def test_figures_of_few_parcels_are_marked_and_not_compared(viewer: Client, merchant: Merchant) -> None:
    for n in range(19):
        shipped(merchant, date(2026, 6, 2 + n))
        shipped(merchant, date(2026, 5, 5))
    cohorts.tally(NOW)

    on_time = cards(viewer)["on-time"]

    assert (on_time.is_few, on_time.change, on_time.tone) == (True, "too few parcels to compare", "")
    (row,) = viewer.get(PAGE, JUNE).context["rows"]
    assert (row.on_time, row.is_few, row.move) == ("100.0%", True, None)
    assert "few parcels" in text(viewer, **JUNE)


def test_parcels_that_are_not_counted_yet_are_named(viewer: Client, june: Merchant) -> None:
    shipped(june, date(2026, 6, 30), days=None, first_promised_on=date(2026, 12, 24))
    a_shipment(june, mailing_date=date(2026, 6, 30))
    cohorts.tally(NOW)

    found = cards(viewer)

    assert found["on-time"].base == "of 30 parcels with a promise; 1 not due yet"
    assert found["transit"].base == "of 30 delivered parcels; still on their way and not counted: 1"
    assert found["first-scan"].base == "of 0 labels; 1 without a first scan so far"


def test_one_parcel_is_told_as_one(viewer: Client, merchant: Merchant) -> None:
    shipped(merchant, date(2026, 6, 2))
    cohorts.tally(NOW)

    found = cards(viewer)

    assert found["on-time"].base == "of 1 parcel with a promise; 0 not due yet"
    assert found["transit"].base == "of 1 delivered parcel; still on their way and not counted: 0"
    assert found["first-try"].base == "of 1 delivered parcel"
    page = text(viewer, **JUNE)
    assert "The 1 parcel that was delivered arrived within 2 days of the first scan." in page.replace(
        "business days", "days"
    )


@pytest.mark.parametrize("parcels", [1, 40])
@pytest.mark.parametrize("by", ["carrier", "lane", "week"])
def test_the_page_takes_the_same_few_statements_for_any_number_of_parcels(
    viewer: Client, merchant: Merchant, parcels: int, by: str, django_assert_num_queries: Any
) -> None:
    for n in range(parcels):
        shipped(merchant, date(2026, 6, 1) + timedelta(n % 30), service_name=f"Service {n}")
    cohorts.tally(NOW)
    viewer.get(PAGE)

    # Session, person, memberships; carriers, weeks, choices, reckoning, and the table where weeks do not tell it.
    with django_assert_num_queries(7 if by == "week" else 8):
        viewer.get(PAGE, JUNE | {"by": by})


def test_each_chart_has_its_numbers_behind_it_and_says_itself_in_words(
    viewer: Client, june: Merchant
) -> None:
    page = viewer.get(PAGE, JUNE)
    weeks, transit = page.context["weeks_chart"], page.context["transit_chart"]

    assert [(row["week"], row["on_time"], row["base"]) for row in weeks.rows][:2] == [
        ("1 Jun 2026", "75.0%", "12"),
        ("8 Jun 2026", "100.0%", "7"),
    ]
    assert weeks.rows[-1]["week"] == "29 Jun 2026 (part of the week)"
    assert weeks.summary == (
        "75.0% of the parcels shipped in the week of 1 Jun 2026 were on time, 100.0% in the week of 22 Jun 2026. "
        "The lowest was 75.0%, in the week of 1 Jun 2026."
    )
    assert [row["parcels"] for row in transit.rows][:5] == ["4", "7", "16", "3", "0"]
    assert transit.rows[-1]["within"] == "100.0%"
    html = page.content.decode()
    assert html.count('role="img" aria-labelledby=') == html.count("<desc ") == 2
    assert html.count("<details id=") == 2
    # The policy against foreign code forbids styles in attributes.
    assert "style=" not in html


def test_charts_are_drawn_the_same_in_a_language_of_decimal_commas(viewer: Client, june: Merchant) -> None:
    def drawn(language: str) -> list[str]:
        page = viewer.get(PAGE, JUNE, headers={"accept-language": language}).content.decode()
        return re.findall(r' (?:x|y|x1|x2|y1|y2|cx|cy|r|width|height)="([^"]+)"', page)

    assert drawn("es") == drawn("en")
    assert not [size for size in drawn("es") if "," in size]


def test_a_row_leads_to_the_figures_of_that_carrier_service_and_lane(viewer: Client, june: Merchant) -> None:
    urls = []
    asked = f"{PAGE}?since=2026-06-01&until=2026-06-30"
    for _step in range(3):
        (row,) = viewer.get(asked).context["rows"]
        urls.append((row.name, row.url.partition("?")[2]))
        asked = row.url
    service = quote("USPS/Ground Advantage", safe="").replace("%20", "+")

    assert urls == [
        ("USPS", "since=2026-06-01&until=2026-06-30&carrier=USPS&by=service"),
        ("USPS: Ground Advantage", f"since=2026-06-01&until=2026-06-30&carrier={service}&by=lane"),
        ("CO → MD", f"since=2026-06-01&until=2026-06-30&carrier={service}&lane=US-CO_US-MD&by=carrier"),
    ]
    (row,) = viewer.get(asked).context["rows"]
    assert (row.name, row.parcels) == ("USPS", "30")


def test_the_form_offers_what_was_shipped_and_keeps_what_is_asked_for(viewer: Client, june: Merchant) -> None:
    page = viewer.get(PAGE, JUNE | {"lane": "US-NJ_GB", "carrier": "UPS"})

    choices = page.context["choices"]
    assert [carrier["code"] for carrier in choices["carriers"]] == ["USPS", "UPS"]
    assert choices["lanes"] == [("US-CO_US-MD", "CO → MD"), ("US-NJ_GB", "NJ → United Kingdom")]
    assert '<option value="US-NJ_GB" selected>' in page.content.decode()


def test_who_asks_for_nothing_gets_the_last_twelve_weeks(viewer: Client, merchant: Merchant) -> None:
    today = today_at(timezone.now(), merchant.time_zone)
    shipped(merchant, today - timedelta(83))
    shipped(merchant, today - timedelta(84))
    cohorts.tally(timezone.now())

    page = viewer.get(PAGE)

    assert (page.context["now"].parcels, page.context["before"].parcels) == (1, 1)
    assert [preset["is_current"] for preset in page.context["presets"]] == [False, True, False]


def test_a_first_visit_is_told_what_has_to_happen(
    viewer: Client, mary: User, signed_in: Callable[[User], Client], merchant: Merchant
) -> None:
    assert "Figures come by themselves" in text(viewer)
    # A viewer adds nothing.
    assert "Add numbers" not in text(viewer)
    assert "Add numbers" in text(signed_in(mary))


def test_days_without_parcels_lead_to_days_with_some(viewer: Client, june: Merchant) -> None:
    page = viewer.get(PAGE, {"since": "2020-01-01", "until": "2020-02-01", "carrier": "UPS"})

    reach = page.context["reach"]
    assert reach["told"] == "5 May to 25 Jun 2026"
    assert viewer.get(reach["url"]).context["now"].parcels == 70


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"since": "2026-06-30", "until": "2026-06-01"}, "The last day lies before the first one."),
        ({"since": "yesterday"}, "Enter a valid date."),
        ({"since": "1999-12-31", "until": "2001-01-01"}, "Days from the year 2000 until a year from now"),
        ({"since": "2026-01-01", "until": "9999-12-31"}, "Days from the year 2000 until a year from now"),
        ({"since": "2022-01-01", "until": "2026-01-01"}, "At most two years at once."),
        ({"carrier": "DHL"}, "There is no such carrier."),
        ({"carrier": "USPS/\0"}, "Null characters are not allowed."),
        ({"lane": "Denver to Olney"}, "Ensure this value has at most 11 characters"),
        ({"lane": "us-co_us-m"}, "There is no such lane."),
        ({"days": "working"}, "Select a valid choice."),
        ({"by": "colour"}, "Select a valid choice."),
        ({"weeks": "7"}, "Select a valid choice."),
    ],
)
def test_what_cannot_be_asked_for_is_said_at_its_field(
    viewer: Client, june: Merchant, asked: dict[str, str], message: str
) -> None:
    for url in (PAGE, CSV):
        response = viewer.get(url, asked)

        assert response.status_code == 400
        assert message in response.content.decode()
        assert "cards" not in response.context


def test_a_refused_question_keeps_what_else_was_asked(viewer: Client, june: Merchant) -> None:
    asked = {
        "since": "2026-06-30",
        "until": "2026-06-01",
        "carrier": "USPS/Priority",
        "lane": "US-CO_GB",
        "by": "lane",
    }

    html = viewer.get(PAGE, asked).content.decode()

    for kept in ('value="2026-06-30"', 'value="2026-06-01"'):
        assert kept in html
    for chosen in ("USPS/Priority", "US-CO_GB", "lane"):
        assert f'<option value="{chosen}" selected>' in html
    assert 'aria-invalid="true" aria-describedby="id_until-errors"' in html


def test_carriers_words_are_text(viewer: Client, merchant: Merchant) -> None:
    shipped(merchant, date(2026, 6, 2), service_name="<b>Ground</b>&amp;")
    cohorts.tally(NOW)

    html = viewer.get(PAGE, JUNE | {"by": "service"}).content.decode()

    assert "<b>Ground" not in html
    assert "&lt;b&gt;Ground&lt;/b&gt;&amp;amp;" in html


def test_another_merchants_parcels_are_in_no_figure(viewer: Client, june: Merchant) -> None:
    shipped(a_merchant(), date(2026, 6, 2))
    cohorts.tally(NOW)

    assert viewer.get(PAGE, JUNE).context["now"].parcels == 30


def test_the_page_says_how_old_the_figures_are(viewer: Client, june: Merchant) -> None:
    Reckoning.objects.update(as_of=timezone.now() - timedelta(minutes=46))
    assert "Counting has fallen behind" in text(viewer)

    now = timezone.now()
    Reckoning.objects.update(as_of=now - timedelta(minutes=5))
    told = text(viewer)
    assert "As of" in told
    assert "Counting has fallen behind" not in told

    Reckoning.objects.update(as_of=None)
    assert "As of" not in text(viewer)


@pytest.mark.parametrize(
    ("at", "zone", "told"),
    [
        ("2026-07-10T19:22:00+00:00", "America/New_York", "3:22 pm (Eastern Time)"),
        ("2026-07-10T19:22:00+00:00", "America/Phoenix", "12:22 pm (Mountain Time)"),
        ("2026-07-09T23:30:00+00:00", "America/Los_Angeles", "9 July, 4:30 pm (Pacific Time)"),
        ("2026-07-10T19:22:00+00:00", "UTC", "7:22 pm (UTC)"),
    ],
)
def test_the_clock_of_the_figures_is_named(merchant: Merchant, at: str, zone: str, told: str) -> None:
    reckoning = Reckoning(merchant=merchant, as_of=datetime.fromisoformat(at))

    found = figure_view.as_of(reckoning, zone, datetime(2026, 7, 10, 19, 30, tzinfo=UTC))

    assert found is not None
    assert found.told == told


def test_weeks_are_compared_with_those_of_the_period_before(viewer: Client, merchant: Merchant) -> None:
    for n in range(40):
        shipped(merchant, date(2026, 6, 8), days=2 if n < 36 else 5)
        shipped(merchant, date(2026, 6, 1), days=2 if n < 30 else 5)
    cohorts.tally(NOW)

    (row,) = viewer.get(PAGE, {"since": "2026-06-08", "until": "2026-06-14", "by": "week"}).context["rows"]

    assert (row.on_time, row.move.words) == ("90.0%", "up 15.0 points from 75.0%")


def test_the_table_shows_so_many_rows_and_the_file_has_them_all(
    viewer: Client, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipments.web.figures.MOST_ROWS", 2)
    for n in range(3):
        shipped(merchant, date(2026, 6, 2), service_name=f"Service {n}")
    cohorts.tally(NOW)

    page = viewer.get(PAGE, JUNE | {"by": "service"})

    assert len(page.context["rows"]) == 2
    assert "The 2 with the most parcels are shown; the CSV has all." in page.content.decode()
    assert viewer.get(CSV, JUNE | {"by": "service"}).content.count(b"\r\n") == 4


def test_the_file_has_the_counts_behind_each_share(viewer: Client, june: Merchant) -> None:
    shipped(june, date(2026, 6, 3), service_name="=HYPERLINK(1)", days=None, first_promised_on=None)
    cohorts.tally(NOW)

    response = viewer.get(CSV, JUNE | {"by": "service"})

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        response.headers["Content-Disposition"]
        == 'attachment; filename="figures-alpine-2026-06-01-2026-06-30.csv"'
    )
    assert response.content.decode().splitlines() == [
        "\ufeffCarrier,Service,Parcels,Scanned by the carrier,Still on their way,Promise judged,On time,"
        '"On time, share",Promise not due yet,Delivered,"In transit, parcels","In transit, median in business days",'
        '"In transit, 9 of 10 within business days","First scan, parcels","First scan, median in business days",'
        '"First scan, 9 of 10 within business days",Delivered at the first attempt,'
        '"Delivered at the first attempt, share",Attempted,Failed attempts,Exceptions,"Exceptions, share",'
        'Returns,"Returns, share"',
        "USPS,Ground Advantage,30,30,0,30,27,0.9000,0,30,30,2,2,0,,,30,1.0000,30,0,0,0.0000,0,0.0000",
        "USPS,'=HYPERLINK(1),1,1,1,0,0,,0,0,0,,,0,,,0,,0,0,0,0.0000,0,0.0000",
    ]


@pytest.mark.parametrize(
    ("service", "cell"),
    [
        (" =HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("＝HYPERLINK(1)", "'＝HYPERLINK(1)"),
        ("Ground;=HYPERLINK(1)", "Ground;'=HYPERLINK(1)"),
        ("'=HYPERLINK(1)", "''=HYPERLINK(1)"),
    ],
)
def test_no_cell_of_the_file_begins_a_formula(
    viewer: Client, merchant: Merchant, service: str, cell: str
) -> None:
    shipped(merchant, date(2026, 6, 1), service_name=service)
    cohorts.tally(NOW)

    file = viewer.get(CSV, JUNE | {"by": "service"}).content.decode()

    assert file.splitlines()[1].startswith(f"USPS,{cell},1,")


@pytest.mark.parametrize(
    ("by", "names"),
    [("carrier", "USPS,30,"), ("lane", "US-CO,US-MD,30,"), ("week", "2026-06-01,2026-06-07,12,")],
)
def test_the_file_is_cut_as_the_table_is(viewer: Client, june: Merchant, by: str, names: str) -> None:
    lines = viewer.get(CSV, JUNE | {"by": by}).content.decode().splitlines()

    assert lines[1].startswith(names)


def test_an_address_and_its_query_string_ask_for_the_same(viewer: Client, june: Merchant) -> None:
    asked = JUNE | {"carrier": "USPS/Ground Advantage", "lane": "unknown", "days": "calendar", "by": "week"}
    page = viewer.get(PAGE, asked)

    query: FiguresQuery = page.context["query"]
    again = viewer.get(f"{PAGE}?{query.to_query()}").context["asked"]
    assert again == page.context["asked"]
    assert (again.carrier, again.service, again.lane, again.in_business_days) == (
        "USPS",
        "Ground Advantage",
        "",
        False,
    )
