"""What came of trying an account's connection, and what to do about it, for people."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from shipments.enums import Connection


@dataclass(frozen=True, slots=True)
class ConnectionWords:
    """What happened in one sentence, and what to do in one or two; `""` where nothing is to be done."""

    happened: str
    advice: str
    works: bool


def connection_words(result: str, gateway: str) -> ConnectionWords:
    """The words for a result as it is stored; `gateway` is its name for people."""
    known = Connection(result) if result in set(Connection) else Connection.UNREADABLE
    happened, advice = _words(known)
    names = {"gateway": gateway}
    return ConnectionWords(happened % names, advice % names, known == Connection.WORKS)


def _words(result: Connection) -> tuple[str, str]:
    match result:
        case Connection.WORKS:
            return _("%(gateway)s gave a token for the key and answered a question about a parcel."), ""
        case Connection.NO_KEY:
            return (
                _("There is no key to try: the account has none."),
                _("Add a key with its secret."),
            )
        case Connection.LOCKED_KEY:
            return (
                _("The stored key cannot be read: it was encrypted with a key that is not on the key ring."),
                _(
                    "Whoever runs this site puts that key back into CREDENTIAL_KEYS, behind the newest one. Or add the carrier's key and secret again here."
                ),
            )
        case Connection.UNLISTED_HOST:
            return (
                _("Nobody was asked: keys may not be sent to the address of this account."),
                _(
                    "Take the address out, so that the carrier's own is used; or have the operator add its host to TRACKINGSITE_CARRIER_HOSTS."
                ),
            )
        case Connection.PRIVATE_HOST:
            return (
                _("Nobody was asked: the name in the address leads into a private network."),
                _("Take the address out, so that the carrier's own is used; or have the name mended."),
            )
        case Connection.NO_SUCH_NAME:
            return (
                _("The name of the host was not found."),
                _(
                    "Check the address for a slip. If it is right, this server cannot ask a name service: the operator looks at its network."
                ),
            )
        case Connection.NO_CONNECTION:
            return (
                _("The host was found, but no connection came about, or it was cut."),
                _(
                    "Check the port of the address, and that a firewall lets this server out. If both are right, try again later."
                ),
            )
        case Connection.TLS:
            return (
                _("The host answered, but no trustworthy encryption came about; nothing was sent to it."),
                _(
                    "Check that the address is the carrier's, and that no proxy on the way puts in a certificate of its own."
                ),
            )
        case Connection.TIME_OUT:
            return (
                _("The host did not answer in time."),
                _(
                    "Try again in a few minutes. If it stays so, check the carrier's status page, and that a firewall lets this server out."
                ),
            )
        case Connection.REFUSED_KEY:
            return (
                _("%(gateway)s refused the key or its secret."),
                _(
                    "Copy both again from the carrier's portal, without blanks around them, and check that they are of the environment chosen here."
                ),
            )
        case Connection.OTHER_ENVIRONMENT:
            return (
                _("%(gateway)s refused the key here, and takes it in its other environment."),
                _("Change the environment of this account, or add the key of the one it has."),
            )
        case Connection.REFUSED_TOKEN:
            return (
                _("%(gateway)s gave a token for the key, and its tracking refused that token."),
                _(
                    "Key and address are probably of different environments: a test key asks the test address. If they fit, ask the carrier."
                ),
            )
        case Connection.MISSING_SCOPE:
            return (
                _("The key is good, but its application lacks the scope for tracking."),
                _("Add the tracking product to the application in the carrier's portal, then try again."),
            )
        case Connection.NO_TRACKING:
            return (
                _("The key is good, but %(gateway)s has not enabled tracking for it."),
                _("Ask the carrier to enable tracking for this account; new ones mostly do not have it."),
            )
        case Connection.OVER_QUOTA:
            return (
                _("The calls this account may make are used up for now."),
                _("Try again in an hour. If that is always so, ask the carrier for a larger quota."),
            )
        case Connection.CARRIERS_FAULT:
            return (
                _("%(gateway)s has trouble of its own and could not answer."),
                _("Nothing is wrong here. Try again later."),
            )
        case Connection.UNREADABLE:
            return (
                _("Something answered at this address, but not as %(gateway)s does."),
                _("Check the address: a web page or another service may stand there."),
            )
