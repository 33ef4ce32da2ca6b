"""How a merchant's public pages look: the owner's page for it, and what those pages load of it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from shipments.enums import Role
from shipments.facts import colours
from shipments.facts.logos import MOST_BYTES
from shipments.models import Look, Merchant, MerchantHost
from shipments.web import storefront
from shipments.web.access import MemberRequest, for_members, has_rank, record
from shipments.web.forms_looks import LookForm
from shipments.web.htmx import page_or_fragment
from shipments.web.uploading import bound_upload, is_far_too_large

# The platform's own colour, which site.css has as `--accent`.
OUR_COLOUR = "#0b5c6b"
_FOR_EVER = "public, max-age=31536000, immutable"


# ---- The owner's page --------------------------------------------------------------------------------------------------


@csrf_exempt  # checked in `_change`, once the bounds of the upload are set
@require_http_methods(["GET", "HEAD", "POST"])
@for_members()
def settings(request: MemberRequest) -> HttpResponse:
    """The merchant's look: an owner's to change, everybody's to see."""
    is_owner = has_rank(request.membership, Role.OWNER)
    if request.method == "POST":
        if not is_owner:
            raise PermissionDenied
        return _change(request)
    look = _look_of(request.merchant)
    return _page(request, look, LookForm(look=look) if is_owner else None, asked=request.GET.get("colour"))


def _change(request: MemberRequest) -> HttpResponse:
    if is_far_too_large(request, MOST_BYTES):
        look = _look_of(request.merchant)
        form = LookForm({**LookForm(look=look).initial}, MultiValueDict(), look=look)
        form.refuse_size()
        return _page(request, look, form, status=400)
    bounds = bound_upload(request, MOST_BYTES)

    @csrf_protect
    def checked(request: Any) -> HttpResponse:
        look = _look_of(request.merchant)
        form = LookForm(request.POST, request.FILES, look=look)
        if bounds.is_too_large or bounds.is_too_slow:
            form.refuse_size()
        if not form.is_valid():
            return _page(request, look, form, asked=request.POST.get("colour"), status=400)
        if "try" in request.POST:
            return _page(request, look, form, asked=form.cleaned_data["colour"])
        _save(request, form)
        messages.success(request, _("Saved. Buyers see it from now on."))
        return redirect("settings-look", request.merchant.slug)

    answer: HttpResponse = checked(request)
    return answer


def _save(request: MemberRequest, form: LookForm) -> None:
    """Keep what the form says, and write down what has changed by it."""
    with transaction.atomic():
        # Two owners who save at once do it one after the other, the first look of a merchant included.
        Merchant.objects.select_for_update(no_key=True).get(pk=request.merchant.pk)
        look = _look_of(request.merchant)
        before = look.audited()
        form.apply(look)
        after = look.audited()
        changed = [name for name in after if after[name] != before[name]]
        if not changed:
            return
        look.save()
        record(
            request,
            "changed",
            look,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )


def _look_of(merchant: Merchant) -> Look:
    """The merchant's look, which may not be kept yet."""
    look = Look.objects.filter(merchant=merchant).first() or Look(merchant=merchant)
    look.merchant = merchant
    return look


def _page(
    request: MemberRequest, look: Look, form: LookForm | None, *, asked: str | None = None, status: int = 200
) -> HttpResponse:
    tried = _read(look.colour if asked is None else asked)
    merchant = request.merchant
    merchant.look = look
    hosts = list(MerchantHost.objects.filter(merchant=merchant).order_by("pk").values_list("host", flat=True))
    return page_or_fragment(
        request,
        "dashboard/settings_look.html",
        "dashboard/_look_colour.html",
        {
            "room": "settings",
            "part": "look",
            "form": form,
            "look": look,
            "frame": storefront.storefront(merchant),
            "hosts": hosts,
            "addresses": [
                storefront.address_for_buyers(request, merchant.slug, host, "public-home")
                for host in [*hosts, ""]
            ],
            "colour": tried,
            "contrasts": _contrasts(tried),
        },
        status=status,
    )


def _read(typed: str) -> str:
    """What was typed as a colour, as it would be kept; the platform's own where it is none."""
    try:
        return str(colours.read_colour(typed))
    except colours.ColourError:
        return OUR_COLOUR


@dataclass(frozen=True, slots=True)
class Contrast:
    """How a colour does in one scheme: the name of the scheme for the style sheet, and what is to be said."""

    scheme: str
    heading: str
    words: str


def _contrasts(written: str) -> tuple[Contrast, Contrast]:
    shades = colours.palette(written)
    return (
        Contrast("light", _("On light"), _told(shades.brand, shades.light, colours.LIGHT)),
        Contrast("dark", _("On dark"), _told(shades.brand, shades.dark, colours.DARK)),
    )


def _told(brand: colours.Colour, shade: colours.Colour, grounds: colours.Grounds) -> str:
    values = {
        "colour": brand,
        "contrast": _ratio(brand, grounds),
        "shade": shade,
        "reached": _ratio(shade, grounds),
        "least": f"{colours.LEAST_CONTRAST:g}",
    }
    if shade == brand:
        return _("%(colour)s has a contrast of %(contrast)s : 1, and is used as it is.") % values
    return (
        _(
            "%(colour)s has a contrast of %(contrast)s : 1, and text needs %(least)s : 1. Links and buttons have "
            "%(shade)s instead, with %(reached)s : 1."
        )
        % values
    )


def _ratio(colour: colours.Colour, grounds: colours.Grounds) -> str:
    """The contrast where it is lowest, cut to one digit: 4.49 is not called 4.5."""
    return f"{int(colours.least_contrast(colour, grounds) * 10) / 10:.1f}"


@require_safe
@for_members()
def preview(request: MemberRequest) -> HttpResponse:
    """The style sheet of the two previews, for the colour in the address."""
    written = _read(request.GET.get("colour", ""))
    return HttpResponse(colours.preview_stylesheet(written), content_type="text/css; charset=utf-8")


# ---- What public pages load ----------------------------------------------------------------------------------------------


@require_safe
def stylesheet(request: HttpRequest, slug: str, digest: str) -> HttpResponse:
    """The merchant's colour as a style sheet. An address stays what it is: another colour has another one."""
    colour = _only_here(request, slug).values_list("colour", flat=True).first()
    sheet = colours.stylesheet(colour) if colour else None
    if sheet is None or sheet.digest != digest:
        raise Http404
    return _kept_for_ever(sheet.text, "text/css; charset=utf-8")


@require_safe
def logo(request: HttpRequest, slug: str, digest: str, extension: str) -> HttpResponse:
    """The merchant's logo; another picture has another address."""
    look = _only_here(request, slug).exclude(logo=None).first()
    frame = None if look is None else storefront.storefront(look.merchant)
    if look is None or frame is None or frame.logo is None or frame.logo.url != request.path:
        raise Http404
    response = _kept_for_ever(bytes(look.logo or b""), look.logo_type)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _only_here(request: HttpRequest, slug: str) -> QuerySet[Look]:
    """The look of this merchant; on a merchant's own host name, of no other one."""
    frame = storefront.of(request)
    if frame is not None and frame.slug != slug:
        raise Http404
    return Look.objects.filter(merchant__slug=slug).select_related("merchant")


def _kept_for_ever(content: str | bytes, media_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    response["Cache-Control"] = _FOR_EVER
    response["X-Content-Type-Options"] = "nosniff"
    # The page it is on may be anybody's; the picture is nobody's secret and nobody else's to embed.
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
