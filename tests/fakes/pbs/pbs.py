#!/usr/bin/env python3
"""qsub, qstat and qdel of a PBS server that is a file: $FAKE_PBS/state.json. What they print is what OpenPBS 23.06 prints, as it was recorded
(tests/data/pbs): texts, exit codes (the error's low byte), ids in full. Reached by links named qsub, qstat, qdel.

$FAKE_PBS/fault holds a word that changes one answer: down (no server), hang (no answer), lost (qsub queues the job and does not answer)."""
import fcntl, json, os, pathlib, re, sys, time

HOME = pathlib.Path(os.environ["FAKE_PBS"])
SERVER = "polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"
LIMITS = {"debug": (1, 2, 300, 3600), "debug-scaling": (1, 10, 300, 3600), "prod": (10, 496, 300, 86400)}  # nodes, seconds


def fail(code, text):
    print(text, file=sys.stderr)
    sys.exit(code)


def fault():
    file = HOME / "fault"
    return file.read_text().strip() if file.exists() else ""


class State:
    def __enter__(self):
        self.lock = open(HOME / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        file = HOME / "state.json"
        self.data = json.loads(file.read_text()) if file.exists() else {"next": 1, "jobs": {}}
        return self.data

    def __exit__(self, *_):
        (HOME / "state.json").write_text(json.dumps(self.data))
        self.lock.close()


def seconds(text):
    parts = [int(part) for part in text.split(":")]
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def directives(script):
    """The #PBS lines before the first command, as [(option, value)]."""
    found = []
    for line in script.splitlines():
        if line.startswith("#PBS "):
            option, _, value = line[5:].partition(" ")
            found.append((option, value.strip()))
        elif line and not line.startswith("#"):
            break
    return found


def qsub(words):
    held = "-h" in words
    script = pathlib.Path(words[-1])
    if not script.exists():
        fail(1, "qsub: script file:: No such file or directory")
    text = script.read_text()
    if "\r" in text:
        fail(1, "qsub: script contains cr, lf")
    resources, fields = {}, {}
    for option, value in directives(text):
        if option == "-l":
            key, _, rest = value.partition("=")
            resources[key] = rest
        elif option in ("-N", "-q", "-A", "-k", "-j", "-r", "-o"):
            fields[option] = value
        else:
            fail(1, f"qsub: directive error: {option}")
    if " " in fields.get("-N", ""):
        fail(2, "qsub: illegal -N value")
    if "-A" not in fields:
        fail(32, "qsub: Account_Name is required to be set.")
    for needed in ("walltime", "filesystems"):
        if needed not in resources:
            fail(32, f"qsub: Resource: {needed} is required to be set.")
    queue = fields.get("-q", "prod")
    if queue not in LIMITS:
        fail(170, "qsub: Unknown queue")
    nodes, walltime = int(resources["select"].partition(":")[0]), seconds(resources["walltime"])
    least, most, shortest, longest = LIMITS[queue]
    if not (least <= nodes <= most and shortest <= walltime <= longest):
        fail(188, "qsub: Job violates queue and/or server resource limits")
    with State() as state:
        id = f"{state['next']}.{SERVER}"
        state["next"] += 1
        state["jobs"][id] = {
            "Job_Name": fields.get("-N", script.name), "job_state": "H" if held else "Q", "queue": queue, "Account_Name": fields["-A"],
            "Hold_Types": "u" if held else "n", "substate": 20 if held else 10, "ctime": time.strftime("%a %b %d %H:%M:%S %Y"),
            "Resource_List": resources, "Variable_List": {"PBS_O_WORKDIR": os.environ.get("PWD", os.getcwd())},
            "comment": "Not Running: Not enough free nodes available"}
    if fault() == "lost":
        time.sleep(3600)
    print(id)


def known(state, id):
    return next((full for full in state["jobs"] if full == id or full.split(".")[0] == id), None)


def qstat(words):
    ids = [word for word in words if re.match(r"\d", word)]
    ended = "-x" in words
    with State() as state:
        missing = [id for id in ids if not known(state, id)]
        chosen = [known(state, id) for id in ids if known(state, id)] if ids else list(state["jobs"])
        jobs = {id: state["jobs"][id] for id in chosen if ended or state["jobs"][id]["job_state"] != "F"}
    envelope = {"timestamp": int(time.time()), "pbs_version": "23.06.06", "pbs_server": SERVER}
    print(json.dumps(envelope | ({"Jobs": jobs} if jobs else {}), indent="\t"))
    if missing:
        fail(153, "\n".join(f"qstat: Unknown Job Id {id}" for id in missing))


def qdel(words):
    with State() as state:
        for id in words:
            full = known(state, id)
            if not full:
                fail(153, f"qdel: Unknown Job Id {id}")
            job = state["jobs"][full]
            if job["job_state"] == "F":
                fail(35, f"qdel: Job has finished {full}")
            job.update(job_state="F", substate=91, comment=job["comment"] + " and terminated")


name = pathlib.Path(sys.argv[0]).name
if fault() == "down":
    fail(255 if name == "qstat" else 162, f"{name}: cannot connect to server {SERVER} (errno=15010)")
if fault() == "hang":
    time.sleep(3600)
{"qsub": qsub, "qstat": qstat, "qdel": qdel}[name](sys.argv[1:])
