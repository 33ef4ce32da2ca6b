"""Addresses of the figures."""

from django.urls import path

from shipments.web import figures

urlpatterns = [
    path("app/<slug:merchant>/figures/", figures.figures_page, name="figures"),
    path("app/<slug:merchant>/figures/figures.csv", figures.figures_csv, name="figures-csv"),
]
