"""Pictures of deliveries, served to who may see the page they stand on."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from shipments.models import Proof, Shipment
from shipments.web import visitors
from shipments.web.access import MemberRequest, for_members
from shipments.web.discretion import about_a_parcel
from shipments.web.unlocking import behind_link

# A name for who saves it: nothing of the parcel, the buyer or the merchant.
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@require_safe
@about_a_parcel
def by_link(request: HttpRequest, token: str, sha256: str = "") -> HttpResponse:
    """A picture of the delivery, for who has the private link: the newest, or the one with this digest."""
    now = timezone.now()
    if not visitors.LINKS.allows(visitors.visitor(request), now):
        return visitors.too_many(request, visitors.LINKS, now=now)
    shipment = behind_link(request, token)
    if shipment is None:
        return render(request, "public/link_gone.html", status=404)
    return _picture(shipment, sha256)


@require_safe
@for_members()
def for_member(request: MemberRequest, public_id: UUID, sha256: str = "") -> HttpResponse:
    """The same for the merchant's people."""
    shipment = Shipment.objects.for_merchant(request.merchant).filter(public_id=public_id).first()
    if shipment is None:
        raise Http404
    return _picture(shipment, sha256)


def _picture(shipment: Shipment, sha256: str) -> HttpResponse:
    """The bytes as the picture they are: whatever they might be taken for besides, it may do nothing.

    No ETag: what a reader may not keep need not be compared, and a mark made of the content would tell of it.
    """
    proofs = Proof.objects.of(shipment).exclude(picture=None).select_related("picture")
    proof = (proofs.filter(picture__sha256=sha256) if sha256 else proofs).first()
    picture = proof.picture if proof is not None and shipment.proof_url else None
    if picture is None or picture.data is None:
        raise Http404
    response = HttpResponse(bytes(picture.data), content_type=picture.media_type)
    response["Content-Disposition"] = f'inline; filename="proof-of-delivery.{_ENDINGS[picture.media_type]}"'
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-store"
    return response
