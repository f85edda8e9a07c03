"""The kinds of email that hold a secret with which a reader could act as the recipient."""

# Their text is not stored, and only the recipient sees the link. An email with another secret is added here.
SECRET = frozenset({"password_reset", "verify_email", "change_email", "email_changed", "member_invited"})

# The fact that holds an address other than the recipient's own: a new one, or one that was theirs.
SEND_TO = "send_to"
