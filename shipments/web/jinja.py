"""Templates of public pages: Jinja2, which compiles them to Python. A parcel's page is drawn in a third of the time it takes
Django's own engine, and public pages are what the whole world may ask for at once."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, get_urlconf, reverse
from django.utils.translation import get_language, get_language_info, gettext, ngettext
from django_htmx.jinja import htmx_script
from jinja2 import ChainableUndefined, Environment, UndefinedError, pass_context
from jinja2.runtime import Context
from jinja2.utils import missing
from markupsafe import Markup

from shipments.web import storefront


class Missing(ChainableUndefined):
    """A variable that no view has given is empty; what an object does not have is a mistake in the template."""

    def __init__(self, hint: str | None = None, obj: Any = missing, *args: Any, **kwargs: Any) -> None:
        super().__init__(hint, obj, *args, **kwargs)
        if obj is not missing:
            raise UndefinedError(self._undefined_message)


def environment(**options: Any) -> Environment:
    """Jinja2 with the product's translations, addresses and frames; what it prints is escaped."""
    made = Environment(  # noqa: S701  (Django's backend asks for autoescape)
        **{**options, "undefined": Missing}, lstrip_blocks=True, extensions=["jinja2.ext.i18n"]
    )
    made.policies["ext.i18n.trimmed"] = True
    installed: Any = made
    installed.install_gettext_callables(_gettext, _ngettext)
    # Without the detour that the extension makes for strings with values in them.
    made.globals["_"] = _gettext
    made.globals.update(
        languages=_languages(),
        static=_static,
        url=_url,
        htmx_script=_htmx_script,
        messages_of=get_messages,
        storefront_of=storefront.of,
        public_url=_public_url,
        whole_url=_whole_url,
        platform_host=urlsplit(settings.SITE_URL).netloc,
    )
    return made


def of_the_reader(request: HttpRequest) -> dict[str, Any]:
    """What templates know beside what a view tells them: the language, asked for once a page."""
    return {"language": get_language()}


@pass_context
def _gettext(context: Context, message: str) -> Markup:
    """A string of a template in the active language; what is put into it is escaped, and it itself is our own."""
    return _translated(message, context.parent["language"])


@lru_cache(2048)
def _translated(message: str, language: str) -> Markup:
    return Markup(gettext(message))  # noqa: S704  (our own words)


def _ngettext(one: str, many: str, count: int) -> Markup:
    return Markup(ngettext(one, many, count))  # noqa: S704  (our own words)


def _languages() -> list[tuple[str, str]]:
    """The languages there are, each by its own name."""
    names: list[Mapping[str, Any]] = [get_language_info(code) for code, _name in settings.LANGUAGES]
    return [(name["code"], name["name_local"][:1].upper() + name["name_local"][1:]) for name in names]


@lru_cache
def _static(path: str) -> str:
    """The address of a static file, which stays the same as long as the process lives."""
    return static(path)


@lru_cache
def _htmx_script() -> str:
    """The tag that loads htmx; not made with the environment, which exists before static files are collected."""
    return htmx_script()


def _url(name: str) -> str:
    """The address of a page without variable parts; `""` where it is on none of this host."""
    return _url_on(get_urlconf(), name)


@lru_cache
def _url_on(urlconf: str | None, name: str) -> str:
    try:
        return reverse(name, urlconf)
    except NoReverseMatch:
        return ""


@pass_context
def _public_url(context: Context, name: str, *args: object) -> str:
    """The address of a public page within the frame of this one."""
    return storefront.url(_request(context), name, *args)


@pass_context
def _whole_url(context: Context, path: str) -> str:
    """An address of ours with scheme and host, for those who read the page elsewhere."""
    request = _request(context)
    return f"{request.scheme}://{request.get_host()}{path}"


def _request(context: Context) -> HttpRequest:
    request: HttpRequest = context["request"]
    return request
