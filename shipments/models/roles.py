"""Who belongs to a merchant as what: people join, change, leave, and one owner always stays.

Every change holds the merchant's row, and reads what it decides by after that: of two owners who leave at once, the
second finds that they are the last.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from shipments.enums import Role
from shipments.models.invitations import Invitation
from shipments.models.merchants import Membership, Merchant
from shipments.models.users import User

# From the least to the most.
_RISING = (Role.VIEWER, Role.MANAGER, Role.OWNER)


class RefusedChange(Exception):
    """A change of people that must not be."""


class LastOwner(RefusedChange):
    """The merchant would have no owner."""


class NotAnOwner(RefusedChange):
    """Who asks for the change does not own the merchant, or no longer."""


class NotAMember(RefusedChange):
    """Whom it is about does not belong to the merchant, or no longer."""


class InvitationEnded(RefusedChange):
    """It was accepted, revoked, or its time is over."""


class NoRoom(RefusedChange):
    """The merchant may have no more people; `most` is its limit."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most


@contextmanager
def changing(merchant: Merchant) -> Iterator[None]:
    """A transaction in which nobody else changes who belongs to the merchant."""
    with transaction.atomic():
        # Not FOR UPDATE: that would hold up everybody who adds a parcel.
        Merchant.objects.select_for_update(no_key=True).only("pk").get(pk=merchant.pk)
        yield


def check_owner(merchant: Merchant, person: User) -> Membership:
    """The person's membership as it is now; NotAnOwner where they own the merchant no longer. Call it inside `changing`."""
    own = Membership.objects.filter(merchant=merchant, user=person, role=Role.OWNER).first()
    if own is None:
        raise NotAnOwner
    return own


def member(merchant: Merchant, pk: int) -> Membership:
    """The membership as it is now; NotAMember where there is none. Call it inside `changing`."""
    found = Membership.objects.select_related("user").filter(merchant=merchant, pk=pk).first()
    if found is None:
        raise NotAMember
    return found


def check_room(merchant: Merchant, email: str, now: datetime) -> None:
    """See whether one more may be invited; those who are invited and have not come count, but for this address itself.
    NoRoom. Call it inside `changing`."""
    most = Merchant.objects.values_list("most_people", flat=True).get(pk=merchant.pk)
    if most is None:
        return
    invited = Invitation.objects.for_merchant(merchant).open().filter(expires_at__gt=now)
    here = Membership.objects.filter(merchant=merchant).count()
    if here + invited.exclude(email=email.lower()).count() >= most:
        raise NoRoom(most)


def change_role(membership: Membership, role: Role) -> bool:
    """Give the member this role; False where they have it already. Call it inside `changing`."""
    if membership.role == role:
        return False
    if membership.role == Role.OWNER:
        _check_another_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    return True


def end(membership: Membership) -> None:
    """The person belongs to the merchant no more. Call it inside `changing`."""
    if membership.role == Role.OWNER:
        _check_another_owner(membership)
    membership.delete()


def hand_over(own: Membership, to: Membership) -> None:
    """Make `to` an owner and who owned it a manager. Call it inside `changing`."""
    change_role(to, Role.OWNER)
    change_role(own, Role.MANAGER)


def accept(invitation: Invitation, person: User, now: datetime) -> tuple[Membership, str]:
    """Let the person in, and tell the role they had before (`""`: none). Call it inside `changing`.

    A member's role can rise by an invitation, and never falls by one. InvitationEnded for the second of two at once; NoRoom
    where the merchant's limit was lowered since, and the invitation stays open.
    """
    fresh = Invitation.objects.select_related("merchant").get(pk=invitation.pk)
    if not fresh.is_usable(now):
        raise InvitationEnded
    members = Membership.objects.filter(merchant=fresh.merchant)
    most = fresh.merchant.most_people
    if most is not None and members.count() >= most and not members.filter(user=person).exists():
        raise NoRoom(most)
    fresh.mark_accepted(now)
    membership, is_new = Membership.objects.get_or_create(
        user=person, merchant=fresh.merchant, defaults={"role": fresh.role, "joined_at": now}
    )
    if is_new:
        return membership, ""
    before = membership.role
    if _RISING.index(Role(fresh.role)) > _RISING.index(Role(before)):
        change_role(membership, Role(fresh.role))
    return membership, before


def _check_another_owner(membership: Membership) -> None:
    others = Membership.objects.filter(merchant=membership.merchant_id, role=Role.OWNER)
    if not others.exclude(pk=membership.pk).exists():
        raise LastOwner
