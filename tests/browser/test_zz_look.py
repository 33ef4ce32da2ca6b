from datetime import *

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from shipments.facts.times import DeliveryEstimate
from shipments.models import *
from tests.factories import *

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fill(merchant, alice, mary):
    an_account(merchant)
    s = a_shipment(
        merchant,
        number="9405509898641500000146",
        order_number="A-10077",
        recipient_name="Rosa Invented",
        destination_postal_code="20832",
        tags=["vip", "spring sale"],
        mailing_date=date(2026, 3, 2),
        due_at=timezone.now() + timedelta(hours=2),
    )
    way = [
        a_scan(
            f"2026-03-0{d} {h}",
            "10",
            "Arrived at USPS Regional Facility",
            Status.IN_TRANSIT,
            place=Place(city="DENVER CO DISTRIBUTION CENTER"),
        )
        for d, h in ((4, "20:10"), (4, "03:12"), (3, "11:00"))
    ]
    ingested(s, a_snapshot(a_scan(*LABEL), estimate=DeliveryEstimate(date(2026, 3, 6))), minute=0)
    ingested(
        s,
        a_snapshot(a_scan(*ACCEPTED), a_scan(*LABEL), estimate=DeliveryEstimate(date(2026, 3, 7))),
        minute=10,
    )
    ingested(
        s,
        a_snapshot(
            *way,
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            a_scan("2026-03-03 12:00", "99", "Odd one", Status.EXCEPTION),
            estimate=DeliveryEstimate(date(2026, 3, 5), None, time(20)),
        ),
        minute=20,
    )
    ingested(
        s,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            *way,
            a_scan(*ACCEPTED),
            a_scan(*LABEL),
            status_text="Your item was delivered at the front door or porch at 2:05 pm on March 5, 2026 in OLNEY, MD 20832.",
            service_name="Priority Mail",
            weight_value=2.5,
            weight_unit="LB",
            delivered=posted("2026-03-05 14:05"),
            delivery_description="Delivered, Front Door/Porch",
            signed_by="R INVENTED",
            delivery_proof_url="https://carrier.example/p/1",
            estimate=DeliveryEstimate(date(2026, 3, 5), None, time(20)),
            origin=DENVER,
            destination=OLNEY,
        ),
        minute=30,
    )
    User.objects.filter(pk=mary.pk).update(name="Mary Moss")
    for by, text in (
        (mary, "Buyer called: wants it left with the neighbor if nobody is home."),
        (alice, "Told her that the carrier decides.\nShe is fine with that."),
    ):
        Note.objects.create(shipment=s, merchant=merchant, author=by, text=text)
    R = lambda verb, by, **k: AuditEntry.objects.record(verb, s, by=by, source="page", merchant=merchant, **k)
    R("added", mary)
    R("changed", alice, before={"carrier": "UPS"}, after={"carrier": "USPS"})
    R("tagged", mary, after={"tag": "vip"})
    R(
        "changed",
        mary,
        before={"order_number": "", "gateway": "usps"},
        after={"order_number": "A-10077", "gateway": ""},
    )
    R("wrote a note", mary)
    R("asked now", alice)
    s.refresh_from_db()
    return s


@pytest.mark.parametrize(
    ("scheme", "width"),
    [("light", 1440), ("dark", 1440), ("light", 1024), ("dark", 390), ("light", 390), ("light", 320)],
)
def test_look(browser, live_server, alice, mary, merchant, scheme, width):
    s = fill(merchant, alice, mary)
    ctx = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce"
    )
    page = ctx.new_page()
    msgs = []
    page.on("console", lambda m: msgs.append(m.text))
    page.on("pageerror", lambda e: msgs.append(str(e)))
    page.goto(f"{live_server.url}/app/")
    page.get_by_label("Email").fill("alice@example.com")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/shipments/")
    base = f"{live_server.url}/app/alpine/shipments/{s.public_id}/"
    scan = s.scans.get(text=DELIVERED[2])
    for name, url in (
        ("detail", base),
        ("correct", base + "correct/"),
        ("again", base + "new-parcel/"),
        ("answer", f"{base}answers/{scan.answer.sha256}/?scan={scan.fingerprint}"),
    ):
        page.goto(url)
        for v in Axe().run(page).response["violations"]:
            for n in v["nodes"]:
                print(name, scheme, width, v["id"], n["html"][:200], n["failureSummary"])
        w = page.evaluate("document.documentElement.scrollWidth")
        if w > width:
            print("WIDE", name, w, width)
        page.screenshot(path=f"/tmp/shots-parcel/{name}-{scheme}-{width}.png", full_page=True)
    if scheme == "light" and width == 1440:
        page.goto(base)
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 794, "height": 1123})
        page.screenshot(path="/tmp/shots-parcel/print.png", full_page=True)
        page.emulate_media(media="screen")
    print("CONSOLE", msgs)
    ctx.close()
