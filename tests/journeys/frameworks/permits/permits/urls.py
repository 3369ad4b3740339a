"""Addresses of the site."""

from django.urls import path

from permits import views

urlpatterns = [
    path("", views.start),
    path("application/", views.application, name="application"),
    path("application/sign/", views.sign),
]
