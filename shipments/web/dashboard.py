"""Where the merchant's own pages begin."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from shipments.models import Membership
from shipments.web.access import LAST_MERCHANT, MemberRequest, PersonRequest, for_members, signed_in


@require_safe
@signed_in
def home(request: PersonRequest) -> HttpResponse:
    """To the pages of the merchant this person looked at last, else of their first; a word of welcome to who has none."""
    slugs = list(
        Membership.objects.filter(user=request.user)
        .order_by("merchant__name", "pk")
        .values_list("merchant__slug", flat=True)
    )
    if not slugs:
        return render(request, "dashboard/no_merchant.html")
    last = request.session.get(LAST_MERCHANT)
    return redirect("attention", last if last in slugs else slugs[0])


@require_safe
@for_members()
def merchant_home(request: MemberRequest) -> HttpResponse:
    """The first page of a merchant."""
    return redirect("attention", request.merchant.slug)
