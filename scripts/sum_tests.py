"""Adds up the reports of test programs (FOLDER/tests/reports/*.json): one line a build folder, then a closing line.

Usage: sum_tests.py FOLDER...

A program that died left no report: the exit status of ctest tells of that. Fails where a test failed or none ran.
"""

import json
import pathlib
import sys


def outcome(test):
    if "failures" in test:
        return "failed"
    return {"COMPLETED": "passed", "SKIPPED": "skipped"}.get(test["result"], "not run")


def counts_of(folder):
    counts = {"passed": 0, "failed": 0, "skipped": 0, "not run": 0}
    for report in (folder / "tests" / "reports").glob("*.json"):
        for suite in json.loads(report.read_text(encoding="utf-8"))["testsuites"]:
            for test in suite["testsuite"]:
                counts[outcome(test)] += 1
    return counts


def line(counts):
    return ", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "skipped"))


def main():
    folders = [pathlib.Path(argument) for argument in sys.argv[1:]]
    counts = {folder: counts_of(folder) for folder in folders}
    for folder in folders:
        print(f"{folder.name}: {line(counts[folder])}")
    total = {name: sum(each[name] for each in counts.values()) for name in ("passed", "failed", "skipped")}
    print(line(total))
    sys.exit(1 if total["failed"] or not total["passed"] else 0)


if __name__ == "__main__":
    main()
