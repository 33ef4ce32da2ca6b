"""Parts of addresses."""


class NumberAtRoot:
    """A tracking number right behind the host: 4 to 40 letters, digits, blanks and hyphens, one of them a digit.

    The digit keeps words apart from numbers: `/admin`, `/favicon.ico` and `/accounts` are none.
    """

    regex = r"(?=[^/]*[0-9])[0-9A-Za-z][0-9A-Za-z -]{2,38}[0-9A-Za-z]"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
