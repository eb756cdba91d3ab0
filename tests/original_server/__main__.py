"""`python -m tests.original_server DATA KEY USER EMAIL`: a process that dies as the original does.

It prints its URL when it listens.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from aiohttp import web

from tests.original_server.app import OriginalServer


def _die(reason: str) -> None:
    sys.stderr.write(f"{reason}\n")
    sys.stderr.flush()
    os._exit(1)


async def _main(data: Path, key: str, user: str, email: str, port: int) -> None:
    server = OriginalServer(data, key, _die)
    server.add_user(user, email)
    for name in sorted(os.listdir(data)):
        server.add_space(user, name, name)
    runner = web.AppRunner(server.app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await server.write_out()


if __name__ == "__main__":
    root, *words = sys.argv[1:5]
    wanted = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    asyncio.run(_main(Path(root), words[0], words[1], words[2], wanted))
