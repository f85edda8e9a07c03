"""The five calls of docs/api.md, run as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).parent.parent.parent
WRITTEN_FOR = "http://127.0.0.1:8000"


def test_five_calls_lead_from_nothing_to_a_paid_installment(base_url: str):
    calls = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/api.md").read_text(), re.DOTALL | re.MULTILINE)
    assert [call.count("curl ") for call in calls] == [1] * 5
    # Ada has signed up in the same way as the shop, and both are new each time.
    ada = calls[0].replace("corner-shop", "ada").replace("shop@", "ada@").replace("merchant", "customer")
    mark = uuid4().hex[:8]
    script = "set -eu\n" + ada + "\n" + "\n".join(calls)
    for name in ("corner-shop", '"ada"', "shop@", "ada@"):
        script = script.replace(name, re.sub(r"(\w+)(\W?)$", rf"\1-{mark}\2", name))
    done = subprocess.run(
        ["sh", "-c", script.replace(WRITTEN_FOR, base_url)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    paid = json.JSONDecoder().raw_decode(done.stdout[done.stdout.rindex('{"id"') :])[0]
    assert (paid["status"], paid["paid"], paid["owed"]) == ("paid", "25.00", "0.00")
