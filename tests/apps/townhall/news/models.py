"""What editors write."""

from django.db import models


class Item(models.Model):
    """One piece of news."""

    title = models.CharField(max_length=200)

    def __str__(self):
        return self.title
