"""Which emails hold a secret that lets their reader act as the recipient."""

# Their text is not stored, and only the recipient sees the link. An email with another secret is added here.
SECRET = frozenset({"password_reset"})
