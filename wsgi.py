"""The program that servers and commands start: the portal with the settings of the environment."""

import os
import sys

from config import ConfigError, load_settings
from portal import create_app

# The database, the jobs and the key are for the portal's own user alone.
os.umask(0o077)

try:
    app = create_app(load_settings(os.environ))
except ConfigError as error:
    sys.exit(f"The portal cannot start. {error}")
