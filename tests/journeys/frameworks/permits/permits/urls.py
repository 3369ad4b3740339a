"""Addresses of the site."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from permits import views

urlpatterns = [
    path("", views.start),
    path("application/", views.application, name="application"),
    path("application/sign/", views.sign),
    path("leave/", LogoutView.as_view(next_page="/")),
]
