"""Apply for a permit: a Django site whose users the web server names."""
