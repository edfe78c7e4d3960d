"""The web application on this house's store."""

from litestar import Litestar

from headend.app.opening import now
from headend.app.wiring import Headend
from headend.storage.audit import acting
from headend.web.application import make_application
from headend.web.faces import Faces


def application(headend: Headend) -> Litestar:
    """Console, portal and API on a store and what visits its meters."""
    return make_application(faces(headend))


def faces(headend: Headend) -> Faces:
    """The ports of the web faces."""
    store, section = headend.store, headend.setup.settings.document.web
    return Faces(
        now=now,
        sessions=store.web_sessions,
        officers=store.officers,
        witness=acting,
        secure=bool(section.tls_cert) or (section.public_url or "").startswith("https://"),
    )
