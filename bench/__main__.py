"""python -m bench NAME [--quick] [--json]: run one bench script of this folder."""

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"usage: python3 run.py bench NAME [--quick] [--json], where NAME is one of: {', '.join(names)}")
    name = sys.argv.pop(1)
    sys.argv[0] = f"bench {name}"
    sys.path.insert(0, str(HERE))
    runpy.run_path(str(HERE / f"{name}.py"), run_name="__main__")


if __name__ == "__main__":
    main()
