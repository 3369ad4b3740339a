"""Addresses of the site."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path
from news import views

urlpatterns = [
    path("", views.start),
    path("desk/", views.desk, name="desk"),
    path("leave/", LogoutView.as_view(next_page="/")),
    path("admin/", admin.site.urls),
]
