"""Compare a wheel with the folders it was made of: every file that is tracked must be in it."""

import subprocess
import sys
import zipfile

FOLDERS = ("core", "lti", "plugins", "web")


def main(wheel: str) -> int:
    """Name what is missing in the wheel; 1 if anything is."""
    tracked = subprocess.run(
        ["git", "ls-files", "--", *FOLDERS], check=True, capture_output=True, text=True
    ).stdout.split("\n")
    wanted = {f"mentorai/{name}" for name in tracked if name}
    held = set(zipfile.ZipFile(wheel).namelist())
    missing = sorted(wanted - held)
    for name in missing:
        print(f"not in the wheel: {name}")
    print(f"the wheel holds {len(wanted) - len(missing)} of {len(wanted)} files")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
