"""The queue that Huey's consumer works off: ``huey_consumer worker.huey``, with the settings of the environment."""

from wsgi import app

huey = app.extensions["adapters"].queue
