import hashlib
import re

from headend.web.look import STATIC, TEMPLATES

VENDOR = STATIC / "vendor"


def test_what_is_carried_from_others_is_unchanged():
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    files = {str(path.relative_to(VENDOR)) for path in VENDOR.glob("*/*")}
    assert files == set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name


def test_every_carried_package_brings_its_licence_and_is_listed():
    readme = (VENDOR / "README.md").read_text()
    for folder in (path for path in VENDOR.iterdir() if path.is_dir()):
        assert (folder / "LICENSE").is_file()
        assert f"`{folder.name}/`" in readme


def test_no_page_and_no_sheet_needs_anything_from_outside():
    outside = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import""")
    own = [*TEMPLATES.rglob("*.html"), *STATIC.glob("*.css"), *STATIC.glob("*.js")]
    assert own
    assert [path.name for path in own if outside.search(path.read_text())] == []


def test_no_page_holds_a_script_or_a_style_of_its_own():
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)
    assert [path.name for path in TEMPLATES.rglob("*.html") if inline.search(path.read_text())] == []
