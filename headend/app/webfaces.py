"""The web application on this house's store."""

from litestar import Litestar

from headend.app.acts import OfficeActs
from headend.app.consoleacts import ConsoleActs
from headend.app.othersystems import OtherSystems
from headend.app.portaldesk import portal_desk
from headend.app.records import OfficeRecords
from headend.app.wiring import Headend
from headend.storage.audit import acting
from headend.web.application import make_application
from headend.web.faces import Faces
from headend.web.portal import gateway_router, portal_router


def application(headend: Headend) -> Litestar:
    """Console, portal and API on a store and what visits its meters."""
    desk = portal_desk(headend)
    return make_application(faces(headend), [portal_router(desk), gateway_router(desk)])


def faces(headend: Headend) -> Faces:
    """The ports of the web faces."""
    store, section = headend.store, headend.setup.settings.document.web
    return Faces(
        now=headend.clock.now,
        sessions=store.web_sessions,
        officers=store.officers,
        witness=acting,
        listings=store.listings,
        records=OfficeRecords(headend),
        acts=OfficeActs(headend),
        care=ConsoleActs(headend),
        tokens=store.tokens,
        exchange=OtherSystems(headend),
        secure=bool(section.tls_cert) or (section.public_url or "").startswith("https://"),
    )
