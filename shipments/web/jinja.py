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
from django.utils.translation import get_language, get_language_info, gettext, ngettext, override
from django_htmx.jinja import htmx_script
from jinja2 import ChainableUndefined, Environment, Template, UndefinedError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from shipments.web import storefront


class Missing(ChainableUndefined):
    """A variable that no view has given is empty; what an object does not have is a mistake in the template."""

    def __init__(self, hint: str | None = None, obj: Any = missing, *args: Any, **kwargs: Any) -> None:
        super().__init__(hint, obj, *args, **kwargs)
        if obj is not missing:
            raise UndefinedError(self._undefined_message)


class Translated(Environment):
    """Jinja2 that compiles each template once for every language, with its strings in that language as plain text: most of
    what a page says is the same for every parcel, and is neither looked up nor escaped again for each.

    Whoever asks for a template gets that of the active language.
    """

    # None for the one whoever asks turns to.
    _language: str | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._of_language: dict[str, Translated] = {}

    def get_template(
        self, name: "str | Template", parent: str | None = None, globals: Any = None
    ) -> Template:
        if self._language is None:
            return self._in(get_language() or settings.LANGUAGE_CODE).get_template(name, parent, globals)
        return super().get_template(name, parent, globals)

    def _in(self, language: str) -> "Translated":
        made = self._of_language.get(language)
        if made is None:
            overlay: Any = self.overlay()
            overlay._language = language
            made = self._of_language.setdefault(language, overlay)
        return made

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        return tree if self._language is None else _WithWords(self._language).visit(tree)


class _WithWords(NodeTransformer):
    """Puts what is the same whenever a page is drawn in a language in the place of the call that would tell it."""

    def __init__(self, language: str) -> None:
        self._language = language

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.node, nodes.Name) or node.kwargs:
            return node
        match node.node.name, node.args:
            case (("_" | "gettext"), [nodes.Const(value=str(message))]):
                with override(self._language):
                    return _constant(gettext(message), node)
            case "static", [nodes.Const(value=str(path))]:
                return nodes.Const(static(path), lineno=node.lineno)
            case "htmx_script", []:
                return _constant(htmx_script(), node)
        return node


def _constant(text: str, node: nodes.Call) -> nodes.Expr:
    """Our own words, which are not escaped."""
    return nodes.MarkSafe(nodes.Const(text, lineno=node.lineno), lineno=node.lineno)


def environment(**options: Any) -> Environment:
    """Jinja2 with the product's translations, addresses and frames; what it prints is escaped."""
    made = Translated(**{**options, "undefined": Missing}, lstrip_blocks=True, extensions=["jinja2.ext.i18n"])
    made.policies["ext.i18n.trimmed"] = True
    installed: Any = made
    installed.install_gettext_callables(_gettext, _ngettext)
    made.globals["_"] = _gettext
    made.globals.update(
        languages=_languages(),
        static=static,
        url=_url,
        htmx_script=htmx_script,
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


def _gettext(message: str) -> Markup:
    """A string that a template only knows when it is drawn; what is put into it is escaped, and it itself is our own."""
    return Markup(gettext(message))  # noqa: S704  (our own words)


def _ngettext(one: str, many: str, count: int) -> Markup:
    return Markup(ngettext(one, many, count))  # noqa: S704  (our own words)


def _languages() -> list[tuple[str, str]]:
    """The languages there are, each by its own name."""
    names: list[Mapping[str, Any]] = [get_language_info(code) for code, _name in settings.LANGUAGES]
    return [(name["code"], name["name_local"][:1].upper() + name["name_local"][1:]) for name in names]


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
