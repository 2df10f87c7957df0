"""What the server that these files play is: its name, its queues as OpenPBS 23.06 listed them, its nodes, and how it fails when told to."""
import json, os, pathlib, sys, time

HOME = pathlib.Path(os.environ["FAKE_PBS"])
HERE = pathlib.Path(__file__).resolve().parent
DOMAIN = "hsn.cm.polaris.alcf.anl.gov"
SERVER = f"polaris-pbs-01.{DOMAIN}"
LOGIN = f"polaris-login-01.{DOMAIN}"
VERSION = "23.06.06"
DEFAULT_QUEUE = "prod"
FILESYSTEMS = ("home", "eagle", "grand")
CHUNK = {"ncpus": 64, "ngpus": 4}  # a whole node, where a chunk says nothing else
NODE = {"system": "polaris", "gputype": "A100"}
FOUR_NODES = ("x3001c0s1b0n0", "x3001c0s1b1n0", "x3001c0s7b0n0", "x3001c0s7b1n0")
WAITS = "Not Running: Not enough free nodes available"


def recorded(name):
    return json.loads((HERE.parents[1] / "data/pbs" / name).read_text())


def setting(name, default=""):
    """$FAKE_PBS/NAME, a file that a test writes."""
    file = HOME / name
    return file.read_text().strip() if file.exists() else default


def user():
    return os.environ.get("USER", "hpcuser")


def jobs_run():
    return (HOME / "run").exists()


def nodes():
    """Where jobs really run: the hosts that the file `run` lists, by default the four that were recorded. Else all of Polaris, busy."""
    named = setting("run").split()
    return tuple(named) or (FOUR_NODES if jobs_run() else tuple(f"x{3000 + n // 14}c0s{n % 14}b0n0" for n in range(560)))


def fail(code, text):
    print(text, file=sys.stderr)
    sys.exit(code)


def date(at=None):
    return time.ctime(at)


def minute(at=None):
    return time.strftime("%a %b %d at %H:%M", time.localtime(at))


def seconds(text):
    parts = [int(part) for part in str(text).split(":")]
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def clock(total):
    return f"{total // 3600:02}:{total // 60 % 60:02}:{total % 60:02}"


def fault(command):
    """The word of $FAKE_PBS/fault, and what follows it, where it means this command: "down", "hang qstat", "refuse qsub 38 TEXT"."""
    word, _, rest = setting("fault").partition(" ")
    whom, _, more = rest.partition(" ")
    return (word, more) if whom in ("", command) else ("", "")


def unreachable(command):
    """What each command says where nobody listens, as recorded under srvdown."""
    print("Connection refused", file=sys.stderr)
    if command == "pbsnodes":
        fail(1, f"pbsnodes: cannot connect to server {SERVER}, error=15010")
    if command in ("qdel", "qhold", "qrls", "qsig", "qalter", "qrerun", "qmove"):
        fail(162, f"Couldn't connect to cluster: {SERVER}")
    fail(255 if command == "qstat" else 162, f"{command}: cannot connect to server {SERVER} (errno=15010)")
