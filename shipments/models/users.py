"""People who sign in, by e-mail address."""

from typing import Any, ClassVar

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# The demo's people have a password everybody can read: they sign in nowhere but in a demo.
DEMO_DOMAIN = "demo.example"


class UserManager(BaseUserManager["User"]):
    """Makes people; e-mail addresses are compared without regard to case."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person who can sign in; without a password only after a reset."""
        if not email:
            raise ValueError("A person needs an e-mail address.")
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """An operator of the whole installation, as `manage.py createsuperuser` makes one; the audit knows of it."""
        with transaction.atomic():
            person = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
            apps.get_model("shipments", "AuditEntry").objects.record(
                "added",
                person,
                source="command",
                after={"email": person.email, "is_staff": True, "is_superuser": True},
            )
        return person


class User(AbstractBaseUser, PermissionsMixin):
    """A person. What they may see follows from their memberships; `is_staff` opens the back-office."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_staff = models.BooleanField(_("operator"), default=False, help_text=_("May open the back-office."))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Unset instead of deleting a person.")
    )
    date_joined = models.DateTimeField(_("since"), default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            # Sign-in and reset compare with the small letters of what was typed. With it, `unique` is for any case.
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_in_small_letters"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """What forms make of a typed address before they check it."""
        return super().normalize_username(username).lower()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the address in small letters, and the sign-in's own list of addresses in step with it."""
        self.email = self.email.lower()
        fields = kwargs.get("update_fields")
        with transaction.atomic():
            super().save(*args, **kwargs)
            if fields is None or "email" in fields:
                self._keep_one_address()

    def _keep_one_address(self) -> None:
        """Make `email` the one address the person signs in with.

        Whoever made or changed it vouches for it: an operator, a command, or a link that was opened from its mailbox.
        An address it replaces no longer opens anything; one that waits to be confirmed goes on waiting.
        """
        addresses = apps.get_model("account", "EmailAddress").objects.filter(user=self)
        settled = addresses.filter(models.Q(verified=True) | models.Q(primary=True))
        if list(settled.values_list("email", "verified", "primary")) == [(self.email, True, True)]:
            return
        settled.exclude(email=self.email).delete()
        addresses.update_or_create(
            email=self.email, defaults={"user": self, "verified": True, "primary": True}
        )

    @property
    def is_of_demo(self) -> bool:
        return self.email.endswith(f"@{DEMO_DOMAIN}")

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] or self.email
