"""The server's jobs, in $FAKE_PBS/state.json under a lock, and what happens to them by themselves: routing, dependencies, starts, ends.
A job holds the attributes that qstat shows; keys with a leading underscore are the server's own."""
import fcntl, json, os, re, signal, subprocess, sys, time

import cluster


class State:
    """with State() as state: the jobs as they are now, by id; what is changed is kept. `new`: whether a server may be begun."""

    def __init__(self, new=True):
        self.new = new

    def __enter__(self):
        self.lock = open(cluster.HOME / "lock", "w" if self.new else "r+")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        file = cluster.HOME / "state.json"
        if not self.new and not file.exists():  # asked under the lock: a server that was shut down stays so, its folder empties
            raise FileNotFoundError("the server is gone")
        self.data = json.loads(file.read_text()) if file.exists() else {"next": 1, "jobs": {}}
        self.jobs = self.data["jobs"]
        advance(self)
        return self

    def __exit__(self, *_):
        file = cluster.HOME / "state.json"
        file.with_suffix(".new").write_text(json.dumps(self.data))
        file.with_suffix(".new").rename(file)
        self.lock.close()

    def find(self, word):
        """The full id that a word means: 27, 27.server, 94[], 94[2]."""
        return next((id for id in self.jobs if id == word or id.split(".")[0] == word), None)

    def members(self, parent):
        return {id: job for id, job in self.jobs.items() if job.get("array_id") == parent}


def full(word):
    return word if "." in word else f"{word}.{cluster.SERVER}"


def ended(job):
    return job["job_state"] in "FX"


def running(job):
    return job["job_state"] == "R"


def queue_row(name):
    row = cluster.recorded("qstat_Qf.json")["Queue"].get(name)
    return row if row is None else row | queue_changes().get(name, {})


def queue_changes():
    """$FAKE_PBS/queues.json changes rows of the recorded queues: {"debug": {"started": "False"}}."""
    return json.loads(cluster.setting("queues.json", "{}"))


def limit(row, key):
    """5 of "[u:PBS_GENERIC=5]"."""
    found = re.search(r"=(\d+)\]", row.get(key, ""))
    return int(found.group(1)) if found else None


def fits(row, job):
    wanted = job["Resource_List"]
    for bound, worse in (("resources_min", lambda a, b: a < b), ("resources_max", lambda a, b: a > b)):
        for key, value in row.get(bound, {}).items():
            asked = wanted.get(key)
            if asked is not None and worse(cluster.seconds(asked), cluster.seconds(value)):
                return False
    return True


def touch(job, **changes):
    job.update(changes, mtime=cluster.date())


def finish(job, state="F", **changes):
    touch(job, job_state=state, history_timestamp=int(time.time()), **changes)


# ---- by themselves


def advance(state):
    for id in list(state.jobs):
        route(state, id)
    for _ in range(len(state.jobs)):  # a grandchild ends after its parent
        if not any([release(state, id, job) for id, job in list(state.jobs.items())]):
            break
    for job in state.jobs.values():
        if job["job_state"] == "W" and job["_at"] <= time.time():
            touch(job, job_state="Q", substate=10, etime=cluster.date())
    for id, job in sorted(state.jobs.items(), key=lambda item: int(re.match(r"\d+", item[0]).group())):
        if job["job_state"] in "QB" and "array_id" not in job:
            consider(state, id, job)


def route(state, id):
    """A routing queue gives a job to its first destination that takes it; where none does the job is gone, history and all."""
    job = state.jobs[id]
    row = queue_row(job["queue"])
    if row is None or row["queue_type"] != "Route" or job["job_state"] not in "QH":
        return
    for name in row["route_destinations"].split(","):
        if fits(queue_row(name), job):
            touch(job, queue=name)
            return
    del state.jobs[id]


def release(state, id, job):
    """Whether a held job's dependencies let it go, or can never be met."""
    if job["job_state"] != "H" or "s" not in job["Hold_Types"] or "depend" not in job:
        return False
    if any(deletes(parent, id) for parent in state.jobs.values()):
        finish(job, substate=92)
        return True
    waits = False
    for kind, *parents in (group.split(":") for group in job["depend"].split(",")):
        if kind == "on":
            waits = True
            continue
        if kind.startswith("before"):
            continue
        for word in parents:
            parent = state.jobs.get(word.split("@")[0])
            met = verdict(kind, parent)
            if met is False:
                finish(job, substate=92)
                return True
            waits = waits or met is None
    if waits:
        return False
    left = [group for group in job["depend"].split(",") if not group.startswith("after")]
    del job["depend"]  # what was met is no longer shown
    touch(job, job_state="Q", substate=10, Hold_Types="n", etime=cluster.date(), **({"depend": ",".join(left)} if left else {}))
    return True


def deletes(parent, id):
    """Whether a job that has ended takes this one with it, by what it shows of it, whatever qalter said to the other one since."""
    for kind, *children in (group.split(":") for group in parent.get("depend", "").split(",") if group.startswith("before")):
        if ended(parent) and any(child.split("@")[0] == id for child in children) and verdict("after" + kind[6:], parent) is False:
            return True
    return False


def verdict(kind, parent):
    """True: met; False: cannot be met any more; None: not yet."""
    if parent is None:
        return False
    if kind == "after":
        return True if "stime" in parent else (False if ended(parent) else None)
    if not ended(parent):
        return None
    if kind == "afterany":
        return True
    well = parent.get("Exit_status") == 0
    return well if kind == "afterok" else not well


def chunks(select):
    """[(how many, {resource: value})] of "1:ncpus=4+2:ngpus=1"."""
    found = []
    for part in str(select).split("+"):
        count, *pairs = part.split(":")
        found.append((int(count), cluster.CHUNK | dict(pair.split("=", 1) for pair in pairs)))
    return found


def place(job, taken):
    """A host for each chunk, [(host, {ncpus, ngpus})], or the scheduler's words on why there is none."""
    names = cluster.nodes()
    scatter = "scatter" in job["Resource_List"].get("place", "free")
    wanted = [chunk for count, chunk in chunks(job["Resource_List"]["select"]) for _ in range(count)]
    for chunk in wanted:
        for key in ("system", "gputype"):
            if key in chunk and chunk[key] != cluster.NODE[key]:
                return f"Can Never Run: Insufficient amount of resource: {key} ({chunk[key]} != {cluster.NODE[key]})"
    if scatter and len(wanted) > len(names):
        return "Can Never Run: Not enough total nodes available"
    total, asked = len(names) * cluster.CHUNK["ncpus"], sum(int(chunk["ncpus"]) for chunk in wanted)
    if asked > total:
        return f"Can Never Run: Insufficient amount of resource: ncpus (R: {asked} A: {total} T: {total})"
    if not cluster.jobs_run():
        return cluster.WAITS
    free = {name: {key: value - taken.get(name, {}).get(key, 0) for key, value in cluster.CHUNK.items()} for name in names}
    hosts = []
    for chunk in wanted:
        need = {key: int(chunk[key]) for key in cluster.CHUNK}
        host = next((name for name in names if all(free[name][key] >= need[key] for key in need) and not (scatter and name in dict(hosts))),
                    None)
        if host is None:
            return cluster.WAITS
        for key in need:
            free[host][key] -= need[key]
        hosts.append((host, need))
    return hosts


def in_use(state):
    taken = {}
    for job in state.jobs.values():
        if job["job_state"] in "RE":
            for host, need in job.get("_hosts", []):
                used = taken.setdefault(host, {})
                for key, value in need.items():
                    used[key] = used.get(key, 0) + value
    return taken


def consider(state, id, job):
    """The scheduler's look at one waiting job."""
    row = queue_row(job["queue"])
    if cluster.setting("scheduling") == "off" or job.get("_keep_comment"):
        return
    if row["started"] == "False":
        return touch(job, comment="Not Running: Queue not started.") if job.get("comment") != "Not Running: Queue not started." else None
    most = limit(row, "max_run") if row.get("max_run", "").startswith("[u:") else None
    same = [other for other in state.jobs.values() if running(other) and other["queue"] == job["queue"]]
    if most is not None and len(same) >= most:
        return touch(job, comment=f"Not Running: User has reached queue {job['queue']} running job limit.")
    if job.get("array"):
        return consider_array(state, id, job)
    found = place(job, in_use(state))
    if isinstance(found, str):
        if job.get("comment") != found:
            touch(job, comment=found)
    else:
        start(id, job, found)


def consider_array(state, id, parent):
    members = state.members(id)
    for member_id, member in members.items():
        active = sum(running(other) for other in members.values())
        if member["job_state"] == "Q" and active < parent.get("max_run_subjobs", len(members)):
            found = place(member, in_use(state))
            if isinstance(found, str):
                if parent["job_state"] == "Q":
                    touch(parent, comment=found)
                return count_members(parent, members)
            if parent["job_state"] == "Q":
                touch(parent, job_state="B", substate=70, stime=cluster.date(), comment=f"Job Array Began at {cluster.minute()}")
            start(member_id, member, found)
    count_members(parent, members)


def count_members(parent, members):
    states = [member["job_state"] for member in members.values()]
    left = [member["array_index"] for member in members.values() if member["job_state"] == "Q"]
    parent["array_state_count"] = (f"Queued:{states.count('Q')} Running:{states.count('R')} Exiting:{states.count('E')} "
                                   f"Expired:{states.count('X')}")
    parent["array_indices_remaining"] = ranges(left)
    if parent["job_state"] == "B" and all(ended(member) for member in members.values()):
        worst = 1 if any(member.get("Exit_status", 1) for member in members.values()) else 0
        end_array(parent, members, Exit_status=worst, substate=93 if worst else 92,
                  comment=parent["comment"] + (" and failed" if worst else " and finished"))


def end_array(parent, members, **changes):
    for member in members.values():
        if ended(member):
            member["job_state"] = "F"
    expired = sum(member["job_state"] == "X" for member in members.values())
    finish(parent, obittime=cluster.date(), array_indices_remaining="-",
           array_state_count=f"Queued:0 Running:0 Exiting:0 Expired:{expired}", **changes)


def ranges(indices):
    """ "2-5" of [2, 3, 4, 5], "-" of none."""
    runs = []
    for index in indices:
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) or "-"


# ---- starts and ends


def start(id, job, hosts, really=True):
    vnodes = "+".join(f"({host}:ncpus={need['ncpus']}:ngpus={need['ngpus']})" for host, need in hosts)
    touch(job, job_state="R", substate=42, stime=cluster.date(), _hosts=hosts, run_count=job.get("run_count", 0) + 1,
          jobdir=job["Variable_List"].get("PBS_O_HOME", "/"), exec_vnode=vnodes,
          exec_host="+".join(f"{host}/0*{need['ncpus']}" for host, need in hosts),
          comment=f"Job run at {cluster.minute()} on {vnodes}")
    job["_started"] = time.time()
    if really:
        subprocess.Popen([sys.executable, str(cluster.HERE / "runner.py"), id], start_new_session=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end(state, job, status, reason=""):
    """A job that ran ends: `reason` is "", "walltime" or "deleted"."""
    said = job.get("comment", "")
    if reason == "walltime":
        said += " and exceeded resource walltime"
    elif reason == "deleted":
        said += "" if "and terminated" in said else f" and terminated by {cluster.user()}@{cluster.LOGIN}"
    else:
        said += " and failed" if status else " and finished"
    used = int(time.time() - job.get("_started", time.time()))
    substate = 91 if reason == "deleted" else 93 if status else 92
    finish(job, last_state(state, job), substate=substate, Exit_status=status, comment=said, obittime=cluster.date(), Stageout_status=1,
           resources_used={"cpupercent": 0, "cput": "00:00:00", "mem": "0kb", "ncpus": job["Resource_List"]["ncpus"], "vmem": "0kb",
                           "walltime": cluster.clock(used)})


def last_state(state, job):
    """A member of an array that goes on is X, expired."""
    parent = state.jobs.get(job.get("array_id"))
    return "X" if parent and not ended(parent) else "F"


def signal_session(session, number):
    """A signal goes to every process of the job's session, as pbs_mom sends it; whether there was one."""
    found = False
    if not session:
        return found
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/stat") as stat:
                if int(stat.read().rpartition(")")[2].split()[3]) == session:
                    os.kill(int(process), number)
                    found = True
        except OSError:
            pass  # it ended meanwhile
    return found


def delete(state, id):
    """qdel: a running job gets TERM, and KILL from its runner; another ends at once, without an exit status."""
    job = state.jobs[id]
    if job.get("array"):
        members = state.members(id)
        for member_id, member in members.items():
            if not ended(member):
                delete(state, member_id)
        end_array(job, members, substate=91, Exit_status=1, comment=job.get("comment", "") + " and terminated")
    elif running(job):
        touch(job, comment=job["comment"] + f" and terminated by {cluster.user()}@{cluster.LOGIN}", _deleted=True)
        if cluster.jobs_run():
            signal_session(job.get("session_id"), signal.SIGTERM)
        else:
            end(state, job, 271, "deleted")
    else:
        said = {"comment": job["comment"] + " and terminated"} if job.get("comment") else {}
        finish(job, last_state(state, job), substate=91, **said)
