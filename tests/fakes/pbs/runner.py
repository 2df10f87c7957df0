#!/usr/bin/env python3
"""pbs_mom for one job: runs its script in a session of its own, with the environment and the node file that PBS gives, kills it at its
walltime or when it was deleted, and tells the server how it ended. It ends with everything it started when $FAKE_PBS goes away."""
import os, pathlib, signal, subprocess, sys, time

sys.dont_write_bytecode = True
import cluster, state

POLL_S = 0.05
FAILED_STARTS = 21  # after which PBS holds a job whose output directory is missing


def environment(id, job):
    name = job["Variable_List"]
    first = state.chunks(job["Resource_List"]["select"])[0][1]
    scratch = cluster.HOME / f"tmp/pbs.{id}"
    scratch.mkdir(parents=True, exist_ok=True)
    variables = {"HOME": name["PBS_O_HOME"], "LOGNAME": name["PBS_O_LOGNAME"], "USER": name["PBS_O_LOGNAME"], "SHELL": "/bin/bash",
                 "PATH": f"{cluster.HERE}:/usr/local/bin:/usr/bin:/bin", "ENVIRONMENT": "BATCH", "FAKE_PBS": str(cluster.HOME),
                 "NCPUS": str(first["ncpus"]), "OMP_NUM_THREADS": str(first.get("ompthreads", first["ncpus"])), "TMPDIR": str(scratch),
                 "PBS_ACCOUNT": job["Account_Name"], "PBS_ENVIRONMENT": "PBS_BATCH", "PBS_JOBID": id, "PBS_JOBNAME": job["Job_Name"],
                 "PBS_JOBDIR": name["PBS_O_HOME"], "PBS_QUEUE": job["queue"], "PBS_NODENUM": "0", "PBS_TASKNUM": "1",
                 "PBS_MOMPORT": "15003",
                 "PBS_NODEFILE": str(cluster.HOME / "aux" / id), **{key: str(value) for key, value in name.items()}}
    if "array_index" in job:
        variables.update(PBS_ARRAY_INDEX=str(job["array_index"]), PBS_ARRAY_ID=job["array_id"])
    for pair in filter(None, job["_variables"].split(",")):
        key, _, value = pair.partition("=")
        variables[key] = value
    return variables


def write_node_file(id, job):
    """A line a chunk, or a line for each of its mpiprocs, with the whole name where it is a node of the cluster."""
    lines, at = [], 0
    for count, chunk in state.chunks(job["Resource_List"]["select"]):
        for _ in range(count):
            host = job["_hosts"][at][0]
            lines += [host if host not in cluster.FOUR_NODES else f"{host}.{cluster.DOMAIN}"] * int(chunk.get("mpiprocs", 1))
            at += 1
    (cluster.HOME / "aux").mkdir(exist_ok=True)
    (cluster.HOME / "aux" / id).write_text("\n".join(lines) + "\n")


def output_file(id, job, key, suffix):
    path = job[key].partition(":")[2]
    return pathlib.Path(path, f"{id}.{suffix}") if path.endswith("/") else pathlib.Path(path)


def session_leader(job):
    """A login shell that starts the script, or the program of `qsub -- program` itself."""
    if job["_command"]:
        return job["_command"]
    profile = cluster.HOME / "profile"  # as /etc/profile of a compute node
    shell = job["_shell"] or "/bin/bash"
    return ["/bin/bash", "--noprofile", "--norc", "-c", '[ ! -r "$1" ] || . "$1"; "$2" "$3"; exit $?', "-bash", str(profile), shell,
            job["_script"]]


def missing_output(id, job):
    return "d" in job["Keep_Files"] and not output_file(id, job, "Output_Path", "OU").parent.is_dir()


def run(id, job):
    """The process that leads the job's session."""
    write_node_file(id, job)
    out = open(output_file(id, job, "Output_Path", "OU"), "ab")
    err = out if job["Join_Path"] == "oe" else open(output_file(id, job, "Error_Path", "ER"), "ab")
    try:
        return subprocess.Popen(session_leader(job), cwd=job["jobdir"], env=environment(id, job), stdin=subprocess.DEVNULL, stdout=out,
                                stderr=err, start_new_session=True, umask=0o077), out
    except OSError as wrong:
        err.write(f"pbs_mom, exec of {job['_command'][0]} failed with error: {wrong.strerror}\n".encode())
        return None, out


def asked_to_end(id):
    """"gone": the server's folder was removed, as at the end of a test; "deleted": by qdel."""
    try:
        with state.State(new=False) as server:
            return "deleted" if server.jobs[id].get("_deleted") else ""
    except (OSError, KeyError):
        return "gone"


def wait(id, job, process, out):
    """Until the session leader has ended: its status as PBS tells it, why, and when what is left of the session is killed."""
    limit, began, reason, killed_at = cluster.seconds(job["Resource_List"]["walltime"]), time.monotonic(), "", None
    kill_delay = float(cluster.setting("kill_delay", "10"))
    looked = 0.0
    while process.poll() is None:
        time.sleep(POLL_S)
        now = time.monotonic()
        if not reason and now - looked > 0.25:
            looked = now
            reason = asked_to_end(id)  # qdel itself has sent TERM
        if not reason and now - began > limit:
            reason = "walltime"
            out.write(f"=>> PBS: job killed: walltime {int(now - began)} exceeded limit {limit}\n".encode())
            out.flush()
            state.signal_session(process.pid, signal.SIGTERM)
        if reason and killed_at is None:
            killed_at = now + (0 if reason == "gone" else kill_delay)
        if killed_at is not None and now >= killed_at:
            state.signal_session(process.pid, signal.SIGKILL)
    if not reason:
        reason = asked_to_end(id)
        killed_at = time.monotonic() + (kill_delay if reason == "deleted" else 0)
    code = process.returncode
    return -29 if reason == "walltime" else 256 - code if code < 0 else code, reason, killed_at


def kill_the_rest(session, at):
    """The login shell has no trap: it dies of TERM, and the job has ended, while the script and its children go on until KILL."""
    while time.monotonic() < at and cluster.HOME.exists() and state.signal_session(session, 0):
        time.sleep(POLL_S)
    state.signal_session(session, signal.SIGKILL)


def main(id):
    with state.State(new=False) as server:
        job = server.jobs[id]
        if missing_output(id, job):
            job.pop("_hosts")
            state.touch(job, job_state="H", Hold_Types="s", substate=20, Exit_status=-3, run_count=FAILED_STARTS, obittime=cluster.date(),
                        comment="job held, too many failed attempts to run")
            return
        process, out = run(id, job)
        job["session_id"] = process.pid if process else 0
    status, reason, killed_at = wait(id, job, process, out) if process else (254, "", 0)
    if reason != "gone":
        with state.State(new=False) as server:
            state.end(server, server.jobs[id], status, reason)
            state.advance(server)
    if process:
        kill_the_rest(process.pid, killed_at)


if __name__ == "__main__":
    main(sys.argv[1])
