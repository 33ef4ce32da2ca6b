"""Who belongs to a merchant as what, also when two change it at once."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from shipments import tasks
from shipments.enums import Reason, Role
from shipments.models import AttentionItem, Invitation, Membership, Merchant, User, roles
from shipments.models.invitations import KEPT, LASTS
from tests.factories import a_merchant, a_person, a_shipment, an_invitation

pytestmark = pytest.mark.django_db


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """Do all of them in threads that begin together; what each gave or raised."""
    barrier = threading.Barrier(len(deeds))
    results: list[object] = [None] * len(deeds)

    def run(place: int, deed: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=60)
            results[place] = deed()
        except Exception as exc:  # noqa: BLE001  (the test looks at it)
            results[place] = exc
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def roles_of(merchant: Merchant) -> dict[str, str]:
    return dict(Membership.objects.filter(merchant=merchant).values_list("user__email", "role"))


def leaving(merchant: Merchant, person: User) -> Callable[[], object]:
    def leave() -> None:
        with roles.changing(merchant):
            own = Membership.objects.get(merchant=merchant, user=person)
            # Time for the other one to look as well, if nothing kept them from it.
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.2)")
            roles.end(own)

    return leave


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_one_stays(alice: User, merchant: Merchant) -> None:
    anna = a_person("anna@example.com", merchant, "owner")

    results = at_once(leaving(merchant, alice), leaving(merchant, anna))

    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "NoneType"]
    assert list(roles_of(merchant).values()) == ["owner"]


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_lower_each_other_at_once_one_is_refused(alice: User, merchant: Merchant) -> None:
    anna = a_person("anna@example.com", merchant, "owner")

    def lowering(by: User, whom: User) -> Callable[[], object]:
        def lower() -> None:
            with roles.changing(merchant):
                roles.check_owner(merchant, by)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_sleep(0.2)")
                roles.change_role(Membership.objects.get(merchant=merchant, user=whom), Role.VIEWER)

        return lower

    results = at_once(lowering(alice, anna), lowering(anna, alice))

    assert sorted(type(result).__name__ for result in results) == ["NoneType", "NotAnOwner"]
    assert sorted(roles_of(merchant).values()) == ["owner", "viewer"]


@pytest.mark.django_db(transaction=True)
def test_an_invitation_accepted_twice_at_once_makes_one_member(alice: User, merchant: Merchant) -> None:
    nora = a_person("nora@example.com")
    invitation = an_invitation(merchant, "nora@example.com", "manager")

    def accept() -> None:
        with roles.changing(merchant):
            roles.accept(invitation, nora, timezone.now())

    results = at_once(accept, accept)

    assert sorted(type(result).__name__ for result in results) == ["InvitationEnded", "NoneType"]
    assert roles_of(merchant) == {"alice@example.com": "owner", "nora@example.com": "manager"}


@pytest.mark.django_db(transaction=True)
def test_two_invitations_of_one_address_at_once_leave_one_open(alice: User, merchant: Merchant) -> None:
    results = at_once(
        lambda: an_invitation(merchant, "nora@example.com", by=alice),
        lambda: an_invitation(merchant, "Nora@Example.com", by=alice),
    )

    assert [type(result) for result in results] == [Invitation, Invitation]
    assert Invitation.objects.open().count() == 1
    assert Invitation.objects.count() == 2


def test_the_last_owner_neither_leaves_nor_is_lowered(alice: User, mary: User, merchant: Merchant) -> None:
    own = Membership.objects.get(user=alice)

    with roles.changing(merchant):
        with pytest.raises(roles.LastOwner):
            roles.end(own)
        with pytest.raises(roles.LastOwner):
            roles.change_role(own, Role.MANAGER)

    assert roles_of(merchant) == {"alice@example.com": "owner", "mary@example.com": "manager"}


def test_an_owner_of_another_merchant_does_not_count(alice: User, charlie: User, merchant: Merchant) -> None:
    with roles.changing(merchant), pytest.raises(roles.LastOwner):
        roles.end(Membership.objects.get(user=alice))


def test_handing_over_makes_one_the_owner_and_the_other_a_manager(
    alice: User, bob: User, merchant: Merchant
) -> None:
    with roles.changing(merchant):
        roles.hand_over(Membership.objects.get(user=alice), Membership.objects.get(user=bob))

    assert roles_of(merchant) == {"alice@example.com": "manager", "bob@example.com": "owner"}


def test_what_somebody_looked_after_is_nobodys_when_they_go(
    alice: User, mary: User, merchant: Merchant
) -> None:
    elsewhere = a_merchant()
    Membership.objects.create(user=mary, merchant=elsewhere, role="manager")
    now = timezone.now()
    items = [
        AttentionItem.objects.create(
            shipment=a_shipment(where),
            merchant=where,
            reasons=[Reason.LATE],
            reason=Reason.LATE,
            rank=4,
            since=now,
            found_at=now,
            owner=owner,
        )
        for where, owner in ((merchant, mary), (merchant, alice), (elsewhere, mary))
    ]

    with roles.changing(merchant):
        roles.end(Membership.objects.get(user=mary, merchant=merchant))

    for item in items:
        item.refresh_from_db()
    assert [item.owner for item in items] == [None, alice, mary]
    assert roles_of(elsewhere) == {"mary@example.com": "manager"}


@pytest.mark.parametrize(
    ("has", "offered", "gets"),
    [("viewer", "manager", "manager"), ("manager", "viewer", "manager"), ("owner", "viewer", "owner")],
)
def test_an_invitation_raises_a_members_role_and_never_lowers_it(
    has: str, offered: str, gets: str, alice: User, merchant: Merchant
) -> None:
    nora = a_person("nora@example.com", merchant, has)
    invitation = an_invitation(merchant, "nora@example.com", offered, by=alice)

    with roles.changing(merchant):
        membership, before = roles.accept(invitation, nora, timezone.now())

    assert (membership.role, before) == (gets, has)
    assert roles_of(merchant)["nora@example.com"] == gets


def test_an_invitation_works_for_48_hours(alice: User, merchant: Merchant) -> None:
    made = timezone.now()
    invitation = an_invitation(merchant, now=made)

    assert timedelta(hours=48) == LASTS
    assert invitation.is_usable(made + timedelta(hours=48) - timedelta(seconds=1)) is True
    assert invitation.is_usable(made + timedelta(hours=48)) is False


def test_inviting_again_ends_the_earlier_link(alice: User, merchant: Merchant) -> None:
    first = an_invitation(merchant, "nora@example.com")
    second = an_invitation(merchant, "NORA@example.com", "manager")

    found = Invitation.objects.with_token(first.token)
    assert found is not None
    assert found.is_usable(timezone.now()) is False
    assert Invitation.objects.with_token(second.token) == second
    assert second.is_usable(timezone.now()) is True


def test_the_token_is_in_no_row(alice: User, merchant: Merchant) -> None:
    invitation = an_invitation(merchant)

    # 192 random bits, without a sign that a mail program could leave out of a link.
    assert re.fullmatch("[0-9a-f]{48}", invitation.token)
    assert invitation.token not in str(Invitation.objects.values().get())


def test_the_database_keeps_one_open_invitation_per_address(alice: User, merchant: Merchant) -> None:
    now = timezone.now()
    an_invitation(merchant, "nora@example.com")

    with pytest.raises(IntegrityError, match="one_open_invitation_per_address"), transaction.atomic():
        Invitation.objects.create(
            merchant=merchant,
            email="Nora@example.com",
            role="viewer",
            token_sha256="0" * 64,
            made_at=now,
            expires_at=now,
        )


def test_invitations_are_forgotten_a_month_after_their_end(alice: User, merchant: Merchant) -> None:
    now = timezone.now()
    an_invitation(merchant, "old@example.com", now=now - LASTS - KEPT - timedelta(seconds=1))
    kept = an_invitation(merchant, "new@example.com", now=now - LASTS - KEPT + timedelta(minutes=1))

    tasks.housekeep()

    assert Invitation.objects.get() == kept
