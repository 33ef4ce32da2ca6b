"""The two kinds of staff besides superusers: who runs the installation, and who looks whether it is run well."""

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction

OPERATOR = "Operator"
AUDITOR = "Auditor"


def keep_in_step(using: str = "default", **_signal: Any) -> None:
    """Make both groups as this version wants them; after each `migrate`, so that new pages are theirs at once.

    Operators may do everything in the back-office but hand out powers (`admin.users`), and nobody may touch the audit.
    Auditors may look at everything and take the audit along as a file. Rights that were given to one of the groups by
    hand are taken back: whoever needs more gets a group of their own, or the right itself.
    """
    config = apps.get_app_config("shipments")
    # Django makes them after the same signal, by a receiver that may come after this one.
    create_permissions(config, verbosity=0, using=using)
    ours = Permission.objects.using(using).filter(content_type__app_label=config.label)
    with transaction.atomic(using=using):
        # Of models whose rights are fewer than they were.
        known = {
            codename
            for model in config.get_models()
            for codename in (
                *(f"{verb}_{model._meta.model_name}" for verb in model._meta.default_permissions),
                *(codename for codename, _name in model._meta.permissions),
            )
        }
        ours.exclude(codename__in=known).delete()
        wanted = {
            OPERATOR: ours,
            AUDITOR: ours.filter(codename__startswith="view_") | ours.filter(codename="export_auditentry"),
        }
        for name, rights in wanted.items():
            group, _is_new = Group.objects.using(using).get_or_create(name=name)
            group.permissions.set(rights)
