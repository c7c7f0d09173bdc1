#!/usr/bin/env python3
"""Runs a training command and says whether its processes grow: memory, open files, threads, time of a step.

Usage: scripts/watch_growth.py --run-dir DIR [--program NAME] [--every SECONDS] [--json FILE] -- COMMAND...

Every process NAME that the command starts (itself, where it starts none) is sampled from /proc; those that start others
are left out. Steps are read off DIR/heartbeat.json. The first tenth of the samples is left out: caches fill. Of the rest the first third is compared with
the last. The exit code is the command's, or 1 when in any process
  private memory (RssAnon) grew by more than 1 MiB + 1 %,
  the most file descriptors or threads seen grew at all.
Time per step is shown, wall and processor, and not judged: other programs use the machine, too.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time


def children_of(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            pass
    return found


def is_program(pid, name):
    try:
        return pathlib.Path(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")).name == name
    except OSError:
        return False


def watched(pid, name):
    """The programs below the process that start no others themselves, or the process."""
    below = [one for child in children_of(pid) for one in watched(child, name)]
    return below or ([pid] if is_program(pid, name) else [])


def sample(pid):
    """None once the process has ended."""
    try:
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                      if ":" in line)
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return {"anonymous_kib": int(status["RssAnon"].split()[0]),
                "resident_kib": int(status["VmRSS"].split()[0]),
                "threads": int(status["Threads"]),
                "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
                "processor_seconds": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")}
    except (OSError, KeyError, IndexError):
        return None


def step_of(run_dir):
    try:
        return json.loads((run_dir / "heartbeat.json").read_text())["step"]
    except (OSError, ValueError, KeyError):
        return 0


def watch(command, run_dir, name, every):
    """(exit code, samples by process)"""
    started = time.monotonic()
    process = subprocess.Popen(command)
    samples = {}
    while process.poll() is None:
        step = step_of(run_dir)
        for pid in watched(process.pid, name) if step > 0 else []:
            values = sample(pid)
            if values:
                samples.setdefault(pid, []).append({**values, "step": step, "seconds": time.monotonic() - started})
        time.sleep(every)
    return process.returncode, samples


def rate(part, key):
    """Of `key` per 1,000 steps."""
    steps = part[-1]["step"] - part[0]["step"]
    return 1000 * (part[-1][key] - part[0][key]) / steps if steps > 0 else float("nan")


def slope(samples, key):
    """Least squares, per 1,000 steps."""
    steps = [one["step"] for one in samples]
    if len(set(steps)) < 2:
        return 0.0
    return 1000 * statistics.linear_regression(steps, [one[key] for one in samples]).slope


def judge(samples):
    used = samples[len(samples) // 10:]
    third = max(1, len(used) // 3)
    first, last = used[:third], used[-third:]
    row = {"samples": len(samples), "steps": [first[0]["step"], last[-1]["step"]]}
    for key in ("anonymous_kib", "resident_kib"):
        row[key] = [statistics.fmean(one[key] for one in part) for part in (first, last)]
    for key in ("descriptors", "threads"):
        row[key] = [max(one[key] for one in part) for part in (first, last)]
    row["anonymous_kib_per_1000_steps"] = slope(used, "anonymous_kib")
    row["seconds_per_1000_steps"] = [rate(part, "seconds") for part in (first, last)]
    row["processor_seconds_per_1000_steps"] = [rate(part, "processor_seconds") for part in (first, last)]
    before, after = row["anonymous_kib"]
    row["grew"] = [name for name, grew in (("memory", after > before + 1024 + 0.01 * before),
                                           ("descriptors", row["descriptors"][1] > row["descriptors"][0]),
                                           ("threads", row["threads"][1] > row["threads"][0])) if grew]
    return row


def show(rows):
    print(f"{'process':<10}{'steps':>16}{'private MiB':>18}{'KiB/1000 steps':>16}{'files':>9}{'threads':>9}"
          f"{'s/1000 steps':>16}{'cpu s/1000':>14}  grew")
    for name, row in rows.items():
        memory = [value / 1024 for value in row["anonymous_kib"]]
        wall, cpu = row["seconds_per_1000_steps"], row["processor_seconds_per_1000_steps"]
        print(f"{name:<10}{row['steps'][0]:>8}-{row['steps'][1]:<7}{memory[0]:>9.1f} {memory[1]:>8.1f}"
              f"{row['anonymous_kib_per_1000_steps']:>16.1f}{row['descriptors'][0]:>5}{row['descriptors'][1]:>4}"
              f"{row['threads'][0]:>5}{row['threads'][1]:>4}{wall[0]:>9.2f}{wall[1]:>7.2f}{cpu[0]:>8.2f}{cpu[1]:>6.2f}"
              f"  {', '.join(row['grew']) or 'nothing'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-dir", type=pathlib.Path, required=True)
    parser.add_argument("--program", default="llmtrain")
    parser.add_argument("--every", type=float, default=1.0)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    code, samples = watch(options.command, options.run_dir, options.program, options.every)
    long_lived = [pid for pid in sorted(samples) if len(samples[pid]) >= 10]
    rows = {f"rank {rank}": judge(samples[pid]) for rank, pid in enumerate(long_lived)}
    if not rows:
        sys.exit(code or "the command ended before it could be watched")
    show(rows)
    if options.json:
        options.json.write_text(json.dumps({"exit_code": code, "command": options.command, "processes": rows,
                                            "samples": {str(pid): one for pid, one in samples.items()}}, indent=1) + "\n")
    sys.exit(code or int(any(row["grew"] for row in rows.values())))


if __name__ == "__main__":
    main()
