"""Pages about one merchant beside its form: who may open them, and the frame they stand in."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from shipments.admin.audited import Audited
from shipments.models import Merchant


class MerchantPages(Audited):
    """What the pages of a merchant share."""

    def _route(self, address: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
        return path(
            f"<int:pk>/{address}", self.admin_site.admin_view(view), name=f"shipments_merchant_{name}"
        )

    def _merchant(self, request: HttpRequest, pk: int) -> Merchant:
        """The merchant, for who may change it."""
        merchant = get_object_or_404(Merchant, pk=pk)
        if not self.has_change_permission(request, merchant):
            raise PermissionDenied
        return merchant

    def _posted(self, request: HttpRequest, pk: int) -> Merchant:
        """The same for what only a form's button does."""
        if request.method != "POST":
            raise PermissionDenied
        return self._merchant(request, pk)

    def _ask(
        self,
        request: HttpRequest,
        merchant: Merchant,
        form: forms.Form,
        *,
        title: str,
        told: list[str],
        button: str,
        is_dangerous: bool = False,
    ) -> HttpResponse:
        context = {
            **self._frame(request, merchant, title),
            "form": form,
            "told": told,
            "button": button,
            "is_dangerous": is_dangerous,
        }
        status = 400 if form.is_bound else 200
        return TemplateResponse(request, "admin/shipments/merchant/ask.html", context, status=status)

    def _frame(self, request: HttpRequest, merchant: Merchant, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": merchant,
            "title": title,
        }


def back_to(pk: int) -> HttpResponse:
    """The merchant's own page."""
    return HttpResponseRedirect(reverse("admin:shipments_merchant_change", args=[pk]))
