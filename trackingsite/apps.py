"""Django's admin, as the back-office of this site."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    """With our site (`shipments.web.back_office`) in the place of Django's."""

    # Not in `shipments.admin`, whose modules register with the site while it would still be made.
    default_site = "shipments.web.back_office.BackOffice"
