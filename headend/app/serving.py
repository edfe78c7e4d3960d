"""Console, portal and API over HTTP, in the loop of the process that asks for it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import structlog
import uvicorn
from attrs import frozen

from headend.app.wiring import Headend
from headend.settings import SettingsError, WebSection

#: Seconds that an answer under way has when we stop; live pages are cut off and come back by themselves.
_LAST_ANSWERS_S: Final = 2
#: The name of the first administrator, until another one is there.
FIRST: Final = "admin"

_log = structlog.get_logger()


@frozen
class Served:
    """Where the faces are, as a person types it; `welcome` sets the first administrator's password, once."""

    url: str
    welcome: str | None

    @property
    def console(self) -> str:
        """The officers' address."""
        return f"{self.url}/console/"

    @property
    def portal(self) -> str:
        """The consumers' address."""
        return f"{self.url}/portal/"


class _Server(uvicorn.Server):
    """The server without signals: these are the daemon's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


@contextlib.asynccontextmanager
async def serving(headend: Headend) -> AsyncIterator[Served | None]:
    """The faces are served while the block runs; None where `[web] listen` is empty or the place can't be had.

    A port that is taken holds up no collection and no reconnect: it is told, and the daemon goes on without pages.
    """
    section = headend.setup.settings.document.web
    if not section.listen:
        yield None
        return
    server = _Server(_configuration(headend))
    task = asyncio.create_task(_run(server), name="web")
    started = await _started(server, task)
    if not started:
        _log.error("console, portal and API are not served", listen=section.listen, error=_reason(task))
        yield None
        return
    served = await _tell(headend, section, server)
    try:
        yield served
    finally:
        server.should_exit = True
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(task, _LAST_ANSWERS_S + 2)


async def _tell(headend: Headend, section: WebSection, server: _Server) -> Served:
    port = server.servers[0].sockets[0].getsockname()[1]
    scheme = "https" if section.tls_cert else "http"
    host = section.listen.rpartition(":")[0] or "127.0.0.1"
    url = (section.public_url or f"{scheme}://{host}:{port}").rstrip("/")
    await headend.store.officers.note_served(url)
    link = await headend.store.officers.first_link(FIRST)
    served = Served(url, None if link is None else f"{url}/console/welcome/{link.token}")
    _log.info("serving", console=served.console, portal=served.portal, api=f"{url}/api/v1")
    if link is not None:
        _log.warning(
            "nobody has a password yet: this link sets the first administrator's, once, within a day",
            user=link.officer,
            link=served.welcome,
        )
    return served


def place(headend: Headend) -> tuple[str, int, dict[str, Any]]:
    """Host, port and the certificate's files as the section [web] has them; raises SettingsError."""
    section = headend.setup.settings.document.web
    host, _, port = section.listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"{headend.setup.settings.source}: web.listen: {section.listen!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port), _tls(headend, section)


def _configuration(headend: Headend) -> uvicorn.Config:
    from headend.app.webfaces import application  # noqa: PLC0415  costs half a second, which most commands need not pay

    host, port, tls = place(headend)
    return uvicorn.Config(
        application(headend),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
        **tls,
    )


def _tls(headend: Headend, section: WebSection) -> dict[str, Any]:
    if not section.tls_cert:
        return {}
    settings = headend.setup.settings
    if not section.tls_key:
        raise SettingsError(f"{settings.source}: web.tls_key: missing beside tls_cert")
    certificate, key = settings.beside(section.tls_cert), settings.beside(section.tls_key)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{settings.source}: web.tls_cert, web.tls_key: can't be used: {error}") from error
    return {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)}


async def _run(server: _Server) -> None:
    try:
        await server.serve()
    except SystemExit as end:  # uvicorn's word for a place that can't be had
        raise OSError("the address can't be had; another program may listen there") from end


async def _started(server: _Server, task: "asyncio.Task[None]") -> bool:
    while not server.started and not task.done():  # noqa: ASYNC110  uvicorn has nothing to be woken by
        await asyncio.sleep(0.005)
    return server.started


def _reason(task: "asyncio.Task[None]") -> str:
    error = task.exception() if task.done() and not task.cancelled() else None
    return str(error) if error is not None else "it did not start"
