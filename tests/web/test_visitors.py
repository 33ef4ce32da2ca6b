"""Which address a request is said to come from, and how tries are counted."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from pytest_django import Settings

from shipments.web.visitors import Limit, client_address, mailbox, too_many, visitor

NOW = datetime(2026, 3, 6, 12, 0, 20, tzinfo=UTC)


def address(settings: Settings, *, proxies: int, peer: str, forwarded: str | None) -> str:
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "expected"),
    [
        (0, "203.0.113.9", None, "203.0.113.9"),
        # Without a proxy of ours the header is a visitor's own claim.
        (0, "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (1, "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (1, "10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        # Fewer entries than proxies: the header was not written by all of them.
        (2, "10.0.0.1", "198.51.100.1", "10.0.0.1"),
        (1, "10.0.0.1", None, "10.0.0.1"),
        (1, "10.0.0.1", "not an address", "10.0.0.1"),
        (1, "10.0.0.1", "198.51.100.1:5123", "198.51.100.1"),
        (1, "10.0.0.1", "[2001:db8::7]:5123", "2001:db8::7"),
        (1, "10.0.0.1", "2001:DB8::7", "2001:db8::7"),
        (0, "::ffff:203.0.113.9", None, "203.0.113.9"),
        (0, "fe80::1%eth0", None, "fe80::1"),
        (0, "", None, ""),
    ],
)
def test_the_address_is_the_one_our_outermost_proxy_saw(
    settings: Settings, proxies: int, peer: str, forwarded: str | None, expected: str
) -> None:
    assert address(settings, proxies=proxies, peer=peer, forwarded=forwarded) == expected


@pytest.mark.parametrize(
    ("peer", "expected"),
    [("203.0.113.9", "203.0.113.9"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("", "")],
)
def test_a_household_counts_as_one_visitor(peer: str, expected: str) -> None:
    assert visitor(RequestFactory().get("/", REMOTE_ADDR=peer)) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "robin@example.com", "Robin+Parcels@EXAMPLE.com", '"robin"@example.com', '"r\\obin+x"@example.com',
    ],
)  # fmt: skip
def test_spellings_of_one_mailbox_are_counted_together(typed: str) -> None:
    assert mailbox(typed) == "robin@example.com"


def test_mailboxes_of_different_people_are_counted_apart() -> None:
    assert mailbox("r.obin@example.com") == "r.obin@example.com"
    assert mailbox("R.Obin+x@googlemail.com") == mailbox("robin@gmail.com") == "robin@gmail.com"
    assert mailbox("robin@exämple.com") == mailbox("robin@xn--exmple-cua.com") == "robin@xn--exmple-cua.com"
    nowhere = f"robin@{'ä' * 62}.com"
    assert mailbox(nowhere) == nowhere


@pytest.mark.django_db
def test_tries_are_counted_for_each_visitor_and_window() -> None:
    limit = Limit("test", 2, timedelta(minutes=1))

    assert [limit.allows("a", NOW) for _ in range(3)] == [True, True, False]
    assert limit.allows("b", NOW) is True
    assert limit.allows("a", NOW + timedelta(seconds=39)) is False
    assert limit.allows("a", NOW + limit.ends_in(NOW)) is True


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("per", "told"),
    [
        (timedelta(minutes=1), "in 1 min"),
        (timedelta(hours=1), "in 1 h"),
        (timedelta(days=1), "in 12 h"),
    ],
)
def test_who_comes_back_when_told_to_is_not_refused_again(per: timedelta, told: str) -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    response = too_many(request, Limit("test", 2, per), now=NOW)

    assert f"Nothing is lost: try again {told}." in response.content.decode()


def test_the_end_of_a_window_is_told() -> None:
    assert Limit("test", 2, timedelta(minutes=1)).ends_in(NOW) == timedelta(seconds=40)
    assert Limit("test", 2, timedelta(days=1)).ends_in(NOW) == timedelta(hours=11, minutes=59, seconds=40)
