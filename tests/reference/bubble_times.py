#!/usr/bin/env python3
"""How much faster a step is by each pipeline schedule than by 1f1b, measured, beside what the simulated bubbles of `llmrun plan --schedule` say.

    tests/reference/bubble_times.py [--rounds N] [BIN]    BIN: the folder of llmrun and llmrun-rank, build/release/bin without it

Two stages, a process and a core each, on a quiet machine with two cores: one that does other work gives other numbers, and CI asserts no times."""
import argparse, json, os, pathlib, statistics, subprocess, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEDULES = {"1f1b": [], "gpipe": [], "interleaved": ["parallel.virtual_pipeline=2"], "zero_bubble": [], "zero_bubble_v": []}
STEPS, WARM_UP = 10, 3
MODEL = ["model.family=llama", "model.layers=8", "model.hidden=512", "model.heads=8", "model.ffn=1408", "model.vocab=512", "train.seq_len=256",
         "train.micro_batch=1", "train.accumulate=4", "train.precision=fp32", "parallel.pipeline=2", "parallel.threads=1", f"run.steps={STEPS}",
         "checkpoint.every_steps=0"]


def options(schedule, recompute):
    keys = [*MODEL, f"parallel.schedule={schedule}", f"parallel.recompute={recompute}", *SCHEDULES[schedule]]
    return ["--ranks", "2", *(word for key in keys for word in ("--set", key))]


def simulated(llmrun, schedule, recompute):
    """Idle time, in parts of the work."""
    plan = subprocess.run([llmrun, "plan", *options(schedule, recompute), "--schedule", "--json"], capture_output=True, text=True, check=True)
    return json.loads(plan.stdout)["pipeline"]["bubble"]["by_flops"]


def measured(llmrun, schedule, recompute):
    """Seconds of each step after the first ones."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([llmrun, "train", *options(schedule, recompute), "--set", f"run.dir={directory}/run"], cwd=directory, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = pathlib.Path(directory, "run", "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step_time_s"] for line in lines[WARM_UP:]]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3, help="every schedule in turns, so often")
    arguments.add_argument("bin", nargs="?", default=ROOT / "build/release/bin", type=pathlib.Path)
    given = arguments.parse_args()
    llmrun = str(given.bin / "llmrun")
    print("| recompute | schedule | ms a step | faster than 1f1b by | by the simulated bubbles |\n|---|---|---|---|---|")
    for recompute in ("none", "full"):
        times = {schedule: [] for schedule in SCHEDULES}
        for _ in range(given.rounds):
            for schedule in SCHEDULES:
                times[schedule] += measured(llmrun, schedule, recompute)
        bubbles = {schedule: simulated(llmrun, schedule, recompute) for schedule in SCHEDULES}
        for schedule in SCHEDULES:
            step, base = (statistics.median(times[name]) for name in (schedule, "1f1b"))
            expected = (1 + bubbles["1f1b"]) / (1 + bubbles[schedule])
            print(f"| {recompute} | {schedule} | {1e3 * step:.0f} | {base / step:.2f} | {expected:.2f} |")


if __name__ == "__main__":
    main()
