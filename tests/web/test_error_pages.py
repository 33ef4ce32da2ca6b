"""Pages for what could not be shown: each says where to go from there, and a signed-in person's way is the dashboard."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from shipments.models import User

pytestmark = pytest.mark.django_db

TO_THE_DASHBOARD = 'href="/app/"'
TO_TRACKING = 'href="/">Track a parcel</a>'


def ways_on(page: str) -> str:
    """What stands in the page itself: its head offers the dashboard everywhere."""
    return page[page.index("<main") : page.index("</main>")]


@pytest.mark.parametrize("path", ["/app/alpine/nowhere/", "/nowhere/at/all"])
def test_whoever_is_signed_in_goes_on_to_the_dashboard_from_a_page_that_is_not_there(
    path: str, client: Client, bob: User
) -> None:
    client.force_login(bob)
    response = client.get(path)

    assert response.status_code == 404
    ways = ways_on(response.content.decode())
    assert TO_THE_DASHBOARD in ways
    assert TO_TRACKING in ways


def test_a_stranger_goes_on_to_tracking(client: Client) -> None:
    response = client.get("/nowhere/at/all")

    assert response.status_code == 404
    ways = ways_on(response.content.decode())
    assert TO_THE_DASHBOARD not in ways
    assert TO_TRACKING in ways


def test_whoever_may_not_do_it_goes_on_to_the_dashboard(client: Client, bob: User) -> None:
    client.force_login(bob)
    response = client.get("/app/alpine/shipments/add/")

    assert response.status_code == 403
    assert TO_THE_DASHBOARD in ways_on(response.content.decode())


def test_a_form_that_is_too_old_leads_back_to_the_dashboard(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    response = client.post("/app/alpine/settings/alerts/")

    assert response.status_code == 403
    ways = ways_on(response.content.decode())
    assert "Nothing was changed." in ways
    assert TO_THE_DASHBOARD in ways


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_too_many_tries_offer_a_new_password_to_who_is_not_signed_in(
    is_signed_in: bool, bob: User, rf: RequestFactory
) -> None:
    request = rf.get("/accounts/login/")
    request.user = bob if is_signed_in else AnonymousUser()

    ways = ways_on(render_to_string("429.html", request=request))

    assert ("Forgotten password" in ways) is not is_signed_in
    assert (TO_THE_DASHBOARD in ways) is is_signed_in
    assert TO_TRACKING in ways
