"""qsub: its options and directives, what its client refuses, what the server refuses, and a job in the list."""
import getopt, os, pathlib, re, sys, time

import cluster, state
from cluster import fail

OPTIONS = "a:A:c:C:e:fhIj:J:k:l:m:M:N:o:p:P:q:r:R:S:u:v:VW:Xz"
USAGE = """usage: qsub [-a date_time] [-A account_string] [-c interval]
	[-C directive_prefix] [-e path] [-f ] [-h ] [-I [-X]] [-j oe|eo] [-J X-Y[:Z]]
	[-k keep] [-l resource_list] [-m mail_options] [-M user_list]
	[-N jobname] [-o path] [-p priority] [-P project] [-q queue] [-r y|n]
	[-R o|e|oe] [-S path] [-u user_list] [-W otherattributes=value...]
	[-v variable_list] [-V ] [-z] [script | -- command [arg1 ...]]
       qsub --version
"""
RESOURCES = ("select", "place", "walltime", "filesystems", "ncpus", "ngpus", "nodes", "mem", "system", "singularity_fakeroot", "mig_config")
CHUNK_RESOURCES = ("ncpus", "ngpus", "mpiprocs", "ompthreads", "mem", "system", "gputype", "host", "vnode", "tier0", "tier1")
DEPENDENCIES = ("after", "afterok", "afternotok", "afterany", "before", "beforeok", "beforenotok", "beforeany", "on")
WORDS = {"j": ("oe", "eo", "n"), "k": re.compile(r"(d?o?e?|d?e?o?|n)$"), "m": re.compile(r"[abejn]+$"), "r": ("y", "n")}


def options(words):
    """[(letter, value)] and what follows them, or the letter that qsub does not know."""
    try:
        found, rest = getopt.getopt(words, OPTIONS)
    except getopt.GetoptError as wrong:
        return None, wrong.opt
    return [(letter[1:], value) for letter, value in found], rest


def split_directive(line):
    """A directive's words: quotes hold blanks, as in qsub."""
    return [word.strip("\"'") if word[:1] in "\"'" else word for word in re.findall(r"\"[^\"]*\"|'[^']*'|\S+", line)]


def directives(text):
    """The options of the #PBS lines before the first command."""
    found = []
    for line in text.splitlines():
        if line.startswith("#PBS"):
            words = split_directive(line[4:])
            parsed, rest = options(words)
            if parsed is None:
                fail(1, f"qsub: invalid option -- '{rest}'\nqsub: directive error:{line[4:]} ")
            if rest:
                fail(1, f"qsub: directive error:{line[4:]} ")
            found += parsed
        elif line.strip() and not line.startswith("#"):
            break
    return found


def read_script(rest):
    """The script's text and the job's name after it."""
    if not rest:
        return sys.stdin.read(), "STDIN"
    file = pathlib.Path(rest[0])
    if not file.exists():
        fail(1, "qsub: script file:: No such file or directory")
    if file.is_dir():
        fail(1, "qsub: script not a file")
    text = file.read_bytes().decode(errors="surrogateescape")
    if "\r\n" in text:
        fail(1, "qsub: script contains cr, lf")
    return text, file.name


def illegal(letter):
    fail(2, f"qsub: illegal -{letter} value\n{USAGE}".rstrip("\n"))


def merged(given):
    """The last word for each option, -l and -W apart."""
    fields, resources, others = {}, {}, {}
    for letter, value in given:
        if letter == "l":
            for part in value.split(","):
                key, _, rest = part.partition("=")
                resources[key] = rest
        elif letter == "W":
            key, _, rest = value.partition("=")
            others[key] = rest
        else:
            fields[letter] = value
    return fields, resources, others


def check_client(fields, others):
    name = fields.get("N", "")
    if re.search(r"\s", name):
        illegal("N")
    if len(name) > 230:
        fail(2, "qsub: Job name is too long ")
    for letter, allowed in WORDS.items():
        value = fields.get(letter)
        if value is not None and not (value in allowed if isinstance(allowed, tuple) else allowed.match(value)):
            illegal(letter)
    if "J" in fields:
        range_ = re.fullmatch(r"(\d+)-(\d+)(?::(\d+))?(?:%(\d+))?", fields["J"])
        if not range_ or int(range_[1]) >= int(range_[2]):
            illegal("J")
        if fields.get("r") == "n":
            fail(2, f"qsub:  cannot submit non-rerunable Array Job\n{USAGE}".rstrip("\n"))
    if "a" in fields and not re.fullmatch(r"(\d\d){4,6}(\.\d\d)?|\d{4}(\.\d\d)?", fields["a"]):
        illegal("a")
    for group in filter(None, others.get("depend", "").split(",")):
        kind, *parents = group.split(":")
        if kind not in DEPENDENCIES or not parents:
            illegal("W")
    if "I" in fields:
        fail(1, "qsub:\tstandard input and output must be a terminal for\n\tinteractive job submission")
    unknown = [key for key in others if key not in ("depend", "umask", "group_list", "sandbox", "stagein", "stageout", "run_count")]
    if unknown:
        fail(154, "qsub: Error (15002) submitting job")


def check_resources(resources, program="qsub"):
    bad = f"{program}: Illegal attribute or resource value"
    for key in resources:
        if key not in RESOURCES:
            fail(187, f"{program}: Unknown resource Resource_List.{key}")
    if "nodes" in resources and "select" in resources:
        fail(6, f"{program}: Cannot be used with select or place: nodes")
    if "walltime" in resources and not re.fullmatch(r"\d+(:\d+){0,2}", resources["walltime"]):
        fail(166, f"{bad} Resource_List.walltime")
    if "place" in resources:
        words = resources["place"].split(":")
        kinds = [word for word in words if word in ("free", "pack", "scatter", "vscatter")]
        if len(kinds) > 1 or any(not re.fullmatch(r"free|pack|v?scatter|shared|excl(host)?|group=\w+", word) for word in words):
            fail(166, f"{bad} Resource_List.place")
    for part in resources.get("select", "1").split("+"):
        count, *pairs = part.split(":")
        if count == "0":
            fail(166, bad)
        if not count.isdigit() or any("=" not in pair for pair in pairs):
            fail(166, f"{bad} Resource_List.select")
        for key, value in (pair.split("=", 1) for pair in pairs):
            if key not in CHUNK_RESOURCES:
                fail(187, f"{program}: Unknown resource: {key}")
            if key in ("ncpus", "ngpus", "mpiprocs", "ompthreads") and not value.isdigit():
                fail(166, f"{bad} select.{key}")


def check_site(fields, resources):
    """The submit hook of the site: our stand-in, with the texts that ALCF's users report."""
    if "A" not in fields:
        fail(32, "qsub: Account_Name is required to be set.")
    for needed in ("walltime", "filesystems"):
        if needed not in resources:
            fail(32, f"qsub: Resource: {needed} is required to be set.")
    for name in resources["filesystems"].split(":"):
        if name not in cluster.FILESYSTEMS:
            fail(32, f"qsub: Invalid filesystem: {name}. Valid filesystems are: {', '.join(cluster.FILESYSTEMS)}")


def check_depend(others, program="qsub", id=""):
    """A whole array may be waited for, no element of it: qsub itself refuses that, and the server another program's word."""
    if re.search(r":\d+\[[^\]]", others.get("depend", "")):
        if program == "qsub":
            fail(2, f"qsub: illegal -W value\n{USAGE}".rstrip("\n"))
        fail(156, f"{program}: Invalid request {id}".rstrip())


def resource_list(resources):
    chunks = state.chunks(resources.get("select", "1"))
    total = {key: sum(count * int(chunk[key]) for count, chunk in chunks) for key in cluster.CHUNK}
    select = resources.get("select", "1")
    return {"filesystems": resources["filesystems"], **total, "nodect": sum(count for count, _ in chunks),
            "place": resources.get("place", "free"), "select": int(select) if select.isdigit() else select,
            "walltime": cluster.clock(cluster.seconds(resources["walltime"]))}


def check_queue(name, job, jobs):
    row = state.queue_row(name)
    if row is None:
        fail(170, "qsub: Unknown queue")
    if row["enabled"] == "False":
        fail(173, "qsub: Queue is not enabled")
    if row.get("from_route_only") == "True":
        fail(174, "qsub: Access to queue is denied")
    if not state.fits(row, job):
        fail(188, "qsub: Job violates queue and/or server resource limits")
    most = state.limit(row, "max_queued")
    if most is not None and sum(other["queue"] == name and not state.ended(other) for other in jobs.values()) >= most:
        fail(38, "qsub: would exceed queue generic's per-user limit")


def at(word):
    """The next time that the clock shows HHMM, or what [[CC]YY]MMDDhhmm[.SS] says."""
    now = time.localtime()
    digits = word.split(".")[0]
    if len(digits) == 4:
        when = time.mktime(now[:3] + (int(digits[:2]), int(digits[2:]), 0, 0, 0, -1))
        return when if when > time.time() else when + 86400
    parts = [int(digits[-8 + i:len(digits) - 6 + i]) for i in (0, 2, 4, 6)]
    return time.mktime((now.tm_year, *parts, 0, 0, 0, -1))


def outputs(fields, name, number, workdir):
    """Where stdout and stderr go, by PBS's rules for a relative path and a directory."""
    def path(letter, suffix):
        given = fields.get(letter, f"{name}.{letter}{number}{suffix}")
        return f"{cluster.LOGIN}:{pathlib.PurePath(workdir, given)}" + ("/" if given.endswith("/") else "")
    suffix = ".^array_index^" if "J" in fields else ""
    return {"Output_Path": path("o", suffix), "Error_Path": path("e", suffix)}


def depend_of(others):
    """The server's spelling of -W depend=, which may name the server already."""
    def full(word):
        return f"{state.full(word.partition('@')[0])}@{cluster.SERVER}"
    return ",".join(":".join([group.split(":")[0]] + [parent if group.startswith("on:") else full(parent)
                                                      for parent in group.split(":")[1:]])
                    for group in filter(None, others.get("depend", "").split(",")))


def new_job(number, fields, resources, others, name, words):
    workdir = os.environ.get("PWD", os.getcwd())
    name = fields.get("N", name)
    queue = fields.get("q", cluster.DEFAULT_QUEUE)
    held = "h" in fields
    depend = depend_of(others)
    now = cluster.date()
    job = {"Job_Name": name, "Job_Owner": f"{cluster.user()}@{cluster.LOGIN}", "job_state": "Q", "queue": queue, "server": cluster.SERVER,
           "Account_Name": fields["A"], "Checkpoint": "u", "ctime": now, "Hold_Types": "n", "Join_Path": fields.get("j", "n"),
           "Keep_Files": fields.get("k", "n"), "Mail_Points": fields.get("m", "a"), "mtime": now, "Priority": int(fields.get("p", 0)),
           "qtime": now, "Rerunable": "False" if fields.get("r") == "n" else "True", "Resource_List": resource_list(resources),
           "substate": 10, "eligible_time": "00:00:00", "Submit_arguments": " ".join(words), "project": "_pbs_project_default",
           "Submit_Host": cluster.LOGIN, **outputs(fields, name, number, workdir),
           "Variable_List": {"PBS_O_HOME": os.environ.get("HOME", "/"), "PBS_O_LANG": os.environ.get("LANG", "C.UTF-8"),
                             "PBS_O_LOGNAME": cluster.user(), "PBS_O_PATH": os.environ.get("PATH", ""), "PBS_O_SHELL": "/bin/bash",
                             "PBS_O_WORKDIR": workdir, "PBS_O_SYSTEM": "Linux", "PBS_O_QUEUE": queue, "PBS_O_HOST": cluster.LOGIN}}
    if depend:
        job.update(depend=depend, job_state="H", Hold_Types="s", substate=22)
    if held:
        job.update(job_state="H", Hold_Types="u" if not depend else "us", substate=20)
    elif "a" in fields:
        job.update(job_state="W", substate=30, _at=at(fields["a"]), Execution_Time=cluster.date(at(fields["a"])))
    if job["job_state"] == "Q":
        job["etime"] = now
    return job


def link_to_parents(jobs, id, job):
    """A parent shows its dependents: beforeok for afterok, and so on."""
    for kind, *parents in (group.split(":") for group in filter(None, job.get("depend", "").split(","))):
        for word in parents:
            parent = jobs.get(word.split("@")[0])
            if parent and not state.ended(parent) and kind.startswith("after"):
                before = f"before{kind[5:]}:{id}@{cluster.SERVER}"
                if before not in parent.get("depend", "").split(","):
                    parent["depend"] = f"{parent['depend']},{before}" if "depend" in parent else before


def add_members(jobs, number, parent, given):
    first, last, step, most = re.fullmatch(r"(\d+)-(\d+)(?::(\d+))?(?:%(\d+))?", given).groups()
    indices = range(int(first), int(last) + 1, int(step or 1))
    parent.update(array="True", array_indices_submitted=given.partition("%")[0], array_indices_remaining=state.ranges(indices),
                  array_state_count=f"Queued:{len(indices)} Running:0 Exiting:0 Expired:0")
    if most:
        parent["max_run_subjobs"] = int(most)
    for index in indices:
        member = {key: value for key, value in parent.items() if not key.startswith("array") and key not in
                  ("depend", "Submit_arguments", "Hold_Types", "Checkpoint", "max_run_subjobs")}
        member.update(array_id=f"{number}[].{cluster.SERVER}", array_index=index, job_state="Q", substate=10)
        for key in ("Output_Path", "Error_Path"):
            member[key] = member[key].replace("^array_index^", str(index))
        jobs[f"{number}[{index}].{cluster.SERVER}"] = member


def qsub(words):
    given, rest = options(words)
    if given is None:
        fail(2, f"qsub: invalid option -- '{rest}'\n{USAGE}".rstrip("\n"))
    command = rest if "--" in words else []
    text, name = ("", pathlib.PurePath(rest[0]).name) if command else read_script(rest)
    fields, resources, others = merged(directives(text) + given)
    if command and "N" not in fields:
        name = "STDIN"
    check_client(fields, others)
    check_resources(resources)
    check_site(fields, resources)
    with state.State() as server:
        number = server.data["next"]
        array = "J" in fields
        id = f"{number}[].{cluster.SERVER}" if array else f"{number}.{cluster.SERVER}"
        job = new_job(number, fields, resources, others, name, words)
        job.update(_command=command, _shell=fields.get("S"), _variables=fields.get("v", ""))
        check_queue(job["queue"], job, server.jobs)
        check_depend(others)
        server.data["next"] += 1
        (cluster.HOME / "scripts").mkdir(exist_ok=True)
        job["_script"] = str(cluster.HOME / f"scripts/{number}.SC")
        pathlib.Path(job["_script"]).write_bytes(text.encode(errors="surrogateescape"))
        server.jobs[id] = job
        if array:
            add_members(server.jobs, number, job, fields["J"])
        link_to_parents(server.jobs, id, job)
        state.advance(server)
    answer(id, "z" in fields)


def answer(id, silent):
    word, text = cluster.fault("qsub")
    if word == "lost":
        time.sleep(3600)
    if word == "garbage":
        print(text or "Lmod is loading...")
    elif word != "mute" and not silent:
        print(id)
