"""Checks the documents: links resolve, and every path of the repository that is named in backticks exists.

A word in backticks counts as such a path when it starts with a top-level folder or file of the repository and holds no
placeholder (capitals alone, <, *, {, $, ...). Links to the outside are not followed.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
PLACEHOLDER = re.compile(r"[<>*{}$]|\.\.\.|…|(^|/)[A-Z_]{1,12}(/|$)|(^|/)[A-Z]+\.")
MADE_LATER = ("build/", "runs/")


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split("\n")


def slug(heading):
    """The anchor that a heading gets."""
    text = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", lambda found: found.group(1) or "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(document):
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    return {slug(line.lstrip("#")) for line in text.split("\n") if line.startswith("#")}


def check_link(document, target):
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    if not file.exists():
        return f"the link {target} leads nowhere"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"the link {target} names no heading there"
    return None


def check_path(word, top_level):
    path = word.split()[0].split(":")[0].removeprefix("./").rstrip(".,;") if word.split() else ""
    if path.split("/")[0] not in top_level or path.startswith(MADE_LATER) or PLACEHOLDER.search(path):
        return None
    return None if (ROOT / path).exists() else f"`{word}` does not exist"


def check_document(document, top_level):
    text = document.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    for number, line in enumerate(prose.split("\n"), 1):
        problems = [check_link(document, target) for target in LINK.findall(CODE.sub("", line))]
        problems += [check_path(word, top_level) for word in CODE.findall(line)]
        for problem in filter(None, problems):
            yield f"{document.relative_to(ROOT)}:{number}: {problem}"


def main():
    files = [name for name in tracked_files() if name]
    top_level = {name.split("/")[0] for name in files}
    documents = [ROOT / name for name in files if name.endswith(".md") and (ROOT / name).exists()]
    problems = [problem for document in documents for problem in check_document(document, top_level)]
    print("\n".join(problems + [f"docs: {len(documents)} documents, {len(problems)} problems"]))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
