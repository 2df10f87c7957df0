"""fake-pbs: what a test does to the server, beside the files it writes. An operator and a scheduler in one.

  fake-pbs start ID            a waiting job runs (without a process), on the first nodes
  fake-pbs finish ID STATUS    a running job ended with this Exit_status
  fake-pbs set ID KEY=JSON...  attributes of a job, which the scheduler then leaves alone: comment='"Not Running: ..."'
  fake-pbs requeue ID          as by preemption: back in the queue, Exit_status -11
  fake-pbs forget ID           the job is gone, history and all"""
import json

import cluster, state


def start(server, id, job):
    hosts = [(name, dict(cluster.CHUNK)) for name in cluster.nodes()[:job["Resource_List"]["nodect"]]]
    state.start(id, job, hosts, really=False)


def finish(server, id, job, status):
    state.end(server, job, int(status), "walltime" if status == "-29" else "")


def requeue(server, id, job):
    for key in ("_hosts", "exec_host", "exec_vnode", "stime"):
        job.pop(key, None)
    state.touch(job, job_state="Q", substate=10, Exit_status=-11, comment=cluster.WAITS)


def set_attributes(server, id, job, *pairs):
    job["_keep_comment"] = True
    for pair in pairs:
        key, _, value = pair.partition("=")
        job[key] = json.loads(value)


def forget(server, id, job):
    del server.jobs[id]


def control(words):
    verb, word, *rest = words
    act = {"start": start, "finish": finish, "requeue": requeue, "forget": forget, "set": set_attributes}[verb]
    with state.State() as server:
        id = server.find(word)
        act(server, id, server.jobs[id], *rest)
        state.advance(server)
