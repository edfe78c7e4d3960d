"""The application: routes of every face behind one guard, one check of forms, and one set of headers."""

from collections.abc import Sequence
from typing import Final

from litestar import Litestar, Response, Router, get
from litestar.datastructures import CacheControlHeader, State
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.static_files import create_static_files_router

from headend.errors import HeadendError
from headend.web.api import api_router
from headend.web.api.description import openapi_config
from headend.web.console import console_router
from headend.web.csrf import refuse_foreign_forms
from headend.web.faces import Faces, WebRequest
from headend.web.headers import add_headers
from headend.web.look import STATIC
from headend.web.pages import page
from headend.web.problems import on_defect, on_http_error, on_own_error, on_too_large
from headend.web.security import Permission, guard, needs, refuse_undeclared
from headend.web.sessions import Identify

#: More than any form or message of ours holds.
_MOST_OCTETS: Final = 1_000_000


@get("/", opt=needs(Permission.PUBLIC), include_in_schema=False)
async def choose(request: WebRequest) -> Response[str]:
    """Console or portal."""
    return page(request, "choose.html")


def make_application(ports: Faces, further: Sequence[Router] = (), version: str = "1") -> Litestar:
    """The application on its ports; raises UndeclaredRouteError when a route declares no permission."""
    statics = create_static_files_router(
        "/static",
        [STATIC],
        opt=needs(Permission.PUBLIC),
        cache_control=CacheControlHeader(public=True, max_age=31_536_000, immutable=True),
    )
    application = Litestar(
        [choose, statics, console_router(), api_router(), *further],
        guards=[guard],
        before_request=refuse_foreign_forms,
        before_send=[add_headers],
        middleware=[DefineMiddleware(Identify, ports=ports)],
        exception_handlers={
            HTTPException: on_http_error,
            HeadendError: on_own_error,
            OverflowError: on_too_large,
            Exception: on_defect,
        },
        request_max_body_size=_MOST_OCTETS,
        state=State({"faces": ports}),
        openapi_config=openapi_config(version),
        logging_config=None,
        debug=False,
    )
    refuse_undeclared(application.routes)
    return application
