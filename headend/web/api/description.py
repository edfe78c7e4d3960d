"""The OpenAPI document of the API."""

from typing import Any, Final

from litestar import Response, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from headend.web.faces import WebRequest
from headend.web.security import Permission, needs


def openapi_config(version: str) -> OpenAPIConfig:
    """How the document is made; it is served by our own route, behind our own headers."""
    return OpenAPIConfig(
        title="headend",
        version=version,
        description="Meters, commands, accounts and events of a head-end for prepaid meters. Money is integer paise.",
        components=Components(
            security_schemes={
                "token": SecurityScheme(
                    type="http", scheme="bearer", description="made in the console's Administration"
                ),
                "signature": SecurityScheme(
                    type="apiKey",
                    name="Headend-Signature",
                    security_scheme_in="header",
                    description='`t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>." and the body>`',
                ),
            }
        ),
        # Litestar's own pages load scripts from elsewhere: nobody gets them.
        openapi_router=Router(
            "/api/v1/described", route_handlers=[], opt=needs(Permission.ADMINISTER), include_in_schema=False
        ),
        render_plugins=[JsonRenderPlugin()],
    )


@get("/openapi.json", opt=needs(Permission.PUBLIC), include_in_schema=False)
async def document(request: WebRequest) -> Response[dict[str, Any]]:
    """The document."""
    return Response(request.app.openapi_schema.to_schema())


ROUTES: Final = (document,)
