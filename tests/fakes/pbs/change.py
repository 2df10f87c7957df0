"""qdel, qhold, qrls, qalter, qsig, qmove and qrerun: what changes a job that is queued."""
import re, signal

import cluster, state, submit
from cluster import fail


def each(program, server, words, act):
    """Does `act` to each job; a complaint about one does not stop the others, and the last one gives the exit code."""
    complaints, code = [], 0
    for word in words:
        for id in expanded(server, word):
            job = server.jobs.get(id)
            if job is None:
                told = (153, f"{program}: Unknown Job Id {state.full(word)}")
            elif not job["Job_Owner"].startswith(cluster.user() + "@"):
                told = (159, f"{program}: Unauthorized Request  {id}")
            else:
                told = act(id, job)
            if told:
                code = told[0]
                complaints.append(told[1])
    return code, complaints


def expanded(server, word):
    """The ids that a word names: "95[3-4]" is two members."""
    span = re.match(r"(\d+)\[(\d+)-(\d+)\]", word)
    if span:
        return [server.find(f"{span[1]}[{index}]") for index in range(int(span[2]), int(span[3]) + 1)]
    return [server.find(word)]


def ended(program, job, id=""):
    return (35, f"{program}: Job has finished {id}".rstrip()) if state.ended(job) else None


def report(result):
    code, complaints = result
    if complaints:
        fail(code, "\n".join(complaints))


def qdel(words):
    if not words:
        fail(2, "usage:\n\tqdel [-W force|suppress_email=X] [-x] job_identifier...\n\tqdel --version")
    history = "-x" in words
    ids = [word for at, word in enumerate(words) if not word.startswith("-") and (at == 0 or words[at - 1] != "-W")]
    with state.State() as server:
        def act(id, job):
            if state.ended(job) and not history:
                return ended("qdel", job, id)
            if not state.ended(job):
                state.delete(server, id)
            if history:
                del server.jobs[id]
        result = each("qdel", server, ids, act)
        state.advance(server)
    report(result)


def qhold(words):
    with state.State() as server:
        def act(id, job):
            if state.ended(job):
                return ended("qhold", job, id)
            state.touch(job, Hold_Types="u", comment=f"Job held by {cluster.user()} on {cluster.date()}")
            if not state.running(job):
                state.touch(job, job_state="H", substate=20)
        result = each("qhold", server, words, act)
    report(result)


def qrls(words):
    with state.State() as server:
        def act(id, job):
            if state.ended(job):
                return ended("qrls", job, id)
            if job["job_state"] == "H" and "s" in job["Hold_Types"] and "depend" in job:
                state.touch(job, Hold_Types="s", substate=22)
            else:
                state.touch(job, Hold_Types="n")
                if job["job_state"] == "H":
                    state.touch(job, job_state="Q", substate=10, etime=cluster.date())
        result = each("qrls", server, words, act)
        state.advance(server)
    report(result)


def qalter(words):
    given, ids = submit.options(words)
    fields, resources, others = submit.merged(given or [])
    submit.check_resources(resources, "qalter")
    with state.State() as server:
        def act(id, job):
            if state.ended(job):
                return ended("qalter", job)
            if state.running(job):
                if "select" in resources:
                    return 167, f"qalter: Cannot modify attribute while job running  Resource_List.select {id}"
                if cluster.seconds(resources.get("walltime", "0")) > cluster.seconds(job["Resource_List"]["walltime"]):
                    return 159, f"qalter: Unauthorized Request  {id}"
            asked = {"select": job["Resource_List"]["select"], "filesystems": job["Resource_List"]["filesystems"],
                     "place": job["Resource_List"]["place"], "walltime": job["Resource_List"]["walltime"]} | resources
            changed = submit.resource_list({key: str(value) for key, value in asked.items()})
            if not state.fits(state.queue_row(job["queue"]), {"Resource_List": changed}):
                return 188, f"qalter: Job violates queue and/or server resource limits {id}"
            state.touch(job, Resource_List=changed, Job_Name=fields.get("N", job["Job_Name"]))
            if "depend" in others:
                submit.check_depend(others, "qalter", id)
                new = submit.depend_of(others)  # a list of a kind replaces that of the same kind; the old parents are told nothing
                kinds = [group.split(":")[0] for group in new.split(",")]
                kept = [group for group in job.get("depend", "").split(",") if group and group.split(":")[0] not in kinds]
                state.touch(job, depend=",".join([new] + kept), job_state="H", Hold_Types="s", substate=22)
                submit.link_to_parents(server.jobs, id, job)
        result = each("qalter", server, ids, act)
        state.advance(server)
    report(result)


def qsig(words):
    name = words[1].removeprefix("SIG") if words[:1] == ["-s"] else "TERM"
    ids = words[2:] if words[:1] == ["-s"] else words
    with state.State() as server:
        def act(id, job):
            if state.ended(job):
                return ended("qsig", job)
            if not state.running(job):
                return 168, f"qsig: Request invalid for state of job {id}"
            if not name.isdigit() and not hasattr(signal, "SIG" + name):
                return 165, f"qsig: Unknown/illegal signal name {id}"
            state.signal_session(job.get("session_id"), int(name) if name.isdigit() else getattr(signal, "SIG" + name))
        result = each("qsig", server, ids, act)
    report(result)


def qmove(words):
    queue, *ids = words
    with state.State() as server:
        def act(id, job):
            if state.running(job):
                return 168, f"qmove: Request invalid for state of job {id}"
            row = state.queue_row(queue)
            if row is None:
                return 170, f"qmove: Unknown queue {id}"
            if not state.fits(row, job):
                return 188, f"qmove: Job violates queue and/or server resource limits {id}"
            state.touch(job, queue=queue)
        result = each("qmove", server, ids, act)
        state.advance(server)
    report(result)


def qrerun(words):
    with state.State() as server:
        result = each("qrerun", server, words, lambda id, job: (159, f"qrerun: Unauthorized Request  {id}"))
    report(result)
