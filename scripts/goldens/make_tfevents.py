#!/usr/bin/env python3
"""Writes tests/golden/io/scalars.tfevents with TensorBoard's own messages and record writer.

Needs: tensorboard. Every wall_time is 1.5; the C++ test leaves times out of its comparison.
"""
import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "io"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    value = Summary.Value
    events = [
        Event(wall_time=1.5, file_version="brain.Event:2"),
        Event(wall_time=1.5, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=1.5, step=300, summary=Summary(value=[
            value(tag="train/loss", simple_value=2.5), value(tag="lr", simple_value=3e-4)])),
        Event(wall_time=1.5, step=2**40, session_log=SessionLog(status=SessionLog.START)),
    ]
    with open(OUT / "scalars.tfevents", "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
        writer.flush()


if __name__ == "__main__":
    main()
