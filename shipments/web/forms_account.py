"""What people type at the door."""

from typing import Any

from allauth.account.forms import ResetPasswordForm


class ResetForm(ResetPasswordForm):  # type: ignore[misc]
    """Whose password is set anew: who signs in with the address.

    allauth would also take who only waits to change to it. A mistyped new address would then be a key to the account,
    in the hands of whoever reads that mailbox.
    """

    users: list[Any]

    def clean_email(self) -> Any:
        email = super().clean_email()
        self.users = [user for user in self.users if user.email == email.lower()]
        return email
