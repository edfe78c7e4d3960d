"""Copy the pictures that the documents show, from what the browser tests have just seen.

`pytest tests/browser && python tests/browser/pictures.py`
"""

import shutil
import sys
from pathlib import Path

ARTEFACTS = Path(__file__).with_name("artefacts")
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
#: The picture of a test, and its name in the documents.
SHOWN = {
    "portal-debt-360": "portal-debt",
    "portal-paid-360": "portal-paid",
    "console-today-1440-light": "console-today",
    "console-reconnected-1440": "console-reconnected",
    "console-proposed-1440": "console-proposed",
    "console-calendar-added-1440": "console-calendar",
    "console-frames-1440": "console-frames",
}


def main():
    missing = [name for name in SHOWN if not (ARTEFACTS / f"{name}.png").exists()]
    if missing:
        sys.exit(f"not taken yet: {', '.join(missing)}; run `pytest tests/browser` first")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, shown in SHOWN.items():
        shutil.copyfile(ARTEFACTS / f"{name}.png", PICTURES / f"{shown}.png")


if __name__ == "__main__":
    main()
