"""Fails where a file tests/**/*_test.cpp is in no test program. Argument: the list of sources that CMake wrote."""

import pathlib
import sys

root = pathlib.Path(__file__).resolve().parent.parent
listed = {pathlib.Path(line) for line in pathlib.Path(sys.argv[1]).read_text().split("\n") if line}
lost = sorted(path for path in (root / "tests").rglob("*_test.cpp") if path not in listed)
for path in lost:
    print(f"{path.relative_to(root)}: in no test program (unknown room, or configure again)")
print(f"{len(listed)} test files listed, {len(lost)} lost")
sys.exit(1 if lost or not listed else 0)
