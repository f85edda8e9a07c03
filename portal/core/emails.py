"""Which emails hold a secret that lets their reader act as the recipient."""

# Their text is not kept, and nobody else is shown the link. An email with another secret is added here.
SECRET = frozenset({"password_reset"})
