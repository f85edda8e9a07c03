"""The program that servers and commands start: the portal with the settings of the environment."""

import gc
import os
import sys

# What is loaded here stays. To look for garbage in it, now and when the process ends, takes half of a command's time.
gc.disable()

from config import ConfigError, load_settings  # noqa: E402
from portal import create_app  # noqa: E402

# The database, the jobs and the key are for the portal's own user alone.
os.umask(0o077)

try:
    app = create_app(load_settings(os.environ))
except ConfigError as error:
    sys.exit(f"The portal cannot start. {error}")

gc.freeze()
gc.enable()
