#!/usr/bin/env python3
"""Makes the calls of one scenario of tests/data/pbs/calls.json against the fake and prints where it answers otherwise than the recorded
server did: nothing where all is alike. Ids, times, nodes and the home directory are those of the day; the rest must be equal.

  replay.py list | replay.py SCENARIO"""
import fcntl, json, os, pathlib, re, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = json.loads((HERE.parents[1] / "data/pbs/calls.json").read_text())["scenarios"]
PATIENCE_S = 60  # for a state that a job reaches by itself


class Replay:
    def __init__(self, scenario, home):
        self.home, self.ids, self.scenario = home, {}, scenario
        self.fake = home / "pbs"
        self.fake.mkdir()
        for name, text in scenario.get("files", {}).items():
            (home / name).write_bytes(text.encode())
        for name, text in scenario.get("settings", {}).items():
            (self.fake / name).write_text(text)

    def ours(self, text):
        """A recorded text with our ids in place of its own."""
        for theirs, mine in self.ids.items():
            text = re.sub(rf"(?<![\d.\[]){theirs}(?=[.\[@ ]|$)", f"\0{mine}", text)
        return text.replace("\0", "").replace("/home/hpcuser", str(self.home))

    def run(self, call):
        environment = {"PATH": f"{HERE}:/usr/bin:/bin", "FAKE_PBS": str(self.fake), "HOME": str(self.home), "PWD": str(self.home),
                       "USER": call.get("user", "hpcuser")}
        return subprocess.run([self.ours(word) for word in call["argv"]], input=call.get("stdin", ""), capture_output=True, text=True,
                              cwd=self.home, env=environment)

    def difference(self, call):
        got = self.run(call)
        if call["argv"][0] == "qsub" and got.returncode == 0 == call["exit_code"]:
            self.ids[call["stdout"].split(".")[0].rstrip("[]")] = got.stdout.split(".")[0].rstrip("[]")
        wanted = (call["exit_code"], self.plain(call["stdout"], True), self.plain(call["stderr"], True))
        had = (got.returncode, self.plain(self.shape(call, got.stdout), False), self.plain(got.stderr, False))
        return [f"  {what}: recorded {a!r}\n  {what}: fake     {b!r}"
                for what, a, b in zip(("exit", "stdout", "stderr"), wanted, had) if a != b]

    def shape(self, call, text):
        """Of a JSON answer the attributes that the recording kept."""
        if not isinstance(call["stdout"], dict):
            return text
        jobs = json.loads(text).get("Jobs", {})
        kept = {self.ours(id): set(job) for id, job in call["stdout"].items()}
        everything = set().union(*kept.values()) | {"Exit_status", "depend", "array_id"} if kept else set()
        return {id: {key: value for key, value in job.items() if key in everything} for id, job in jobs.items()}

    def shut_down(self):
        """Jobs that still run end, and write nothing more."""
        with open(self.fake / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (self.fake / "state.json").unlink(missing_ok=True)

    def plain(self, value, recorded):
        if isinstance(value, dict):
            return {self.ours(key) if recorded else key: self.plain(inner, recorded) for key, inner in sorted(value.items())}
        if not isinstance(value, str):
            return value
        text = self.ours(value) if recorded else value
        text = re.sub(r"x3001c0s\db\dn0(?!,)", "NODE", text)
        text = re.sub(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} [ \d]\d( at)? [\d:]+( \d{4})?", "DATE", text)
        return text


def replay(name):
    with tempfile.TemporaryDirectory() as home:
        run = Replay(SCENARIOS[name], pathlib.Path(home))
        for call in run.scenario["calls"]:
            until = time.monotonic() + (PATIENCE_S if call.get("await") else 0)
            while (wrong := run.difference(call)) and time.monotonic() < until:
                time.sleep(0.1)
            if wrong:
                print(f"{call['name']}: {' '.join(call['argv'])}", *wrong, sep="\n")
        run.shut_down()


if sys.argv[1] == "list":
    print(*SCENARIOS, sep="\n")
else:
    replay(sys.argv[1])
