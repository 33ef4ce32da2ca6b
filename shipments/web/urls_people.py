"""Addresses of a merchant's people, and of the way in for those who are invited."""

from django.urls import path

from shipments.web import joining, people

_PEOPLE = "app/<slug:merchant>/people/"

urlpatterns = [
    path(_PEOPLE, people.people, name="people"),
    path(f"{_PEOPLE}role/", people.change_role, name="people-role"),
    path(f"{_PEOPLE}remove/", people.remove, name="people-remove"),
    path(f"{_PEOPLE}leave/", people.leave, name="people-leave"),
    path(f"{_PEOPLE}hand-over/", people.hand_over, name="people-hand-over"),
    path(f"{_PEOPLE}invitations/<uuid:invitation>/send/", people.resend, name="invitation-send"),
    path(f"{_PEOPLE}invitations/<uuid:invitation>/revoke/", people.revoke, name="invitation-revoke"),
    path("join/", joining.join, name="join"),
    path("join/<str:token>", joining.open_link, name="join-link"),
]
