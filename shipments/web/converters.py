"""Parts of addresses, each with the name by which routes ask for it."""

from django.urls import register_converter


class NumberAtRoot:
    """A tracking number right behind the host: 4 to 40 letters, digits, blanks and hyphens, one of them a digit.

    The digit keeps words apart from numbers: `/admin`, `/favicon.ico` and `/accounts` are none.
    """

    regex = r"(?=[^/]*[0-9])[0-9A-Za-z][0-9A-Za-z -]{2,38}[0-9A-Za-z]"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Sha256:
    """A digest in small hexadecimal digits. Anything else is no address: some signs no database takes."""

    regex = r"[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class StatementNumber(Sha256):
    """The number of a proof statement in its own form."""

    regex = r"PS(?:-[0-9A-Z]{4}){4}"


# Here and not beside the routes: several modules of routes use them, and a name may be given once.
register_converter(NumberAtRoot, "number_at_root")
register_converter(Sha256, "sha256")
register_converter(StatementNumber, "statement_number")
