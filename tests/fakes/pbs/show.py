"""qstat, qselect and pbsnodes: what the server tells."""
import json, re, sys, time

import cluster, state
from cluster import fail

WIDTH = {"id": 16, "name": 16}


def envelope(**more):
    return {"timestamp": int(time.time()), "pbs_version": cluster.VERSION, "pbs_server": cluster.SERVER, **more}


def dump(document):
    return json.dumps(document, indent="\t", ensure_ascii=False) + "\n"


def shown(job):
    return {key: value for key, value in job.items() if not key.startswith("_")}


def clipped(text, width):
    return text if len(text) <= width else text[:width - 1] + "*"


def row(id, job):
    number, server = id.split(".")[:2]
    short = clipped(f"{number}.{server}", 17) if "[" in number else f"{number}.{server}"
    used = job.get("resources_used", {}).get("walltime") and "00:00:00" or ("00:00:00" if job["job_state"] == "R" else "0")
    owner = job["Job_Owner"].split("@")[0]
    return f"{short:<17} {clipped(job['Job_Name'], 16):<16} {owner:<16} {used:>9} {job['job_state']} {job['queue']:<16}\n"


HEAD = ("Job id            Name             User              Time Use S Queue\n"
        "----------------  ---------------- ----------------  -------- - -----\n")


def chosen(server, ids, history, members, at_once):
    """(jobs by id, complaints, exit code) for the ids that were named, or for all. `at_once` is -E, which leaves out what nobody knows."""
    jobs, complaints, code = {}, [], 0
    for word in ids or [id for id, job in server.jobs.items() if "array_id" not in job]:
        id = server.find(word)
        if id is None:
            complaints.append(f"qstat: Unknown Job Id {state.full(word)}")
            code = 153
        elif state.ended(server.jobs[id]) and not history:
            if ids:
                complaints.append(f"qstat: {id} Job has finished, use -x or -H to obtain historical job information")
                code = 35
        else:
            jobs[id] = server.jobs[id]
            if members:
                jobs.update(server.members(id))
    if at_once and jobs:
        return jobs, [], 0
    return jobs, complaints[:1] if at_once else complaints, code


def qstat(words):
    letters = "".join(word[1:] for word in words if word.startswith("-") and not word.startswith("-F"))
    ids, skip = [], False
    owner = None
    for at, word in enumerate(words):
        if skip:
            skip = False
        elif word in ("-F", "-u"):
            skip = True
            owner = words[at + 1] if word == "-u" else owner
        elif not word.startswith("-"):
            ids.append(word)
    as_json = "json" in words
    if "Q" in letters:
        return queues(ids)
    if "B" in letters:
        return print(dump(cluster.recorded("qstat_Bf.json")), end="")
    for word in ids:
        if not word[0].isdigit():
            fail(170, f"qstat: Unknown queue destination {word}")
    with state.State() as server:
        jobs, complaints, code = chosen(server, ids, "x" in letters, "t" in letters, "E" in letters)
        if owner:
            jobs = {id: job for id, job in jobs.items() if job["Job_Owner"].startswith(owner + "@")}
        if as_json:
            # Without -E each id is a request of its own, and the JSON holds what the first one brought.
            first = jobs if "E" in letters else chosen(server, ids[:1], "x" in letters, "t" in letters, False)[0]
            listed = {id: shown(job) for id, job in jobs.items() if id in first}
            text = dump(envelope(**({"Jobs": listed} if listed else {})))
        else:
            text = (HEAD if jobs else "") + "".join(row(id, job) for id, job in jobs.items())
    write(text)
    if complaints:
        fail(code, "\n".join(complaints))


def write(text):
    """The answer, unless it was told to come damaged."""
    word, _ = cluster.fault("qstat")
    if word == "partial":
        text = text[:len(text) * 2 // 3]
    if word == "escapes":  # as servers before 23.06 wrote what a user's environment held
        text = text.replace('"Job_Name": "', '"Job_Name": "\\x41\\u\x01 ')
    sys.stdout.write(text)
    sys.stdout.flush()
    if word == "partial-hang":
        time.sleep(3600)


def queues(names):
    listed = {name: state.queue_row(name) for name in cluster.recorded("qstat_Qf.json")["Queue"]}
    for name in names:
        if name not in listed:
            fail(170, f"qstat: Unknown queue {name}")
    print(dump(envelope(Queue={name: listed[name] for name in names or listed})), end="")


def qselect(words):
    wanted = dict(zip(words[::2], words[1::2]))
    with state.State() as server:
        for id, job in server.jobs.items():
            if "array_id" not in job and not state.ended(job) and job["Job_Owner"].startswith(wanted.get("-u", "")) \
                    and job["job_state"] in wanted.get("-s", job["job_state"]) and wanted.get("-N", job["Job_Name"]) == job["Job_Name"]:
                print(id)


def pbsnodes(words):
    named = [word for word in words if not word.startswith("-") and word != "json"]
    for name in named:
        if name not in cluster.nodes():
            fail(1, f"Node: {name},  Error: Unknown node ")
    with state.State() as server:
        taken = state.in_use(server)
    down = cluster.setting("down").split()
    if "-l" in words:
        print("".join(f"{name:<20} down node down: communication closed\n" for name in down), end="")
        return
    nodes = {}
    for name in named or cluster.nodes():
        busy = name in taken or not cluster.jobs_run()
        state_word = "down" if name in down else "job-busy" if busy else "free"
        nodes[name] = {"Mom": f"{name}.{cluster.DOMAIN}", "ntype": "PBS", "state": state_word, "pcpus": 64,
                       "resources_available": {"arch": "linux", "host": name, "vnode": name, **cluster.NODE, **cluster.CHUNK},
                       "resources_assigned": taken.get(name, {}), "resv_enable": "True", "sharing": "default_shared"}
    print(dump(envelope(nodes=nodes)), end="")
