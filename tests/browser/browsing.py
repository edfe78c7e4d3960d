"""A browser for tests: pages of a width and a language of colour, pictures kept, faults that axe finds."""

import shutil
import subprocess
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARTEFACTS = Path(__file__).with_name("artefacts")
#: The narrowest phone that is looked at, and a desk's screen.
PHONE, DESK = (360, 740), (1440, 900)


def refuse_without_browser():
    """A missing browser or font is a failure, never a skip: nothing else looks at the pages."""
    assert Path(CHROMIUM).exists(), "no chromium; install it with: apt-get install chromium"
    lister = shutil.which("fc-list")
    assert lister, "no fontconfig; install it with: apt-get install fontconfig fonts-noto-core"
    fonts = subprocess.run([lister, ":lang=hi"], capture_output=True, text=True, check=True).stdout
    assert fonts.strip(), "no font shows Hindi; install one with: apt-get install fonts-noto-core"


class Browsing:
    def __enter__(self):
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        ARTEFACTS.mkdir(exist_ok=True)
        return self

    def __exit__(self, *_):
        self._browser.close()
        self._playwright.stop()

    def page(self, size=PHONE, *, script=True, scheme="light", cookies=()):
        """A page in a context of its own: nothing is remembered from another one."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=script,
            color_scheme=scheme,
            locale="hi-IN",
            timezone_id="Asia/Kolkata",
        )
        context.set_default_timeout(20_000)
        if cookies:
            context.add_cookies(list(cookies))
        return context.new_page()


def keep(page, name):
    """A picture of the whole page, kept for people to look at."""
    path = ARTEFACTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def refuse_overflow(page):
    """No page is wider than its window: nobody scrolls sideways on a phone."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} pixels wider than its window"


def refuse_faults(page):
    """axe finds nothing serious."""
    found = Axe().run(page).response["violations"]
    bad = [each for each in found if each["impact"] in ("serious", "critical")]
    told = [f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in bad]
    assert not bad, f"{page.url}: " + "; ".join(told)
