#include "launcher/launch/launcher.h"
#include "launcher/render/shell.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

LaunchRequest request() {
  LaunchRequest request;
  request.ranks = 8;
  request.nodes = 2;
  request.ranks_per_node = 4;
  request.cores_per_node = 32;
  request.hostfile = "/run/hostfile";
  request.forwarded = {"OMP_NUM_THREADS"};
  request.cpu_bind = "depth";
  request.depth = 8;
  request.command = {"llmrun-rank", "--plan", "/run/plan.json"};
  return request;
}

/// "rank 1 on n1: signal 9" for the death that these lines tell of; empty where they tell of none.
std::string death_told(Launcher& launcher, std::initializer_list<const char*> lines) {
  for (const char* line : lines)
    if (const auto death = launcher.death(line)) {
      if (death->host_lost) return fmt::format("host '{}' is lost", death->host);
      return fmt::format("rank {} on '{}': signal {}, code {}", death->rank.value_or(-1), death->host, death->signal, death->code);
    }
  return "";
}

}  // namespace

TEST_CASE("PALS gets the line that Polaris documents") {
  CHECK(
      shell_line(make_pals()->argv(request())) ==
      "mpiexec --envall --line-buffer --no-transfer --abort-on-failure --np=8 --ppn=4 --hostfile=/run/hostfile --cpu-bind=depth --depth=8 "
      "llmrun-rank --plan /run/plan.json");
  LaunchRequest aurora = request();
  aurora.pmi = "pmix";
  aurora.cpu_bind = "list:1-8:9-16";
  aurora.options = {"--verbose"};
  CHECK(shell_line(make_pals()->argv(aurora)) ==
        "mpiexec --envall --line-buffer --no-transfer --abort-on-failure --np=8 --ppn=4 --hostfile=/run/hostfile --pmi=pmix "
        "--cpu-bind=list:1-8:9-16 --verbose llmrun-rank --plan /run/plan.json");
  CHECK(make_pals()->hostfile_text({{"n1", 4}, {"n2", 4}}) == "n1\nn2\n");
}

TEST_CASE("Open MPI gets a mapping that puts consecutive ranks on a node") {
  LaunchRequest ask = request();
  const auto launcher = make_openmpi();
  CHECK(shell_line(launcher->argv(ask)) ==
        "mpirun --hostfile /run/hostfile -n 8 --map-by ppr:4:node --mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 3 --mca "
        "oob_tcp_keepalive_probes 3 --bind-to none -x OMP_NUM_THREADS llmrun-rank --plan /run/plan.json");
  ask.nodes = 1;
  CHECK(shell_line(launcher->argv(ask)).find("keepalive") == std::string::npos);
  CHECK(shell_line(launcher->argv(ask)).find("fqdn") == std::string::npos);
  ask.has_domains = true;
  CHECK(shell_line(launcher->argv(ask)).find(" --mca orte_keep_fqdn_hostnames 1 --bind-to none") != std::string::npos);
  ask.has_domains = false;
  ask.even = false;
  CHECK(shell_line(launcher->argv(ask)).find("--map-by slot ") != std::string::npos);
  ask.cores_per_node = 2;
  CHECK(shell_line(launcher->argv(ask)).find("--map-by slot:OVERSUBSCRIBE --bind-to none --mca mpi_yield_when_idle 1") !=
        std::string::npos);
  ask.hostfile.clear();
  CHECK(shell_line(launcher->argv(ask)).find("mpirun -n 8 --map-by slot:OVERSUBSCRIBE --bind-to none -x") == 0);
  ask.options = {"--mca", "btl", "self,tcp"};
  CHECK(shell_line(launcher->argv(ask)).find(" --mca btl self,tcp llmrun-rank") != std::string::npos);
  CHECK(launcher->hostfile_text({{"n1", 4}, {"n2", 2}}) == "n1 slots=4\nn2 slots=2\n");
}

TEST_CASE("PRRTE gets the same words under its own name") {
  CHECK(shell_line(make_prrte()->argv(request())) ==
        "prterun --hostfile /run/hostfile -n 8 --map-by ppr:4:node --prtemca oob_tcp_keepalive_time 5 --prtemca oob_tcp_keepalive_intvl 3 "
        "--prtemca "
        "oob_tcp_keepalive_probes 3 --bind-to none -x OMP_NUM_THREADS llmrun-rank --plan /run/plan.json");
  for (const auto& [name, value] : make_prrte()->environment()) CHECK(name.starts_with("PRTE_ALLOW_RUN_AS_ROOT"));
}

TEST_CASE("Hydra learns from its hostfile how many ranks a host has") {
  CHECK(shell_line(make_hydra()->argv(request())) == "mpiexec.hydra -f /run/hostfile -n 8 llmrun-rank --plan /run/plan.json");
  CHECK(make_hydra()->hostfile_text({{"n1", 4}, {"n2", 2}}) == "n1:4\nn2:2\n");
}

TEST_CASE("srun gets a step of this run's nodes, bound as asked, and no GPUs a task") {
  LaunchRequest ask = request();
  CHECK(shell_line(make_srun()->argv(ask)) ==
        "srun --nodes=2 --ntasks=8 --nodelist=/run/hostfile --ntasks-per-node=4 --distribution=block --kill-on-bad-exit=1 --export=ALL "
        "--cpus-per-task=8 "
        "--cpu-bind=cores llmrun-rank --plan /run/plan.json");
  ask.even = false;
  ask.cpu_bind = "none";
  ask.pmi = "pmix";
  CHECK(shell_line(make_srun()->argv(ask)) ==
        "srun --nodes=2 --ntasks=8 --nodelist=/run/hostfile --distribution=arbitrary --kill-on-bad-exit=1 --export=ALL --mpi=pmix "
        "--cpu-bind=none "
        "llmrun-rank --plan /run/plan.json");
  ask.pmi = "cray";
  CHECK(shell_line(make_srun()->argv(ask)).find("--mpi=cray_shasta") != std::string::npos);
  CHECK(make_srun()->hostfile_text({{"n1", 2}, {"n2", 2}}) == "n1\nn2\n");
  CHECK(make_srun()->hostfile_text({{"n1", 2}, {"n2", 1}}) == "n1\nn1\nn2\n");  // a line a rank
}

TEST_CASE("every launcher that the configuration takes is there, and another is refused by name") {
  for (const char* name : {"openmpi", "prrte", "pals", "hydra", "srun", "local"}) CHECK(make_launcher(name)->name() == name);
  CHECK_THROWS_WITH_AS(make_launcher("aprun"), "machine.launcher 'aprun' is not known", Error);
}

TEST_CASE("deaths are read from what Open MPI and PRRTE print") {
  const auto told = [](std::initializer_list<const char*> lines) { return death_told(*make_openmpi(), lines); };
  CHECK(told({"mpirun noticed that process rank 1 with PID 0 on node n1 exited on signal 9 (Killed)."}) ==
        "rank 1 on 'n1': signal 9, code 0");
  CHECK(told({"prterun noticed that process rank 3 with PID 4711 on node n2 exited on", "signal 11 (Segmentation fault)."}) ==
        "rank 3 on 'n2': signal 11, code 0");
  CHECK(told({"  Process name: [[23716,1],5]", "  Exit code:    3"}) == "rank 5 on '': signal 0, code 3");
  CHECK(told({"   Process name: [prterun-n1-4711@1,2]", "   Exit code:    97"}) == "rank 2 on '': signal 0, code 97");
  CHECK(told({"MPI_ABORT was invoked on rank 4 in communicator MPI_COMM_WORLD", "with errorcode 5."}) == "rank 4 on '': signal 0, code 5");
  CHECK(told({"  HNP daemon   : [[30362,0],0] on node node-a", "  Remote daemon: [[30362,0],1] on node node-b"}) ==
        "host 'node-b' is lost");
  CHECK(told({"step 3 loss 2.1 signal 9", "Exit code: 4"}) == "");  // a rank may print anything
}

/// What of a launcher's output a person sees.
std::string shown(Launcher& launcher, std::string_view output) {
  std::string text;
  for (size_t begin = 0, end; begin < output.size(); begin = end + 1) {
    end = std::min(output.find('\n', begin), output.size());
    const std::string_view line = output.substr(begin, end - begin);
    if (!launcher.is_chatter(line)) text += std::string(line) + "\n";
  }
  return text;
}

TEST_CASE("mpirun's account of an end is not shown, what a rank says and what else mpirun says is") {
  const std::string frame(74, '-');
  const std::string ending =
      frame +
      "\nPrimary job  terminated normally, but 1 process returned\na non-zero exit code. Per user-direction, the job "
      "has been aborted.\n" +
      frame + "\n";
  CHECK(shown(*make_openmpi(), "step 1\nmpirun: Forwarding signal 10 to job\n" + ending + "saved checkpoint of step 3\n" + frame +
                                   "\nmpirun detected that one or more processes exited with non-zero status, thus causing\nthe job to be "
                                   "terminated. The first process to do so was:\n\n  Process name: [[1130,1],1]\n  Exit code:    138\n" +
                                   frame + "\n") == "step 1\nsaved checkpoint of step 3\n");
  CHECK(shown(*make_openmpi(),
              frame + "\nprterun noticed that process rank 3 with PID 47 on node n2 exited on\nsignal 9 (Killed).\n" + frame) == "");
  CHECK(shown(*make_openmpi(), frame + "\nMPI_ABORT was invoked on rank 4 in communicator MPI_COMM_WORLD\nwith errorcode 5.\n" + frame) ==
        "");
  const std::string slots = "There are not enough slots available in the system to satisfy the 9\nslots that were requested:\n";
  CHECK(shown(*make_openmpi(), frame + "\n" + slots + frame + "\nstep 2\n") == slots + "step 2\n");
  std::string open = "mpirun noticed that process rank 1 with PID 0 on node n1 exited on signal 9 (Killed).\n";  // its frame never closes
  for (int i = 0; i < 40; ++i) open += "line\n";
  CHECK(shown(*make_openmpi(), open).size() == 11 * std::string_view("line\n").size());
}

TEST_CASE("PALS tells of every rank that it ended: the log keeps that") {
  CHECK(shown(*make_pals(), "n1: rank 5 died from signal 9\nn1: rank 0 died from signal 15\nn1: rank 2 is fine\n") ==
        "n1: rank 2 is fine\n");
}

TEST_CASE("deaths are read from what PALS prints") {
  const auto told = [](std::initializer_list<const char*> lines) { return death_told(*make_pals(), lines); };
  CHECK(told({"x3006c0s13b0n0.hsn.cm: rank 5 died from signal 9"}) == "rank 5 on 'x3006c0s13b0n0.hsn.cm': signal 9, code 0");
  CHECK(told({"n1: rank 0 died from signal 11 and dumped core"}) == "rank 0 on 'n1': signal 11, code 0");
  CHECK(told({"n1: rank 2 exited with code 97"}) == "rank 2 on 'n1': signal 0, code 97");
  CHECK(told({"n1: rank 2 is fine", "n1: shepherd died from signal 9"}) == "");
}

// What mpiexec.hydra of MPICH 5.0.2 printed when rank 1 of 3 was killed: the pid is that of rank 0.
constexpr std::string_view kHydraEnding = R"(step 1

===================================================================================
=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=   PID 3198 RUNNING AT n1
=   EXIT CODE: 9
=   CLEANING UP REMAINING PROCESSES
=   YOU CAN IGNORE THE BELOW CLEANUP MESSAGES
===================================================================================
YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Segmentation fault (signal 11)
This typically refers to a problem with your application.
Please see the FAQ page for debugging suggestions
)";

TEST_CASE("Hydra's account of an end is not shown, and names the host and the signal alone") {
  CHECK(shown(*make_hydra(), kHydraEnding) == "step 1\n\n");
  CHECK(!make_hydra()->names_dead_ranks());
  CHECK(death_told(*make_hydra(), {"=   PID 3198 RUNNING AT n1", "=   EXIT CODE: 9",
                                   "YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Segmentation fault (signal 11)"}) ==
        "rank -1 on 'n1': signal 11, code 0");
  CHECK(death_told(*make_hydra(), {"=   RANK 3 PID 7 RUNNING AT n2", "=   KILLED BY SIGNAL: 11 (Segmentation fault)"}) ==
        "rank 3 on 'n2': signal 11, code 0");  // Intel MPI
  CHECK(death_told(*make_hydra(), {"I am RUNNING AT full speed", "Killed (signal 9)"}) == "");
  const std::string trouble = "[mpiexec@n1] HYDU_parse_hostfile (args.c:345): unable to process token\n";
  CHECK(shown(*make_hydra(), trouble) == trouble);
}

// What srun of Slurm 22.05 printed when task 1 of 4 on two nodes ended with 7.
constexpr std::string_view kSrunEnding = R"(step 1
srun: error: n1: task 1: Exited with exit code 7
srun: launch/slurm: _step_signal: Terminating StepId=1.3
slurmstepd-n1: error: *** STEP 1.3 ON n1 CANCELLED AT 2026-11-24T11:41:21 ***
srun: error: n1: task 0: Terminated
srun: error: n2: tasks 2-3: Terminated
srun: Force Terminated StepId=1.3
)";

TEST_CASE("deaths are read from what srun prints, and the rest of its account is not shown") {
  const auto told = [](std::initializer_list<const char*> lines) { return death_told(*make_srun(), lines); };
  CHECK(told({"srun: error: n1: task 1: Killed"}) == "rank 1 on 'n1': signal 9, code 0");
  CHECK(told({"srun: error: n2: task 3: Segmentation fault (core dumped)"}) == "rank 3 on 'n2': signal 11, code 0");
  CHECK(told({"srun: error: n1: task 2: Exited with exit code 97"}) == "rank 2 on 'n1': signal 0, code 97");
  CHECK(told({"srun: error: n1: tasks 0,2-3: Terminated"}) == "rank 0 on 'n1': signal 15, code 0");
  CHECK(told({"srun: error: Unable to create step for job 7: More processors requested than permitted"}) == "");
  CHECK(told({"step 3: task 1: Killed"}) == "");
  const std::string trouble = "srun: error: Unable to create step for job 7: More processors requested than permitted\n";
  CHECK(shown(*make_srun(), std::string(kSrunEnding) + trouble) == "step 1\n" + trouble);
}

}  // namespace llmrun
