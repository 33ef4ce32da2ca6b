"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

# Our own back-office only: what other apps register would change rows past the audit.
admin.autodiscover()
for model in [model for model in admin.site._registry if model._meta.app_label != "shipments"]:
    admin.site.unregister(model)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("shipments.web.urls_account")),
    path("language", set_language, name="set_language"),
    path("", include("shipments.urls")),
]
