"""The repository's nginx configuration in front of a portal, on free ports and with a certificate made for it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bin.supervise import die_with_parent
from tests import servers

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 20
# The line of deploy/nginx.conf that names a web group.
GROUP = "server 127.0.0.1:8000 max_fails=1 fail_timeout=1s;"


@dataclass(frozen=True, slots=True)
class Proxy:
    """Its two ports, the same one without TLS, and the folder of its logs."""

    http: int
    https: int
    folder: Path


def nginx() -> str:
    """Raises Missing."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        raise servers.Missing("nginx is needed and was not found: `make tools` installs it.")
    return found


@contextlib.contextmanager
def proxy(*portals: int, folder: Path, tls: bool = True) -> Iterator[Proxy]:
    """Before the portals on these ports. Only what names this machine is replaced in the configuration: ports, paths,
    and the name for 127.0.0.1; and without TLS what the operator's document says to leave out."""
    port = servers.free_port()
    running = Proxy(servers.free_port() if tls else port, port, folder)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    subprocess.run(
        [*openssl, "-keyout", key, "-out", certificate, "-days", "2"], check=True, capture_output=True
    )
    replaced = {
        f"    {GROUP}\n": "".join(
            f"    {GROUP}\n".replace("127.0.0.1:8000", f"127.0.0.1:{port}") for port in portals
        ),
        "listen 80;": f"listen 127.0.0.1:{running.http};",
        "listen 443 ssl": f"listen 127.0.0.1:{running.https} ssl",
        "server_name pay.example.com": "server_name 127.0.0.1",
        "/etc/letsencrypt/live/pay.example.com/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/pay.example.com/privkey.pem": str(key),
        "/var/cache/nginx": str(folder),
        "/var/log/nginx": str(folder),
    }
    site = (ROOT / "deploy/nginx.conf").read_text()
    for written, here in replaced.items():
        assert written in site, written
        site = site.replace(written, here)
    (folder / "site.conf").write_text(site if tls else _without_tls(site))
    (folder / "nginx.conf").write_text(_main(folder))
    process = subprocess.Popen(
        [nginx(), "-e", folder / "start.log", "-p", folder, "-c", folder / "nginx.conf"],
        stdin=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    try:
        _wait_until_listening(running, process)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def _without_tls(site: str) -> str:
    """The first server is gone, the second speaks http."""
    first, second = site.index("server {\n"), site.rindex("server {\n")
    site = site[:first] + site[second:]
    return re.sub(r"    ssl_.*\n", "", site).replace(" ssl http2;", ";")


def _main(folder: Path) -> str:
    """What Debian's own nginx.conf has around the site, with every path in the folder."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    return (
        f"{user} daemon off; worker_processes 1; pid {folder / 'pid'};\n"
        "events { worker_connections 2048; }\n"
        f"http {{ {paths}\n access_log off; include {folder / 'site.conf'}; }}\n"
    )


def _wait_until_listening(running: Proxy, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", running.https), timeout=1).close()
            return
        time.sleep(0.05)
    raise servers.Missing(f"nginx did not start: {(running.folder / 'start.log').read_text()[-1000:]}")
