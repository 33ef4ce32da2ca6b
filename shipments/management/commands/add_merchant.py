"""`manage.py add_merchant`: a merchant, and perhaps the person who owns it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from shipments.enums import Role
from shipments.models import AuditEntry, Invitation, Membership, Merchant, User, roles
from shipments.web.inviting import post_invitation


class Command(BaseCommand):
    """Safe to repeat: what is there already is left as it is, and said so."""

    help = "Add a merchant; with --owner also the person who owns it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "slug", metavar="SLUG", help="The short name that stands in addresses: letters, digits, - and _."
        )
        parser.add_argument("--name", required=True, help="The merchant's name, as people read it.")
        parser.add_argument(
            "--owner", metavar="EMAIL", help="The owner's e-mail address; added where it is new."
        )
        parser.add_argument(
            "--invite",
            metavar="EMAIL",
            help="Invite this address as the owner, by mail; once more, where that was done before and nobody came.",
        )

    @transaction.atomic
    def handle(self, *, slug: str, name: str, owner: str | None, invite: str | None, **options: Any) -> None:
        if owner is not None:
            owner = _clean_email(owner)
        if invite is not None:
            invite = _clean_email(invite, "invite")
        merchant = self._merchant(slug, name)
        if owner is not None:
            self._make_owner(merchant, owner)
        if invite is not None:
            self._invite(merchant, invite)

    def _merchant(self, slug: str, name: str) -> Merchant:
        known = Merchant.objects.filter(slug=slug).first()
        if known is not None and known.name != name:
            raise CommandError(
                f"name: merchant {slug} exists already, as {known.name!r}. The admin changes names, this command does not."
            )
        if known is not None:
            self.stdout.write(f"Merchant {slug} exists already.")
            return known
        merchant = Merchant(slug=slug, name=name)
        try:
            merchant.full_clean()
        except ValidationError as exc:
            lines = [f"{field}: {' '.join(messages)}" for field, messages in exc.message_dict.items()]
            raise CommandError("\n".join(lines), returncode=2) from None
        merchant.save()
        AuditEntry.objects.record(
            "added",
            merchant,
            source="command",
            merchant=merchant,
            after={"slug": slug, "name": name, "time_zone": merchant.time_zone},
        )
        self.stdout.write(f"Merchant {slug} was added.")
        return merchant

    def _make_owner(self, merchant: Merchant, email: str) -> None:
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            person = User.objects.create_user(email)
            AuditEntry.objects.record(
                "added", person, source="command", merchant=merchant, after={"email": email}
            )
            self.stdout.write(
                f"{email} was added. A password is chosen with “Forgot your password?” on the sign-in page."
            )
        membership = Membership.objects.filter(user=person, merchant=merchant).first()
        if membership is not None and membership.role == Role.OWNER:
            self.stdout.write(f"{email} owns {merchant.slug} already.")
            return
        before = {} if membership is None else {"role": membership.role}
        membership, _ = Membership.objects.update_or_create(
            user=person, merchant=merchant, defaults={"role": Role.OWNER}
        )
        AuditEntry.objects.record(
            "changed" if before else "added",
            membership,
            source="command",
            merchant=merchant,
            before=before,
            after={"user": person.pk, "role": Role.OWNER},
        )
        self.stdout.write(f"{email} owns {merchant.slug} now.")

    def _invite(self, merchant: Merchant, email: str) -> None:
        now = timezone.now()
        if Membership.objects.filter(merchant=merchant, user__email=email.lower(), role=Role.OWNER).exists():
            self.stdout.write(f"{email} owns {merchant.slug} already.")
            return
        with roles.changing(merchant):
            try:
                roles.check_room(merchant, email, now)
            except roles.NoRoom as exc:
                raise CommandError(
                    f"invite: at most {exc.most} people may belong to {merchant.slug}, invited ones included. The admin "
                    "changes limits, this command does not."
                ) from None
            invitation = Invitation.objects.invite(merchant, email, Role.OWNER, by=None, now=now)
            post_invitation(None, invitation)
            AuditEntry.objects.record(
                "invited",
                invitation,
                source="command",
                merchant=merchant,
                after={"email": email, "role": Role.OWNER},
            )
        self.stdout.write(
            f"An invitation is on its way to {email}. It works for 48 hours; the same command sends another one."
        )


def _clean_email(text: str, option: str = "owner") -> str:
    email = text.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise CommandError(f"{option}: an e-mail address is name@host.", returncode=2) from None
    return email
