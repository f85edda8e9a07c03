"""A stand-in for Stripe that speaks to its unchanged SDK over real HTTP, with the page on which customers pay."""
