"""The words of an exception, without what it may have been told about people, parcels and secrets. Pure."""

import re

# How the last line of a traceback begins: the dotted name of a class.
_RAISED = re.compile(r"(?m)^(?P<name>[A-Za-z_][\w.]*?)(?:: (?P<words>.*))?$")
_CLASS = re.compile(r"(?:.*\.)?[A-Z]\w*\Z")
_PLACE = re.compile(
    r'(?m)^  File "[^"\n]*?(?P<file>(?:shipments|trackingsite)/[^"\n]+)", line (?P<line>\d+), in (?P<name>\S+)$'
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/\s@]*@)?(?P<host>[^/\s?#'\"@]+)[^\s'\"]*", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s'\"<>(=,;:]+@[^\s'\"<>),;:]+")
_QUOTED = re.compile(r"'(?P<single>[^'\n]*)'|\"(?P<double>[^\"\n]*)\"|\((?P<round>[^()\n]*)\)=\([^\n]*\)")
# Names of tables, columns and modules: they say what is broken, and nothing of anybody.
_OF_THE_CODE = re.compile(r"[a-z][a-z0-9]*(?:[_.][a-z0-9]+)+\Z")
# Numbers of parcels and cards, digests, tokens.
_LONG = re.compile(r"\b(?=[\w-]*\d)[\w-]{10,}\b")
_LONGEST = 200
HIDDEN = "•••"


def last_words(told: str) -> str:
    """What was raised at last, on one line: the exception's class and its words, as far as they may be shown.

    Values are hidden: what stands in quotes, unless it names a table or module of ours, addresses of mail, all of a web
    address but its host, and long numbers. `""` where nothing was raised.
    """
    raised = [found for found in _RAISED.finditer(told) if _is_raised(told, found)]
    if not raised:
        return ""
    name, words = raised[-1]["name"].rpartition(".")[2], raised[-1]["words"] or ""
    shown = f"{name}: {_without_values(words)}" if words else name
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def place_of(told: str) -> str:
    """The last line of our own code on the way to the exception, `shipments/outbound/mail.py:210`; `""` where there is none."""
    places = list(_PLACE.finditer(told))
    return f"{places[-1]['file']}:{places[-1]['line']}" if places else ""


def _is_raised(told: str, found: re.Match[str]) -> bool:
    """Whether a line that looks like it is the end of a traceback: others begin with a word and a colon as well."""
    before = told[: found.start()].rstrip("\n").rpartition("\n")[2]
    return bool(_CLASS.match(found["name"])) and before.startswith(" ")


def _without_values(words: str) -> str:
    hidden = _ADDRESS.sub(lambda found: f"{found['host']}/…", words)
    hidden = _EMAIL.sub(HIDDEN, hidden)
    hidden = _QUOTED.sub(_quoted, hidden)
    return _LONG.sub(HIDDEN, hidden)


def _quoted(found: re.Match[str]) -> str:
    if found["round"] is not None:
        return f"({found['round']})=({HIDDEN})"
    inside = found["single"] if found["single"] is not None else found["double"]
    sign = found[0][0]
    return found[0] if _OF_THE_CODE.match(inside) else f"{sign}{HIDDEN}{sign}"
