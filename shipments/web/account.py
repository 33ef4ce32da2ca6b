"""The person's own account: the page that leads to its rooms, and their name."""

from typing import Any

from allauth.account.views import ConfirmEmailView, EmailView
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from shipments.models import Membership, User
from shipments.web.access import PersonRequest, signed_in
from shipments.web.second_factor import has_second_factor, write_down


class NameForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """What the person is called."""

    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": gettext_lazy("Name")}
        help_texts = {"name": gettext_lazy("As colleagues see it beside notes and parcels.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


@require_safe
@signed_in
def overview(request: PersonRequest) -> HttpResponse:
    """Name, address, password, second factor, sessions and merchants, each with the way to change it."""
    memberships = list(
        Membership.objects.filter(user=request.user)
        .select_related("merchant")
        .order_by("merchant__name", "pk")
    )
    context = {
        "memberships": memberships,
        "is_protected": has_second_factor(request.user),
        "is_advised": request.user.is_staff or any(each.role == "owner" for each in memberships),
    }
    return render(request, "account/overview.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def name(request: PersonRequest) -> HttpResponse:
    """Change the name."""
    form = NameForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            request.user.save(update_fields=["name"])
            if form.has_changed():
                write_down(request, "name changed")
        messages.success(request, _("Your name is changed."))
        return redirect("account_overview")
    return render(request, "account/name.html", {"form": form}, status=400 if form.errors else 200)


@method_decorator(never_cache, name="dispatch")
class Email(EmailView):  # type: ignore[misc]
    """The address, and a new one that waits for its link to be opened."""


@method_decorator(login_required, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class ConfirmEmail(ConfirmEmailView):  # type: ignore[misc]
    """What the link in the new mailbox opens. It takes the person as well: whoever gets a mail because an address was
    mistyped has the link, and must not have the account by it."""

    def get_object(self, queryset: Any = None) -> Any:
        found = super().get_object(queryset)
        if found.email_address.user_id != self.request.user.pk:
            raise Http404
        return found
