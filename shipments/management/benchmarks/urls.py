"""The product's addresses, and the bare view that its pages are measured against."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from shipments.models import Shipment
from trackingsite.urls import urlpatterns as product

BARE = "benchmark/bare/"


def bare(request: HttpRequest, number: str) -> HttpResponse:
    """One indexed query and a template of one line: the least a page about a parcel can be."""
    shipment = Shipment.objects.filter(lookup_key=number).only("number", "status").first()
    return render(request, "benchmarks/bare.html", {"shipment": shipment})


urlpatterns = [path(f"{BARE}<str:number>", bare), *product]
