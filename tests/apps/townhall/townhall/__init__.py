"""The site of a town hall: news for all, a desk for citizens, an admin for editors."""
