"""Checks that the rooms know only whom docs/design.md lets them know, and keep to their manners.

Usage: check_layers.py [--root DIR] | --self-test

Rules: an include of another room is an edge of ROOMS; a room's private headers stay in the room; no LibTorch in the
torch-free rooms nor in .cu files; CUDA headers only in kernels/cuda, tensor and dist; <torch/torch.h> nowhere; no printing
and no exiting outside apps, chat and log sinks.
"""

import argparse
import pathlib
import re
import sys
import tempfile

TORCH_FREE = {"core", "io", "text", "arch", "corpus"}
LOWER = {
    "core": set(),
    "io": {"core"},
    "text": {"io", "core"},
    "arch": {"io", "text", "core"},
    "corpus": {"text", "io", "core"},
    "dist": {"core"},
    "tensor": {"arch", "io", "core"},
    "kernels": {"tensor", "io", "core"},
    "data": {"corpus", "text", "io", "tensor", "core"},
    "nn": {"arch", "kernels", "tensor", "core"},
    "optim": {"kernels", "dist", "tensor", "core"},
    "objectives": {"data", "nn", "kernels", "tensor", "core"},
    "generate": {"nn", "text", "kernels", "tensor", "io", "core"},
    "convert": {"arch", "nn", "text", "tensor", "io", "core"},
}
ROOMS = {**LOWER, **{room: set(LOWER) for room in ("train", "eval", "chat")}}

SUFFIXES = {".h", ".cpp", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
TORCH = re.compile(r"^(ATen|torch|c10|caffe2)/")
CUDA = re.compile(
    r"^(cuda|cublas|cudnn|cufft|curand|cusolver|cusparse|nccl|nvtx|nvml|mma\.h|cub/|thrust/|cutlass/|cute/"
    r"|cooperative_groups|ATen/(native/)?cuda|c10/cuda|torch/csrc/distributed/c10d/ProcessGroupNCCL)")
CUDA_PLACES = re.compile(r"^(src/kernels/cuda/|(include/llm|src)/(tensor|dist)/)")
PRINTS = re.compile(
    r"\bstd\s*::\s*(cout|cerr|clog)\b|(?<![\w:])(std::)?(v?f?printf|puts|putchar|perror)\s*\(|\bfmt\s*::\s*v?print\s*\("
    r"|\b(stdout|stderr|STDOUT_FILENO|STDERR_FILENO)\b")
EXITS = re.compile(r"(?<![\w.:>])(std\s*::\s*)?(exit|_exit|_Exit|quick_exit|abort|terminate)\s*\(")
MAY_PRINT = re.compile(r"^((include/llm|src)/chat/|src/core/log\w*\.cpp$|(src|include/llm)/\w+/(\w+/)*\w*sink\w*\.(h|cpp)$)")
NOT_CODE = re.compile(
    r'R"(?P<tag>[^()\\ ]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', re.DOTALL)


def without_comments_and_strings(text):
    """The text with comments and literals blanked and its lines kept."""
    return NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def room_of(path):
    """(the room that the file belongs to or None, whether it is a test)."""
    parts = path.split("/")
    if len(parts) > 3 and parts[:2] == ["include", "llm"]:
        return parts[2], False
    if len(parts) > 2 and parts[0] == "src":
        return parts[1], False
    if len(parts) > 3 and parts[:2] in (["tests", "unit"], ["tests", "property"]):
        return parts[2], True
    return None, False


def check_edge(room, header):
    parts = header.split("/")
    if len(parts) > 2 and parts[0] == "llm":
        target = parts[1]
        if target not in ROOMS:
            return f"unknown room {target}"
        if target != room and target not in ROOMS[room]:
            allowed = ", ".join(sorted(ROOMS[room])) or "nobody"
            return f"{room} may not know {target} (it may know {allowed})"
    elif len(parts) > 1 and parts[0] in ROOMS and parts[0] != room:
        return f"{header} is private to {parts[0]}"
    return None


def check_include(path, room, header):
    """Yields what is wrong with one include."""
    if header == "torch/torch.h":
        yield "<torch/torch.h> is never included: it takes 20 s to compile; name the narrow header"
    if room is None:
        return
    edge = check_edge(room, header)
    if edge:
        yield edge
    if TORCH.match(header) and room in TORCH_FREE:
        yield f"{room} is a torch-free room and includes {header}"
    if TORCH.match(header) and path.endswith((".cu", ".cuh")):
        yield f"CUDA sources take raw pointers, and this one includes {header}"
    if CUDA.match(header) and not CUDA_PLACES.match(path):
        yield f"CUDA header {header} outside kernels/cuda, tensor and dist"


def check_code(path, code):
    """Yields (line number, what is wrong) for printing and exiting."""
    for number, line in enumerate(code.split("\n"), 1):
        if PRINTS.search(line) and not MAY_PRINT.match(path):
            yield number, "prints: only apps, chat and log sinks may"
        if EXITS.search(line) and not MAY_PRINT.match(path):
            yield number, "ends the process: only apps may; throw an exception of llm/core/error.h"


def check_file(path, text):
    """Yields (line number, what is wrong)."""
    room, is_test = room_of(path)
    if room is not None and room not in ROOMS:
        yield 1, f"{room} is no room of docs/design.md"
        return
    for number, line in enumerate(text.split("\n"), 1):
        found = INCLUDE.match(line)
        if found:
            for problem in check_include(path, room, found.group(1)):
                yield number, problem
    if room is not None and not is_test:
        yield from check_code(path, without_comments_and_strings(text))


def check_tree(root):
    """All problems of a source tree, as path:line: text; and the number of files read."""
    problems, files = [], 0
    for folder in ("include", "src", "tests", "apps", "bench", "fuzz"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in SUFFIXES:
                continue
            files += 1
            path = file.relative_to(root).as_posix()
            problems += [f"{path}:{line}: {what}" for line, what in check_file(path, file.read_text(encoding="utf-8"))]
    return problems, files


# One file for each rule, with what must be said of it; None where nothing must be.
EXAMPLES = [
    ("src/io/a.cpp", '#include "llm/text/tokenizer.h"\n', "io may not know text"),
    ("include/llm/nn/a.h", '#include "llm/data/batch.h"\n', "nn may not know data"),
    ("tests/unit/nn/a_test.cpp", '#include "llm/train/trainer.h"\n', "nn may not know train"),
    ("src/train/a.cpp", '#include "llm/eval/report.h"\n', "train may not know eval"),
    ("src/nn/b.cpp", '#include "kernels/tile.h"\n', "private to kernels"),
    ("src/warp/a.cpp", "int x;\n", "no room"),
    ("src/text/a.cpp", "#include <ATen/ATen.h>\n", "torch-free room"),
    ("src/kernels/cuda/a.cu", "#include <c10/util/Exception.h>\n", "raw pointers"),
    ("src/nn/c.cpp", "#include <cuda_runtime.h>\n", "CUDA header"),
    ("src/nn/d.cpp", "#include <ATen/cuda/CUDAContext.h>\n", "CUDA header"),
    ("apps/a.cpp", "#include <torch/torch.h>\n", "20 s"),
    ("src/io/b.cpp", "void f() {\n  std::cout << 1;\n}\n", "b.cpp:2: prints"),
    ("src/io/c.cpp", 'void f() { fprintf(stderr, "x"); }\n', "prints"),
    ("src/io/d.cpp", "void f() { std::exit(1); }\n", "ends the process"),
    ("src/io/e.cpp", "void f() { abort(); }\n", "ends the process"),
    ("src/io/good.cpp", '// std::cout << 1; exit(1)\nconst char* s = "printf(";\nint n = snprintf(b, 1, "%d", 1);\n', None),
    ("src/io/good2.cpp", 'const char* s = R"(abort(); // )";\nvoid f(A a) { a.exit(1); g.abort(); do_exit(1); }\n', None),
    ("src/core/log.cpp", 'void f() { fprintf(stderr, "x"); }\n', None),
    ("src/train/terminal_sink.cpp", "void f() { std::fputs(s, stdout); }\n", None),
    ("src/kernels/cuda/good.cpp", '#include <cuda_runtime.h>\n#include <ATen/ATen.h>\n#include "llm/tensor/device.h"\n', None),
    ("src/train/good.cpp", '#include "llm/nn/block.h"\n#include "train/private.h"\n', None),
    ("tests/unit/io/good_test.cpp", '#include "io/private.h"\n#include "support/temp_dir.h"\nvoid f() { exit(0); }\n', None),
    ("apps/good.cpp", '#include "llm/train/trainer.h"\nint main() { std::cerr << 1; exit(1); }\n', None),
]


def self_test():
    for path, text, expected in EXAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
            problems, files = check_tree(pathlib.Path(folder))
        as_expected = not problems if expected is None else any(expected in problem for problem in problems)
        if files != 1 or not as_expected:
            sys.exit(f"self-test: {path}: expected {expected!r}, got {problems}")
    print(f"self-test: {len(EXAMPLES)} examples judged rightly")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return
    problems, files = check_tree(arguments.root)
    print("\n".join(problems + [f"{files} files, {len(problems)} problems"]))
    sys.exit(1 if problems or not files else 0)


if __name__ == "__main__":
    main()
