"""The kinds of email that hold a secret with which a reader could act as the recipient."""

# Their text is not stored, and only the recipient sees the link. An email with another secret is added here.
SECRET = frozenset({"password_reset"})
