"""The queue that Huey's consumer works off: ``huey_consumer worker.huey``, with the settings of the environment."""

from portal import logs
from wsgi import app

huey = app.extensions["adapters"].queue


@huey.on_startup()
def log_as_json() -> None:
    """Huey's consumer formats its own lines in another way."""
    logs.format_as_json("huey")
