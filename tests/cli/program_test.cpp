#include <algorithm>
#include <filesystem>

#include "engine/core/json.h"
#include "tests/cli/command.h"
#include "tests/support/processes.h"
#include "tests/support/terminal.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

/// Words before `llmrun` that put the stand-in for PALS' mpiexec first on the PATH.
const std::string kFakes = "PATH='" LLMRUN_SOURCE_DIR "/tests/fakes':\"$PATH\" ";
const std::string kWho = "'echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE'";

std::string launched_by(const std::string& launcher) {
  return (launcher == "pals" ? kFakes : "") + "llmrun launch --set machine.node.gpus=0 --set machine.launcher=" + launcher + " ";
}

/// The same where llmrun takes the place of its shell, so that signals to the shell's pid are to it.
std::string typed(const std::string& launcher) {
  std::string words = launched_by(launcher);
  return words.insert(words.find("llmrun launch"), "exec ");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// The only run below the shell's outputs/.
fs::path only_run(const CommandLine& shell) {
  fs::path found;
  for (const fs::directory_entry& entry : fs::directory_iterator(shell.path("outputs"))) {
    CHECK(found.empty());
    found = entry.path();
  }
  return found;
}

json record_of(const fs::path& run) { return json::parse(CommandLine::slurp(run / "run.json")); }

}  // namespace

TEST_CASE("launch tells every rank of any program who it is, under each launcher") {
  for (const char* launcher : {"local", "openmpi", "pals"}) {
    CAPTURE(launcher);
    const CommandLine shell;
    const Outcome outcome = shell(launched_by(launcher) + "--ranks 3 -- sh -c " + kWho);
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    CHECK(lines_of(outcome.out) == std::vector<std::string>{"0/3 0/3", "1/3 1/3", "2/3 2/3"});
    for (const char* said : {"NHOSTS: 1", "NRANKS: 3", "Job started at: ", "Writing logs to: ", "i.e. tail -f "})
      CHECK(outcome.err.find(said) != std::string::npos);
    const fs::path run = only_run(shell);
    CHECK(record_of(run)["argv"] == json{"sh", "-c", "echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE"});
    CHECK(CommandLine::slurp(run / "logs/attempt-01/rank-00001.log") == "1/3 1/3\n");
    CHECK(lines_of(shell("llmrun tail last").out) == lines_of(outcome.out));
    CHECK(shell("llmrun tail -r 2").out == "2/3 2/3\n");
  }
}

TEST_CASE("the plan's size counts, whatever PMI_SIZE says under PALS") {
  const CommandLine shell;
  const Outcome outcome = shell("FAKE_PALS_PMI_SIZE=1 " + launched_by("pals") + "--ranks 3 -- sh -c " + kWho);
  CHECK_MESSAGE(outcome.exit == 0, outcome.err);
  CHECK(lines_of(outcome.out) == std::vector<std::string>{"0/3 0/3", "1/3 1/3", "2/3 2/3"});
}

TEST_CASE("a stale identity in the user's shell reaches no rank of a launch") {
  for (const char* launcher : {"local", "openmpi", "pals"}) {
    CAPTURE(launcher);
    const CommandLine shell;
    const Outcome outcome = shell(
        "RANK=7 WORLD_SIZE=64 LOCAL_RANK=3 PMI_RANK=5 PMIX_RANK=5 PALS_RANKID=5 OMPI_COMM_WORLD_RANK=5 SLURM_PROCID=5 "
        "SLURM_STEP_NUM_TASKS=6 MASTER_PORT=29500 LLMRUN_STOP_AT=1 LLMRUN_STARTED_AT=1 " +
        launched_by(launcher) + "--ranks 2 -- sh -c 'echo $RANK/$WORLD_SIZE $MASTER_PORT [$LLMRUN_STOP_AT$LLMRUN_STARTED_AT]'");
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    for (const std::string& line : lines_of(outcome.out)) {
      CHECK_MESSAGE((line.starts_with("0/2 ") || line.starts_with("1/2 ")), line);
      CHECK(line.find("29500") == std::string::npos);
      CHECK(line.ends_with(" []"));  // no time to stop at
    }
  }
}

TEST_CASE("I1: 26 hostile words reach the program byte for byte, and mpiexec's argv has them as they are") {
  const std::vector<std::string> hostile{"with space",
                                         "",
                                         "tab\there",
                                         "new\nline",
                                         "'single'",
                                         "\"double\"",
                                         "$(touch touched)",
                                         "`touch touched`",
                                         "$HOME",
                                         "${PATH}",
                                         "; touch touched",
                                         "&& touch touched",
                                         "| cat",
                                         "> touched",
                                         "*",
                                         "~",
                                         "!!",
                                         "#PBS -q debug",
                                         "back\\slash",
                                         "--",
                                         "-n",
                                         "[a,b]",
                                         "{{x}}",
                                         "\xff\xfe",
                                         "\x1b]52;c;aGk=\x07",
                                         ":"};
  REQUIRE(hostile.size() == 26);
  std::string words, wanted;
  for (const std::string& word : hostile) words += " " + quoted(word), wanted += word + '\0';
  const CommandLine shell;
  shell.write(
      "show",
      "import os, sys\nopen('seen-' + os.environ['RANK'], 'wb').write(b''.join(os.fsencode(word) + b'\\0' for word in sys.argv[1:]))\n");
  for (const char* launcher : {"local", "openmpi", "pals"}) {
    const Outcome outcome = shell("FAKE_PALS_ARGV=argv " + launched_by(launcher) + "--ranks 2 -- python3 show" + words);
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    for (const char* seen : {"seen-0", "seen-1"}) CHECK_MESSAGE(shell.read(seen) == wanted, launcher);
    CHECK(!fs::exists(shell.path("touched")));
  }
  // mpiexec would take the lone colon for the start of another program: it alone goes under cover.
  CHECK(shell.read("argv").ends_with(wanted.substr(0, wanted.size() - 2) + "llmrun::" + '\0'));
}

TEST_CASE("a rank that fails gives launch its exit code and its last lines, and the others are ended") {
  for (const char* launcher : {"local", "openmpi", "pals"}) {
    CAPTURE(launcher);
    const CommandLine shell;
    const Outcome left =
        shell(launched_by(launcher) + "--ranks 2 -- sh -c 'echo to say; [ $RANK = 0 ] && exec sleep 1000; echo oops >&2; exit 7'");
    CHECK(left.exit == 7);
    CHECK_MESSAGE(left.err.find(": exited with code 7\nhint: llmrun tail ") != std::string::npos, left.err);
    CHECK(left.err.find("last lines of rank 1 on ") != std::string::npos);
    CHECK(left.err.find("  | oops\n") != std::string::npos);
    CHECK(left.out.find("----") == std::string::npos);
    CHECK(shell("llmrun tail last").exit == 7);
    const Outcome killed =
        shell(launched_by(launcher) + "--ranks 2 --set run.name=k -- sh -c '[ $RANK = 1 ] || exec sleep 1000; kill -SEGV $$'");
    CHECK(killed.exit == 128 + SIGSEGV);
    CHECK_MESSAGE(killed.err.find("was killed by signal 11 (SIGSEGV)") != std::string::npos, killed.err);
    CHECK(killed.err.find("rank 1 on ") != std::string::npos);
    CHECK(processes_of(record_of(shell.path("outputs/k"))["attempts"][0]["id"]).empty());
  }
}

TEST_CASE("a reader that ends ends no launch: ranks go on, the logs have every line, and the exit code says what stdout lacks") {
  const CommandLine shell;
  shell(
      "{ llmrun launch --ranks 2 --set run.name=x -- sh -c 'echo one; sleep 0.3; echo two; sleep 0.3; echo three'; echo $? > code; } | "
      "head -1");
  const fs::path run = shell.path("outputs/x");
  CHECK(record_of(run)["attempts"][0]["exit"] == 0);
  CHECK(CommandLine::slurp(run / "logs/attempt-01/rank-00001.log") == "one\ntwo\nthree\n");
  CHECK(shell.read("code") == "1\n");
}

TEST_CASE("a program that is not there is named, with every rank's word in one") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun launch --ranks 2 --set machine.node.gpus=0 -- no-such-program");
  CHECK(outcome.exit == 5);
  CHECK_MESSAGE(outcome.err.ends_with(": cannot run 'no-such-program': no such program on the PATH\nhint: command -v no-such-program\n"),
                outcome.err);
  shell.write("a.sh", "#!/bin/sh\n");
  CHECK(shell("llmrun launch --ranks 2 -- ./a.sh").err.ends_with(": cannot run './a.sh': it is not executable\nhint: chmod +x './a.sh'\n"));
  CHECK(shell("llmrun launch --ranks 2").exit == 2);
  CHECK(shell("llmrun launch --ranks 2 --").err.find("hint: llmrun launch --ranks 2 -- python3 train.py") != std::string::npos);
  CHECK(shell("llmrun launch python3 x.py").exit == 2);
}

TEST_CASE("a launcher that is not there is told with a hint, and is the recorded end of the attempt") {
  const CommandLine shell;
  const Outcome outcome = shell("PATH=${PATH%%:*}; llmrun launch --ranks 2 --set run.name=x --set machine.launcher=pals -- true");
  CHECK(outcome.exit == 5);
  CHECK_MESSAGE(outcome.err.ends_with("llmrun: cannot run 'mpiexec': no such program on the PATH\nhint: command -v mpiexec\n"),
                outcome.err);
  CHECK(record_of(shell.path("outputs/x"))["attempts"][0]["exit"] == 5);
}

TEST_CASE("any program's exit code is its own: 75 is a failure, told as any other") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun launch --ranks 2 --set run.name=x -- sh -c 'exit 75'");
  CHECK(outcome.exit == 75);
  CHECK_MESSAGE(outcome.err.find("exited with code 75\nhint: llmrun tail x -n 100 shows what was said before\n") != std::string::npos,
                outcome.err);
  CHECK(shell("llmrun show x").out.find("exited with code 75") != std::string::npos);
}

TEST_CASE("more ranks than GPUs are started, with a warning") {
  const CommandLine shell;
  const std::string words = "llmrun launch --set machine.node.gpus=4 ";
  const std::string warning = "llmrun: warning: 8 ranks share the 4 GPUs of a host; a rank a GPU: --ranks-per-node 4\n";
  const Outcome many = shell(words + "--ranks 8 -- true");
  CHECK(many.exit == 0);
  CHECK_MESSAGE(many.err.find("NGPU_PER_HOST: 4\nNGPUS: 4\nNRANKS: 8, at most 8 a host\n") != std::string::npos, many.err);
  CHECK(many.err.find(warning) != std::string::npos);
  CHECK(shell(words + "--dry-run --ranks-per-node 8 -- true").err == warning);
  CHECK(shell(words + "--dry-run -- true").err == "");
}

TEST_CASE("launch --dry-run prints the line, the same each time, and writes nothing") {
  const CommandLine shell;
  shell.write("hosts", "n1\nn2\n");
  const std::string words = "llmrun launch --dry-run --set machine=polaris --hostfile hosts -- python3 train.py --lr 'a b'";
  const Outcome outcome = shell(words);
  CHECK_MESSAGE(outcome.exit == 0, outcome.err);
  CHECK(outcome.out.starts_with("mpiexec --envall --line-buffer --no-transfer --abort-on-failure --np=8 --ppn=4 --hostfile="));
  CHECK(outcome.out.find(" --cpu-bind=depth --depth=8 ") != std::string::npos);
  CHECK(outcome.out.ends_with(" --hosts '4*2' --gpus 4 --accelerator cuda --affinity reversed -- python3 train.py --lr 'a b'\n"));
  CHECK(shell(words).out == outcome.out);
  CHECK(!fs::exists(shell.path("outputs")));
  const json shown = json::parse(shell("llmrun launch --json --dry-run --set machine=polaris --hostfile hosts -- x").out);
  CHECK(shown["ranks"] == 8);
  CHECK(shown["hosts"] == json{{{"name", "n1"}, {"slots", 4}}, {{"name", "n2"}, {"slots", 4}}});
  CHECK(shown["gpus_per_node"] == 4);
}

TEST_CASE("launch --json keeps what ranks print from stdout, and says where the run is") {
  const CommandLine shell;
  const Outcome outcome = shell("llmrun launch --json --ranks 2 --set machine.node.gpus=0 -- echo hello");
  CHECK(outcome.exit == 0);
  const json told = json::parse(outcome.out);
  CHECK(told["version"] == 1);
  CHECK(told["exit"] == 0);
  CHECK(fs::exists(fs::path(told["dir"].get<std::string>()) / "launch.sh"));
  CHECK(outcome.err.find("hello\n") != std::string::npos);
}

TEST_CASE("X3: two launches on one machine at once meet on ports of their own") {
  const CommandLine shell;
  shell.write("meet", R"(import os, socket, sys
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
if rank == 0:
    door = socket.socket()
    door.bind(address)  # without SO_REUSEADDR, as some programs do
    door.listen()
    for guest in range(size - 1):
        guest = door.accept()[0]
        guest.sendall(sys.argv[1].encode())
        guest.close()
else:
    import time
    while True:
        try:
            door = socket.create_connection(address)
            break
        except ConnectionRefusedError:
            time.sleep(0.02)
    print(sys.argv[1], door.recv(100).decode())
)");
  const Outcome outcome = shell("for run in a b c; do " + launched_by("openmpi") +
                                "--ranks 2 -- python3 meet $run > $run.out & done; wait; cat a.out b.out c.out");
  CHECK_MESSAGE(outcome.out == "a a\nb b\nc c\n", outcome.err);
}

TEST_CASE("K3: whatever ends a launch, no process of it is left, nor what a rank started") {
  struct Fault {
    const char* what;
    int signal;
    int times;
    int exit;
  };
  for (const char* launcher : {"local", "openmpi", "pals"})
    for (const Fault& fault : {Fault{"Ctrl-C", SIGINT, 1, 130},
                               {"Ctrl-C twice", SIGINT, 2, 130},
                               {"SIGTERM", SIGTERM, 1, 143},
                               {"llmrun is killed", SIGKILL, 1, 137}}) {
      CAPTURE(launcher);
      CAPTURE(fault.what);
      const CommandLine shell;
      Terminal terminal(shell.script(
          typed(launcher) +
          "--ranks 2 --set run.name=x -- sh -c 'sleep 1000 & until [ $(cat /proc/$!/comm) = sleep ]; do :; done; echo ready; wait'"));
      REQUIRE_MESSAGE(terminal.wait_for("ready"), terminal.last_words());
      REQUIRE_MESSAGE(terminal.wait_for("ready", terminal.screen().find("ready") + 5), terminal.last_words());
      const std::string id = record_of(shell.path("outputs/x"))["attempts"][0]["id"];
      CHECK(processes_of(id, "sleep").size() == 2);
      for (int i = 0; i < fault.times; ++i) {
        ::kill(terminal.pid(), fault.signal);
        if (i + 1 < fault.times) CHECK(terminal.wait_for("once more ends them at once"));
      }
      CHECK(seconds_until_gone(id) < 10);
      CHECK_MESSAGE(terminal.wait() == fault.exit, terminal.last_words());
    }
}

TEST_CASE("K3: llmrun and mpirun killed together leave no process of a launch either") {
  const CommandLine shell;
  Terminal terminal(shell.script(typed("openmpi") + "--ranks 2 --set run.name=x -- sh -c 'sleep 1000 & echo ready; wait'"));
  REQUIRE_MESSAGE(terminal.wait_for("ready"), terminal.last_words());
  REQUIRE_MESSAGE(terminal.wait_for("ready", terminal.screen().find("ready") + 5), terminal.last_words());
  const std::string id = record_of(shell.path("outputs/x"))["attempts"][0]["id"];
  const std::vector<pid_t> launchers = processes_of(id, "mpirun");
  CHECK(launchers.size() == 1);
  ::kill(terminal.pid(), SIGSTOP);  // so that neither sees the other die
  for (const pid_t pid : launchers) ::kill(pid, SIGKILL);
  ::kill(terminal.pid(), SIGKILL);
  CHECK(seconds_until_gone(id) < 10);
}

TEST_CASE("Ctrl-C is one SIGTERM to the program of each rank, which may tidy up, under every launcher") {
  for (const char* launcher : {"local", "openmpi", "pals"}) {
    CAPTURE(launcher);
    const CommandLine shell;
    shell.write("tidy", R"(import signal, time
asked = []
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, lambda number, frame: asked.append(number))
print("ready", flush=True)
while not asked:
    time.sleep(0.01)
time.sleep(0.5)  # a second signal would come now
print("tidied", asked == [signal.SIGTERM], flush=True)
)");
    Terminal terminal(shell.script(typed(launcher) + "--ranks 2 -- python3 tidy"));
    REQUIRE_MESSAGE(terminal.wait_for("ready"), terminal.last_words());
    REQUIRE_MESSAGE(terminal.wait_for("ready", terminal.screen().find("ready") + 5), terminal.last_words());
    terminal.type("\x03");
    CHECK(terminal.wait() == 130);
    const std::string& screen = terminal.screen();
    const size_t first = screen.find("tidied True");
    CHECK_MESSAGE(first != std::string::npos, terminal.last_words());
    CHECK_MESSAGE(screen.find("tidied True", first + 5) != std::string::npos, terminal.last_words());
  }
}

TEST_CASE("a launcher that starts nothing is told apart from ranks that fail, with its last words and what to do") {
  struct Row {
    const char *launcher, *program, *says, *hint;
  };
  const Row rows[] = {
      {"pals", "mpiexec", "mpiexec: Error: unknown option \"--envall\"", "hint: llmrun doctor, right here, tries the launcher"},
      {"srun", "srun", "srun: error: Unable to create step for job 9: More processors requested than permitted",
       "hint: the allocation has fewer CPUs than ranks: salloc --exclusive"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.launcher);
    const CommandLine shell;
    shell.write(row.program, std::string("#!/bin/sh\necho '") + row.says + "' >&2\nexit 1\n");
    std::filesystem::permissions(shell.path(row.program), std::filesystem::perms::owner_all);
    const Outcome outcome = shell(std::string("PATH=\"$PWD:$PATH\" llmrun launch --set run.name=x --set machine.launcher=") + row.launcher +
                                  " --ranks 2 -- true");
    CHECK(outcome.exit == 1);
    CHECK_MESSAGE(outcome.err.find("llmrun: the launcher exited with code 1, and no rank wrote a line\n") != std::string::npos,
                  outcome.err);
    CHECK(outcome.err.find(std::string("last lines of the launcher:\n  | ") + row.says) != std::string::npos);
    CHECK(outcome.err.find(row.hint) != std::string::npos);
    CHECK(shell("llmrun explain x").out.find(row.says) != std::string::npos);
  }
}

TEST_CASE("a launcher that starts nothing and ends well has trained nothing") {
  const CommandLine shell;
  shell.write("mpiexec", "#!/bin/sh\nexit 0\n");
  std::filesystem::permissions(shell.path("mpiexec"), std::filesystem::perms::owner_all);
  const std::string train =
      "PATH=\"$PWD:$PATH\" llmrun train --name x --machine laptop --model gpt-tiny --steps 3 --ranks 2 --set machine.launcher=pals";
  const Outcome outcome = shell(train);
  CHECK(outcome.exit == 1);
  CHECK_MESSAGE(outcome.err.find("llmrun: the launcher exited with code 0, and no rank wrote a line\n") != std::string::npos, outcome.err);
  CHECK(shell("llmrun history --json").out.find("\"exit_code\": 1") != std::string::npos);
  CHECK_MESSAGE(shell(train).exit == 1, "it is not taken for finished");
}

TEST_CASE("E2: a directory with spaces, quotes and a newline, a HOME that cannot be written and a TMPDIR that is not there") {
  for (const char* launcher : {"local", "openmpi", "pals"}) {
    CAPTURE(launcher);
    const CommandLine shell;
    const std::string odd = "a b'c\"d\ne";
    fs::create_directory(shell.path(odd));
    const Outcome outcome = shell("cd " + quoted(odd) + " && HOME=/proc " + launched_by(launcher) + "--ranks 2 -- sh -c 'pwd; echo $RANK'");
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    CHECK(outcome.out.find(odd) != std::string::npos);
    const Outcome again = shell((launcher == std::string("pals") ? kFakes : "") + quoted(odd) + "/outputs/sh-*/launch.sh");
    CHECK_MESSAGE(again.exit == 0, again.err);
    const Outcome homeless = shell("TMPDIR=/proc/no/such/directory " + launched_by(launcher) + "--ranks 2 -- echo here");
    CHECK_MESSAGE(homeless.exit == 0, homeless.err);
    CHECK(homeless.out == "here\nhere\n");
  }
}

TEST_CASE("E2: a path that is too long for the system is refused with a hint, before anything starts") {
  const CommandLine shell;
  const std::string longest(5000, 'x');
  const Outcome outcome = shell("llmrun launch --ranks 2 --set run.dir=/tmp/" + longest + " -- echo here");
  CHECK(outcome.exit == 5);
  CHECK_MESSAGE(outcome.err.find("hint: ") != std::string::npos, outcome.err);
  CHECK(outcome.out == "");
  shell.write("deep", R"(import os
for _ in range(30):
    os.mkdir("x" * 200)
    os.chdir("x" * 200)
os.execvp("llmrun", ["llmrun", "launch", "--ranks", "2", "--", "echo", "here"])
)");
  const Outcome deep = shell("python3 deep");
  CHECK(deep.exit == 5);
  CHECK_MESSAGE(deep.err.find("hint: ") != std::string::npos, deep.err.substr(0, 500));
  const Outcome gone = shell("mkdir gone && cd gone && rmdir ../gone && llmrun launch --ranks 2 -- echo here");
  CHECK(gone.exit == 5);
  CHECK(gone.err == "llmrun: cannot find the current directory: No such file or directory\nhint: cd to one that is there\n");
}

TEST_CASE("I3: the value of a secret variable in a program's words is in no file of the run") {
  const CommandLine shell;
  const Outcome outcome =
      shell("export MY_API_KEY=canary-4711; llmrun launch --ranks 2 --set machine.node.gpus=0 -- true --key \"$MY_API_KEY\"");
  CHECK_MESSAGE(outcome.exit == 0, outcome.err);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(shell.path("outputs")))
    if (entry.is_regular_file()) CHECK_MESSAGE(CommandLine::slurp(entry.path()).find("canary") == std::string::npos, entry.path());
}

}  // namespace llmrun
