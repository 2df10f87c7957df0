#!/usr/bin/env python3
"""The commands of a PBS server that is a folder, $FAKE_PBS: see README.md. Reached by links named as they are."""
import json, pathlib, sys, time

sys.dont_write_bytecode = True
import change, cluster, control, show, submit

COMMANDS = {"qsub": submit.qsub, "qstat": show.qstat, "qselect": show.qselect, "pbsnodes": show.pbsnodes, "qdel": change.qdel,
            "qhold": change.qhold, "qrls": change.qrls, "qalter": change.qalter, "qsig": change.qsig, "qmove": change.qmove,
            "qrerun": change.qrerun}


def main(name, words):
    if name == "fake-pbs":
        return control.control(words)
    with open(cluster.HOME / "calls.jsonl", "a") as calls:
        calls.write(json.dumps({"argv": [name] + words, "time": time.time()}) + "\n")
    word, rest = cluster.fault(name)
    if word == "down":
        if name == "qstat" and "json" in words:
            print(show.dump(show.envelope()), end="", flush=True)
        cluster.unreachable(name)
    if word == "hang":
        time.sleep(3600)
    if word == "refuse":
        code, _, text = rest.partition(" ")
        cluster.fail(int(code), text)
    if words == ["--version"]:
        return print(f"pbs_version = {cluster.VERSION}")
    COMMANDS[name](words)


main(pathlib.Path(sys.argv[0]).name, sys.argv[1:])
