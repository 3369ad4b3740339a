"""Where editors write it."""

from django.contrib import admin

from news.models import Item

admin.site.register(Item)
