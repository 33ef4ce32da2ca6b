"""Django's admin with a frame of our own."""

from django.contrib.admin.apps import AdminConfig


class BackOfficeConfig(AdminConfig):
    """The back-office: Django's admin, whose site is ours."""

    # Not beside the admin's modules in `shipments.admin`: they ask for the site while their package is still being read.
    default_site = "trackingsite.back_office.BackOffice"
