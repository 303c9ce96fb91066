"""`python -m world`: runs until SIGTERM."""

import asyncio
import contextlib
import logging
import signal

import httpx
from aiosmtpd.smtp import SMTP

from world import config as configuration
from world import status, web
from world.config import Config
from world.outside import Outside

LARGEST_MAIL = 2 * 1024 * 1024


async def run(config: Config) -> None:
    """Serve until told to stop, or until a loop that must run has ended."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # No proxy of the environment: everything is on this machine.
    async with httpx.AsyncClient(trust_env=False) as client:
        outside = Outside(config, client)

        def smtp() -> SMTP:
            return SMTP(
                outside, data_size_limit=LARGEST_MAIL, hostname="mx.world.example", enable_SMTPUTF8=True, loop=loop
            )

        mail_server = await loop.create_server(smtp, config.host, config.smtp_port)
        pages = {"/livez": lambda: {"alive": True}, "/ledger": outside.summary}
        servers = [mail_server]
        if config.http_port is not None:
            servers.append(await status.serve(config.host, config.http_port, pages))
        if config.api_port is not None:
            servers.append(await web.serve(config.host, config.api_port, outside.desk.answer))
        loops = [asyncio.create_task(door.run()) for door in (outside.provider, outside.crm)]
        for task in loops:
            task.add_done_callback(lambda _: stop.set())
        await stop.wait()
        for server in servers:
            server.close()
        broken = [task.exception() for task in loops if task.done()]
        for task in loops:
            task.cancel()
        outside.ledger.close()
        if broken:
            raise SystemExit(f"a loop ended: {broken[0]!r}")


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("httpx", "mail.log", "mail.debug", "mail.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(configuration.read()))


if __name__ == "__main__":
    main()
