"""Gunicorn's settings, read from the environment; it keeps no access log, since the portal writes its own."""

import os
import shutil
import tempfile

# In memory where there is some, so that a slow disk never looks like a hung worker.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# Where the processes keep their counts for /metrics; named before anything of the portal is imported.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="tallystick-metrics-", dir=MEMORY)

from prometheus_client import multiprocess  # noqa: E402

from portal.server import BoundedWorker, JsonLogger, stop_accepting_before_exit  # noqa: E402

bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"

# Loaded once, then forked: a worker that dies is replaced in a moment, not seconds. Nothing is connected by then.
preload_app = True

worker_class = BoundedWorker
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 8

# A payment in flight gets this long to be settled when the server is told to stop.
graceful_timeout = 25
timeout = 30
keepalive = 5

# The heartbeat file is touched every second.
worker_tmp_dir = MEMORY

control_socket_disable = True

# For the socket and the heartbeat file; the files of the portal get it in wsgi.py.
umask = 0o077

# The portal alone decides which proxy is believed (TRUSTED_PROXIES); Gunicorn would believe any on this machine.
forwarded_allow_ips = ""
forwarder_headers = ""

# Addresses of requests may hold secrets, such as the token of a password reset.
accesslog = None
logger_class = JsonLogger
loglevel = "warning"


def on_starting(server):
    stop_accepting_before_exit(server)


def child_exit(server, worker):
    """The connections of a process that ended are in use no more."""
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
