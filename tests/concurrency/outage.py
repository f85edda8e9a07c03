"""A Redis of one run alone, that can be stopped and started again, empty, on the same port."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import redis

from bin.supervise import die_with_parent
from tests import consumers, servers


class Redis:
    """It keeps nothing on disk, so that it forgets everything when it stops."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, servers.free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers. Raises RuntimeError if it does not."""
        settings = [
            "--bind",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--dir",
            str(self._folder),
            "--save",
            "",
        ]
        self._process = subprocess.Popen(
            [servers.redis_binary(), *settings], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent
        )
        if not consumers.until(self._answers, servers.START_SECONDS):
            raise RuntimeError("Redis did not start")

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False
