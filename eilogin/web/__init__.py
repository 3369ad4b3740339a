"""What filters and apps share about HTTP.

What belongs here: the keys of environ, the addresses under a prefix, cookies, pages
and their languages, forms that post themselves, paths and the rules for them. What
does not: decisions about logins, which each filter takes in its own file.
"""
