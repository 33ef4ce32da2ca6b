"""What the templates of public pages ask about the frame they are shown in."""

from typing import Any
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.http import HttpRequest

from shipments.web import storefront

register = template.Library()


@register.simple_tag(takes_context=True)
def current_storefront(context: Any) -> storefront.Storefront | None:
    """The merchant's frame, None for the platform's."""
    return storefront.of(_request(context))


@register.simple_tag(takes_context=True)
def public_url(context: Any, name: str, *args: object) -> str:
    """The address of a public page within the frame of this one."""
    return storefront.url(_request(context), name, *args)


@register.simple_tag(takes_context=True)
def whole_url(context: Any, path: str) -> str:
    """An address of ours with scheme and host, for those who read the page elsewhere."""
    return _request(context).build_absolute_uri(path)


@register.simple_tag
def platform_host() -> str:
    """The host name by which the platform is known."""
    return urlsplit(settings.SITE_URL).netloc


def _request(context: Any) -> HttpRequest:
    request: HttpRequest = context["request"]
    return request
