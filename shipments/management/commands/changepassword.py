"""`manage.py changepassword`: Django's own, and the audit knows of it."""

from typing import Any

from django.contrib.auth.management.commands import changepassword

from shipments.models import AuditEntry, User


class Command(changepassword.Command):
    """For a person named by their e-mail address. A new password ends the person's sessions everywhere."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        before = dict(User.objects.filter(email=options["username"] or "").values_list("pk", "password"))
        # Not in one transaction: it would stay open while somebody types.
        said: str | None = super().handle(*args, **options)
        for person in User.objects.filter(pk__in=before):
            if person.password != before[person.pk]:
                AuditEntry.objects.record("password set", person, source="command")
        return said
