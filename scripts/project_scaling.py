#!/usr/bin/env python3
"""Projects step time and efficiency of data-parallel training to many GPUs, from a few numbers of the hardware.

Usage: scripts/project_scaling.py [--json] [--mfu F] [--tokens N] [--micro-batches A] [--overlap F]

A model, not a measurement: every assumption is a constant below, and docs/distributed.md says what follows from them.
The wire format is the project's: fp32 or bf16 gradients, fp32 weights (4 bytes) in the all-gather of ZeRO.
"""
import argparse
import json

GPU_FLOPS = 989e12  # H200 SXM, dense bf16
GPU_MEMORY = 141e9
HBM = 4.8e12  # bytes/s
GPUS_PER_HOST = 8
NVLINK = 450e9 * 0.75  # bytes/s each way of a GPU, and the share of it that a ring reaches
NETWORK = 400e9 / 8 * 0.85  # bytes/s each way of a GPU: one 400 Gb/s port each
NVLINK_HOP = 3e-6  # seconds that a message needs to the next GPU of the host
NETWORK_HOP = 12e-6  # to one of another host
LAUNCH = 15e-6  # of a collective
STATE_PASSES = 7  # AdamW reads or writes each fp32 number of weight, gradient and moments so often in all
ACTIVATIONS = 20e9  # bytes that a micro-batch and the program need on a GPU

# Parameters, and buckets that a step reduces: a layer each, and the tables.
MODELS = {"1.3B": (1.3e9, 26), "8B": (8.0e9, 34)}
GPU_COUNTS = (8, 64, 1024)


def ring_seconds(payload, gpus, buckets):
    """Bytes of one pass (reduce-scatter or all-gather) in `buckets` pieces, through a ring over all GPUs.

    A ring is as fast as its slowest link: the network's once there are several hosts. Each bucket takes W - 1 hops, of
    which one in GPUS_PER_HOST leaves a host.
    """
    rate = NVLINK if gpus <= GPUS_PER_HOST else NETWORK
    far = 0 if gpus <= GPUS_PER_HOST else gpus // GPUS_PER_HOST
    hops = (gpus - 1 - far) * NVLINK_HOP + far * NETWORK_HOP
    return payload * (gpus - 1) / gpus / rate + buckets * (hops + LAUNCH)


def memory_bytes(parameters, buckets, gpus, zero):
    """fp32 weights, gradients and moments of a GPU, and a bf16 copy of the weights to compute with."""
    gradients = parameters / gpus + 2 * parameters / buckets if zero == 2 else parameters
    moments = 2 * parameters / (gpus if zero else 1)
    return 4 * (parameters + gradients + moments) + 2 * parameters + ACTIVATIONS


def project(model, gpus, zero, item, options):
    parameters, buckets = MODELS[model]
    passes = options.micro_batches
    compute = 6 * parameters * options.tokens * passes / (GPU_FLOPS * options.mfu)
    backward = 2 / 3 * compute
    update = STATE_PASSES * 4 * parameters / (gpus if zero else 1) / HBM
    gradients = ring_seconds(parameters * item, gpus, buckets)
    weights = ring_seconds(parameters * 4, gpus, buckets)
    if zero == 2:  # each micro-batch's sums lie under its own backward
        sent, hideable = passes * gradients, backward
    else:  # under the last backward alone
        sent, hideable = gradients * (1 if zero else 2), backward / passes
    if zero == 0:
        weights = 0
    hidden = min(sent, options.overlap * hideable)
    step = compute + update + sent - hidden + weights
    return {"model": model, "gpus": gpus, "zero": zero, "reduce_dtype": "bf16" if item == 2 else "fp32",
            "memory_gb": memory_bytes(parameters, buckets, gpus, zero) / 1e9,
            "fits": memory_bytes(parameters, buckets, gpus, zero) <= GPU_MEMORY,
            "compute_s": compute, "sent_s": sent + weights, "exposed_s": sent - hidden + weights, "step_s": step,
            "efficiency": (compute + STATE_PASSES * 4 * parameters / HBM) / step}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mfu", type=float, default=0.45, help="of one GPU alone, in forward and backward")
    parser.add_argument("--tokens", type=int, default=16384, help="in a micro-batch of a GPU")
    parser.add_argument("--micro-batches", type=int, default=4, help="of a GPU in a step")
    parser.add_argument("--overlap", type=float, default=0.8, help="share of a backward pass that can hide traffic")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [project(model, gpus, zero, item, options) for model in MODELS for gpus in GPU_COUNTS
            for zero, item in ((0, 4), (0, 2), (1, 4), (1, 2), (2, 2))]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print("| model | GPUs | dist.zero | gradients | memory GB | compute s | sent s | exposed s | step s | efficiency |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        memory = f"{row['memory_gb']:.0f}" + ("" if row["fits"] else " (too much)")
        print(f"| {row['model']} | {row['gpus']:,} | {row['zero']} | {row['reduce_dtype']} | {memory} | {row['compute_s']:.2f} "
              f"| {row['sent_s']:.2f} | {row['exposed_s']:.2f} | {row['step_s']:.2f} | {100 * row['efficiency']:.0f} % |")


if __name__ == "__main__":
    main()
