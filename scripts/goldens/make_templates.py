#!/usr/bin/env python3
"""Goldens of the chat templates, made with `transformers` and the jinja2 it runs templates with.

    pip install transformers==5.23.0 jinja2==3.1.6
    python scripts/goldens/make_templates.py [SHARED_DATA_DIR]

Writes tests/golden/templates/: language.json (small templates, each with what they render), own.json
(conversations, and what our templates there make of them or how they refuse), generation_spans.json and,
when the shared data folder is named, published.json (the same of published templates, which stay where
they are).
"""
import copy
import json
import pathlib
import re
import sys

from transformers.utils import chat_template_utils

import template_conversations
import template_language

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/templates"


def write(name, lines):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text("".join(lines), encoding="utf-8")


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def run(template, variables):
    """The text, or None when the template is refused or fails."""
    try:
        return chat_template_utils._compile_jinja_template(template).render(**copy.deepcopy(variables))
    except Exception:
        return None


def is_portable(text):
    """Without what differs from run to run, or is an object's address."""
    return text is None or not re.search(r"<generator|<list_reverse|<built-in|<bound|<function|object at|<range_iter|<reversed|<dict_rev", text)


def make_language():
    cases = [(source, run(source, template_language.VARIABLES)) for source in template_language.snippets()]
    cases = [case for case in cases if is_portable(case[1]) and case[0] not in template_language.BEYOND]
    lines = [',\n'.join(dump(case) for case in cases)]
    write("language.json", ['{"variables":', dump(template_language.VARIABLES), ',\n"cases":[\n'] + lines + ["\n]}\n"])
    print(len(cases), "language cases,", sum(text is None for _, text in cases), "of them refused")


if __name__ == "__main__":
    make_language()
    template_conversations.make_folder(OUT, write, dump, "own.json")
    if len(sys.argv) > 1:
        template_conversations.make_folder(pathlib.Path(sys.argv[1]) / "templates", write, dump, "published.json")
