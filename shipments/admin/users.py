"""People: who may sign in, and who may open the back-office."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import (
    AdminUserCreationForm,
    ReadOnlyPasswordHashField,
    ReadOnlyPasswordHashWidget,
    UserChangeForm,
)
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.audited import Audited
from shipments.models import User

# Whoever may set these could make themselves an operator of everything.
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class PersonCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """An e-mail address instead of a user name, and words of ours for Django's."""

    usable_password = forms.ChoiceField(
        label=_("First password"),
        required=False,
        initial="true",
        choices={
            "true": _("set here, and told to the person"),
            "false": _("none: they choose one by “Forgot your password?”"),
        },
        widget=forms.RadioSelect(attrs={"class": "radiolist"}),
    )

    class Meta:
        model = User
        fields = ("email", "name")


class SetOrNone(ReadOnlyPasswordHashWidget):
    """Whether there is a password; nothing of how it is kept, a part of its digest least of all."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        is_set = bool(value) and is_password_usable(value)
        context["summary"] = [{"label": gettext("Set.") if is_set else gettext("None is set.")}]
        return context


class PersonChangeForm(UserChangeForm):  # type: ignore[type-arg]
    password = ReadOnlyPasswordHashField(label=_("Password"), widget=SetOrNone)

    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class PersonAdmin(Audited, UserAdmin):  # type: ignore[type-arg]
    """People are switched off instead of deleted. Only superusers hand out powers, or touch other superusers."""

    form = PersonChangeForm
    add_form = PersonCreationForm
    personal = frozenset({"name"})
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    actions = ("take_second_factor_away",)
    readonly_fields = ("date_joined", "last_login")
    # Ticked one by one: in a list of many a slip with the mouse would take all the others away.
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Powers"), {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
        (_("Single rights"), {"fields": ("user_permissions",), "classes": ("collapse",)}),
        (_("Dates"), {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = (
        (
            None,
            {"classes": ("wide",), "fields": ("email", "name", "usable_password", "password1", "password2")},
        ),
    )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "widget": forms.CheckboxSelectMultiple()}
        )
        if field is not None and db_field.name == "groups":
            field.help_text = gettext(
                "Auditors look at every page and change nothing; operators do everything but hand out powers. Both need the tick at “operator”."
            )
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if _is_superuser(request) else (*fields, *POWERS)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> User | None:
        person: User | None = super().get_object(request, object_id, from_field)
        if person is not None and not _is_superuser(request):
            # They are listed by their names, which begin with what they are about.
            permissions = Permission.objects.select_related("content_type")
            prefetch_related_objects([person], Prefetch("user_permissions", permissions))
        return person

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not _is_superuser(request):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    @admin.action(permissions=["change"], description=_("Take the second factor away (phone and codes lost)"))
    def take_second_factor_away(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let people in who have lost both; they are told by mail. Make sure first that it is them who ask."""
        helped = [
            person
            for person in queryset.filter(authenticator__type=Authenticator.Type.TOTP)
            if self.has_change_permission(request, person)
        ]
        for person in helped:
            with transaction.atomic():
                Authenticator.objects.filter(user=person).delete()
                self.write_down(request, "second factor taken away", person, {}, {})
            get_adapter(request).send_notification_mail("mfa/email/totp_deactivated", person)
        if not helped:
            self.message_user(
                request,
                gettext("Nothing has changed: there is no second factor, or it is not yours to take away."),
                messages.WARNING,
            )
            return
        self.message_user(
            request,
            ngettext(
                "%(count)d second factor was taken away.",
                "%(count)d second factors were taken away.",
                len(helped),
            )
            % {"count": len(helped)},
            messages.SUCCESS,
        )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        before = self.get_object(request, unquote(id))
        response = super().user_change_password(request, id, form_url)
        after = None if before is None else User.objects.filter(pk=before.pk).first()
        if before is not None and after is not None and before.password != after.password:
            self.write_down(
                request, "changed", after, {"password": before.password}, {"password": after.password}
            )
        return response


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser
