#!/usr/bin/env python3
"""How `llmrun tail -r all` bears the logs of many ranks: a run directory with a log a rank, written to at a steady rate as ranks do
(each line with its time, flushed), followed by a real llmrun whose output is counted.

    tests/reference/tail_load.py build/release/bin/llmrun --ranks 4096 --rate 50 --seconds 20

Prints one JSON object: MB/s written, lines written and shown, lines out of order by their times (of a sample), CPU seconds and share of
one core, peak RSS in MB, the most descriptors, and lag_s: how long after the last line it was done (it looks for the end of a run twice
a second). With --backlog MB the logs hold that much already. What stands behind -- goes to tail: -- --grep 'loss 9'."""
import argparse, fcntl, json, os, pathlib, resource, subprocess, sys, tempfile, threading, time

TICK = 0.25  # seconds between two writes of a rank


def stamp(moment):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment)) + ".%03d" % (moment * 1000 % 1000)


def block(rank, moment, size):
    line = f"{stamp(moment)} [rank {rank}] info step 120 loss 2.3412 grad_norm 0.81 lr 3.0e-04 tokens/s 12345\n"
    return (line * max(1, round(size / len(line)))).encode()


class Run:
    def __init__(self, directory, ranks):
        self.directory, self.ranks = pathlib.Path(directory), ranks
        self.logs = self.directory / "logs/attempt-01"
        self.logs.mkdir(parents=True)
        self.names = [self.logs / f"rank-{rank:05d}.log" for rank in range(ranks)]
        self.lines = 0
        self.record(None)
        self.lock = open(self.directory / ".lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def record(self, code):
        attempt = {"number": 1, "id": "load", "start": "2026-01-01T00:00:00Z", "end": "", "log": str(self.directory / "logs/all.log"),
                   "ranks": self.ranks, "exit": code}
        text = json.dumps({"version": 1, "name": "load", "git": {"sha": "", "dirty": False}, "versions": {"llmrun": "0"},
                           "finished_steps": 0, "attempts": [attempt]})
        (self.directory / "run.json.tmp").write_text(text)
        os.rename(self.directory / "run.json.tmp", self.directory / "run.json")

    def write(self, rank, moment, size):
        text = block(rank, moment, size)
        with open(self.names[rank], "ab", buffering=0) as log:
            log.write(text)
        self.lines += text.count(b"\n")
        return len(text)


def count(stream, found):
    """Lines, and those that are older than one before them."""
    newest, rest = b"", b""
    found.update(shown=0, disordered=0)
    while data := stream.read(1 << 20):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        found["shown"] += len(lines)
        for line in lines[::97]:  # a sample: this core has more to do
            at = line[line.find(b"] ") + 2:][:23]
            found["disordered"] += at < newest
            newest = max(newest, at)


def watch(pid, found):
    found["descriptors"] = 0
    while True:
        try:
            found["descriptors"] = max(found["descriptors"], len(os.listdir(f"/proc/{pid}/fd")))
        except OSError:
            return
        time.sleep(0.1)


def measure(options, directory):
    run = Run(directory, options.ranks)
    begin = time.time()
    if options.backlog:
        for tick in range(16):  # in the order of time, each rank's share in 16 pieces
            for rank in range(run.ranks):
                run.write(rank, begin - 1000 + 60 * tick, options.backlog * 1e6 / run.ranks / 16)
    words = [options.llmrun, "tail", str(run.directory), "-r", "all", "--since", "2000-01-01"]
    tail = subprocess.Popen(words + options.words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))
    found = {}
    threads = [threading.Thread(target=count, args=(tail.stdout, found)), threading.Thread(target=watch, args=(tail.pid, found))]
    for thread in threads:
        thread.start()
    begin, written = time.monotonic(), 0
    ticks = int(options.seconds / TICK)
    for tick in range(ticks):
        for rank in range(run.ranks):
            written += run.write(rank, time.time(), options.rate * 1e6 * TICK / run.ranks)
        time.sleep(max(0, begin + (tick + 1) * TICK - time.monotonic()))
    end = time.monotonic()
    run.record(0)
    code = tail.wait()
    over = time.monotonic()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    for thread in threads:
        thread.join()
    cpu = usage.ru_utime + usage.ru_stime
    return {"ranks": run.ranks, "mb_per_s": round(written / 1e6 / (end - begin), 1) if ticks else 0, "written": run.lines,
            "shown": found["shown"], "disordered": found["disordered"], "cpu_s": round(cpu, 2), "cpu_share": round(cpu / (over - begin), 2),
            "rss_mb": round(usage.ru_maxrss / 1024, 1), "descriptors": found["descriptors"], "lag_s": round(over - end, 2), "exit": code}


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("llmrun")
parser.add_argument("--ranks", type=int, default=4096)
parser.add_argument("--rate", type=float, default=50, help="MB/s of new lines")
parser.add_argument("--seconds", type=float, default=20)
parser.add_argument("--backlog", type=float, default=0, help="MB that are there before")
ours = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
options = parser.parse_args(ours)
options.words = sys.argv[len(ours) + 2 :]
with tempfile.TemporaryDirectory() as directory:
    print(json.dumps(measure(options, directory)))
