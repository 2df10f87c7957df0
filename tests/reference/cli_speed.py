#!/usr/bin/env python3
"""How long llmrun takes to answer, beside the limit of each command: one table of medians and worst times. Exits 1 where a median is over.

    tests/reference/cli_speed.py [BIN]        BIN: the folder of llmrun and llmrun-rank, build/release/bin without it

Measure on a quiet machine: one that does other work gives other numbers, and CI asserts no times."""
import json, os, pathlib, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNS, WARM_UP = 50, 5
TAIL = {"ranks": 4096, "rate": 50, "seconds": 20, "lag_s": 2.0, "rss_mb": 100}
POLARIS = ["--set", "machine=polaris", "--set", "model=gpt-13b", "--set", "parallel.tensor=4", "--set", "run.steps=10"]
TWO_NODES = [*POLARIS, "--set", "job.nodes=2"]
AURORA = ["--set", "machine=aurora", "--set", "model=gpt-13b", "--set", "parallel.tensor=4", "--set", "run.steps=10"]
JOB = ["--set", "job.queue=debug", "--set", "job.account=datascience", "--set", "job.walltime=1:00:00"]
MANY_JOBS, SERVER = 1000, "polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"


class Desk:
    """A home and a folder of its own, and the rows of the table."""

    def __init__(self, directory, bin):
        self.directory, self.bin, self.over = pathlib.Path(directory), bin, False
        self.environment = {"HOME": directory, "PATH": f"{directory}/programs:{bin}:/usr/bin:/bin", "LLMRUN_PROFILES": str(ROOT / "profiles"),
                            "NO_COLOR": "1"}

    def run(self, words, environment):
        """Its milliseconds. What it says is read, as a shell's user does."""
        begin = time.perf_counter()
        done = subprocess.run([f"{self.bin}/{words[0]}", *words[1:]], cwd=self.directory, env=environment, capture_output=True)
        taken = 1e3 * (time.perf_counter() - begin)
        if done.returncode != 0:
            sys.exit(f"cli_speed.py: {' '.join(words)} exited with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return taken

    def row(self, label, times, limit):
        median = statistics.median(times)
        self.over |= median > limit
        print(f"{label:<58} {median:9.1f} {max(times):9.1f} {limit:9}  {'OVER' if median > limit else 'ok'}", flush=True)

    def answer(self, limit, label, *words, **more):
        environment = {**self.environment, **more}
        times = [self.run(["llmrun", *words], environment) for _ in range(WARM_UP + RUNS)]
        self.row(f"llmrun {label}", times[WARM_UP:], limit)


def hostfile(desk):
    file = desk.directory / "hosts"
    file.write_text("".join(f"x{i}.example.org slots=4\n" for i in range(10000)))
    return ["--hostfile", str(file)]


def aurora_node_file(desk):
    """All of Aurora: 64 nodes a rack, 8 chassis of 8 slots."""
    file = desk.directory / "nodefile"
    file.write_text("".join(f"x4{rack:03}c{chassis}s{slot}b0n0.hsn.cm.aurora.alcf.anl.gov\n"
                            for rack in range(166) for chassis in range(8) for slot in range(8)))
    return {"PBS_NODEFILE": str(file), "PBS_JOBID": "7.aurora-pbs-0001.hostmgmt.cm.aurora.alcf.anl.gov"}


def job(id, run, now):
    return {"job_id": id, "job_name": run, "queue": "debug", "phase": "waiting", "end": None, "exit_code": None, "queued": now - 60, "started": None,
            "comment": "Not Running: Not enough free nodes available", "finished": None, "starts_at": None, "walltime_s": 3600, "nodes": 2,
            "hosts": [], "runs": 0, "hold": "none", "depends": "", "members": ""}


def remember_jobs(desk):
    """As if that many were queued, and all of them asked about just now. Who asks all the same finds a server that is down."""
    state = desk.directory / ".local/state/llmrun"
    state.mkdir(parents=True, exist_ok=True)
    now = int(time.time())
    named = [(f"{i}.{SERVER}", f"run-{i:04}") for i in range(1, MANY_JOBS + 1)]
    (state / "jobs.jsonl").write_text("".join(
        json.dumps({"event": "submitted", "job_id": id, "scheduler": "pbs", "run": run, "dir": f"/runs/{run}", "time": "2026-11-24T09:00:00Z",
                    "by": ""}) + "\n" for id, run in named))
    answers = [{"id": id, "as_of": 1000 * now, "unknown": False, "settled": False, "job": job(id, run, now)} for id, run in named]
    (state / f"status-pbs-{SERVER}.json").write_text(json.dumps({"version": 1, "failures": 0, "next_try": 0, "trouble": "", "jobs": answers}))
    (desk.directory / "programs").mkdir(exist_ok=True)
    qstat = desk.directory / "programs/qstat"
    qstat.write_text(f"#!/bin/sh\ntouch '{desk.directory}/asked'\nexit 255\n")
    qstat.chmod(0o755)


def first_steps(desk):
    """Milliseconds from the command to the `time` of the first line of metrics.jsonl, five times."""
    golden = ROOT / "tests/golden/gpt2-tiny"
    (desk.directory / "golden.yaml").write_text(
        f"run: {{name: golden, dir: run, steps: 1, seed: 1}}\nmodel: {{from: {golden}}}\ndata: {{train: {golden}/tokens, order: sequential}}\n"
        "train: {seq_len: 64, micro_batch: 2, global_batch: 8, precision: fp32}\nparallel: {tensor: 2, pipeline: 2}\n")
    times = []
    for _ in range(5):
        subprocess.run(["rm", "-rf", desk.directory / "run"], check=True)
        begin = time.time()
        desk.run(["llmrun", "train", "golden.yaml", "--ranks", "4"], {**desk.environment, "USER": "someone"})
        with open(desk.directory / "run/metrics.jsonl") as metrics:
            times.append(1e3 * (json.loads(metrics.readline())["time"] - begin))
    return times


def follow(desk):
    """tail under load: what it shows must be whole and in order, soon after it was written, in little memory."""
    words = [sys.executable, ROOT / "tests/reference/tail_load.py", f"{desk.bin}/llmrun"]
    for option in ("ranks", "rate", "seconds"):
        words += [f"--{option}", str(TAIL[option])]
    found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    good = (found["shown"] == found["written"] and found["disordered"] == 0 and found["mb_per_s"] >= 0.98 * TAIL["rate"]
            and found["cpu_share"] <= 1 and found["rss_mb"] < TAIL["rss_mb"] and found["lag_s"] <= TAIL["lag_s"])
    desk.over |= not good
    print(f"llmrun tail -r all, {TAIL['ranks']} logs at {TAIL['rate']} MB/s: {json.dumps(found)}  {'ok' if good else 'OVER'}")


def measure(desk):
    large, aurora = [*POLARIS, *hostfile(desk)], aurora_node_file(desk)
    print(f"{'milliseconds of ' + str(RUNS) + ' runs':<58} {'median':>9} {'worst':>9} {'limit':>9}")
    desk.answer(20, "--version", "--version")
    desk.answer(20, "config show --origin", "config", "show", *TWO_NODES, "--origin")
    desk.answer(20, "plan", "plan", *TWO_NODES)
    desk.answer(20, "plan, a machine that is looked at", "plan", "--set", "model=gpt-tiny", "--set", "run.steps=10")
    desk.answer(20, "render", "render", *TWO_NODES)
    desk.answer(20, "render launch", "render", "launch", *TWO_NODES)
    desk.answer(60, "plan, a hostfile of 10,000 lines", "plan", *large)
    desk.answer(60, "render, a hostfile of 10,000 lines", "render", *large)
    desk.answer(60, "train --dry-run, a hostfile of 10,000 lines", "train", *large, "--dry-run")
    desk.answer(30, "submit --dry-run", "submit", *TWO_NODES, *JOB, "--dry-run")
    desk.answer(100, "plan, a PBS_NODEFILE of all 10,624 nodes of Aurora", "plan", *AURORA, **aurora)
    desk.answer(100, "train --dry-run, that node file", "train", *AURORA, "--dry-run", **aurora)
    remember_jobs(desk)
    desk.answer(50, "status -n 1000, from what is known", "status", "-n", str(MANY_JOBS))
    if (desk.directory / "asked").exists():
        sys.exit("cli_speed.py: status asked the server")
    desk.answer(20, "__complete, commands", "__complete", "--", "llmrun s")
    desk.answer(20, "__complete, keys", "__complete", "--", "llmrun train --set parallel.")
    desk.answer(20, "__complete, 1,000 runs", "__complete", "--", "llmrun status run-")
    desk.row("llmrun train to the first step, 4 CPU ranks (5 runs)", first_steps(desk), 4000)
    follow(desk)


if __name__ == "__main__":
    bin = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/bin").resolve()
    with tempfile.TemporaryDirectory() as directory:
        desk = Desk(directory, bin)
        measure(desk)
    sys.exit(1 if desk.over else 0)
