"""A run of the stand-in SMS gateway, from its options to a signal."""

import asyncio
import random
import signal
import time

import click
import msgspec
from attrs import field, frozen

from simulator.listening import ListenError
from simulator.smsgateway import Behaviour, SmsGateway


@frozen
class Provider:
    """What `simulator sms-gateway` was asked for; shares from 0 to 1."""

    port: int = 8025
    host: str = "127.0.0.1"
    seed: int = 1
    token: str | None = field(default=None, repr=False)
    dlt: bool = False
    reject: float = 0.0
    throttle: float = 0.0
    lose: float = 0.0
    fail: float = 0.0
    silent: float = 0.0
    delay: float = 0.0
    receipt_after: float = 2.0
    callback: str | None = None
    json: bool = False


async def provide(options: Provider) -> None:
    """Run until Ctrl-C or SIGTERM; raises ListenError when the port can't be had."""
    gateway = SmsGateway(
        _behaviour(options),
        time.monotonic,
        random.Random(options.seed),  # noqa: S311  fates, not secrets
        token=options.token,
        callback=options.callback,
        require_dlt=options.dlt,
    )
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        port = await gateway.listen(options.host, options.port)
    except OSError as error:
        raise ListenError(f"port {options.port} on {options.host} can't be used ({error.strerror})") from error
    if options.json:
        click.echo(msgspec.json.encode({"ready": True, "port": port}).decode())
    else:
        click.echo(f"SMS gateway at http://{options.host}:{port}/send, receipts at /status/ID. Ctrl-C ends it.")
    await stopped.wait()
    await gateway.close()


def _behaviour(options: Provider) -> Behaviour:
    return Behaviour(
        reject=options.reject,
        throttle=options.throttle,
        lose_before=options.lose / 2,
        lose_after=options.lose / 2,
        fail=options.fail,
        silent=options.silent,
        delay_s=options.delay,
        receipt_s=options.receipt_after,
    )
