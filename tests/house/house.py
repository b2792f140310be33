"""What the tests of the house look at: the files that git keeps, or is about to."""

import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = sorted((ROOT / "src").rglob("*.py"))


def kept_files() -> list[Path]:
    """Return every file that git keeps or would keep: what it ignores is left out."""
    listing = subprocess.check_output(
        # whoever owns the clone, to read its list of files is harmless
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        text=True,
    )
    files = (ROOT / name for name in listing.split("\0") if name)
    return sorted(file for file in files if file.is_file())


def shown(path: Path) -> str:
    """Return *path* as seen from the root of the repository."""
    return path.relative_to(ROOT).as_posix()
