"""What a log must not hold: some addresses open something for whoever has them, and refused requests are logged by address."""

import logging
import re

# Private links, confirmations and ends of mails, invitations, new passwords and changed addresses.
_SECRET_PARTS = re.compile(r"(/(?:t|mail/confirm|mail/stop|join|password/reset/key|confirm-email)/)[^/\s?]+")


class WithoutTokens(logging.Filter):
    """Lets every record through, its message without the parts of addresses that are secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        kept = _SECRET_PARTS.sub(r"\1…", said)
        if kept != said:
            record.msg, record.args = kept, None
        return True
