"""Addresses of the list of parcels, and of the views people keep of it."""

from django.urls import path

from shipments.web import saved_views, shipment_list

_LIST = "app/<slug:merchant>/shipments/"
_VIEWS = "app/<slug:merchant>/views/"

urlpatterns = [
    path(_LIST, shipment_list.shipment_list, name="shipment-list"),
    path(f"{_LIST}news/", shipment_list.list_news, name="shipment-list-news"),
    path(f"{_LIST}seen/", shipment_list.list_seen, name="shipment-list-seen"),
    path(f"{_LIST}columns/", shipment_list.list_columns, name="shipment-list-columns"),
    path(_VIEWS, saved_views.views, name="saved-views"),
    path(f"{_VIEWS}add/", saved_views.add, name="saved-view-add"),
    path(f"{_VIEWS}<uuid:view>/", saved_views.change, name="saved-view-change"),
    path(f"{_VIEWS}<uuid:view>/delete/", saved_views.delete, name="saved-view-delete"),
]
