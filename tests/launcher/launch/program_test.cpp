#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "launcher/launch/launcher.h"
#include "launcher/launch/port_claim.h"
#include "launcher/launch/prepare.h"
#include "launcher/launch/program_launch.h"
#include "launcher/launch/rank_environment.h"
#include "launcher/render/shell.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

PlanInput on_hosts(std::vector<Host> hosts, int64_t gpus) {
  PlanInput input;
  input.allocation.hosts = std::move(hosts);
  input.node.gpus = gpus;
  input.node.cores = 64;
  input.directory = "/home/me";
  return input;
}

Launch launch(const PlanInput& input) { return program_launch(input, {"prog"}, "/bin/llmrun", "n1", "/home/me/outputs/prog"); }

std::string placed(const PlanInput& input) { return slots_hostfile(launch(input).hosts); }

/// NAME=VALUE of what decides over a rank's GPU.
std::string gpu_of_rank(int local_rank, const char* accelerator, const char* affinity, int64_t gpus,
                        std::map<std::string, std::string> given = {}) {
  Variables environment(std::move(given));
  const ProgramRank rank{.run = "/r", .ranks_of_hosts = {gpus}, .gpus = gpus, .accelerator = accelerator, .affinity = affinity, .argv = {}};
  set_rank_environment(rank, {.rank = local_rank, .size = 8, .local_rank = local_rank, .local_size = 4}, environment);
  for (const char* name : {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"})
    if (const auto value = environment.get(name)) return fmt::format("{}={}", name, *value);
  return "";
}

}  // namespace

TEST_CASE("ranks of any program: one a GPU, a slot or a host, and as many as are asked for") {
  PlanInput input = on_hosts({{"n1"}, {"n2"}}, 4);
  CHECK(placed(input) == "n1 slots=4\nn2 slots=4\n");
  input.ranks = 6;
  CHECK(placed(input) == "n1 slots=4\nn2 slots=2\n");
  input.ranks = 12;  // more than the GPUs: they are shared
  CHECK(placed(input) == "n1 slots=6\nn2 slots=6\n");
  input.ranks.reset();
  input.resolved.config.job.ranks_per_node = 2;
  CHECK(placed(input) == "n1 slots=2\nn2 slots=2\n");
  input.ranks = 2;
  CHECK(placed(input) == "n1 slots=2\n");
  CHECK(placed(on_hosts({{"n1"}, {"n2"}}, 0)) == "n1 slots=1\nn2 slots=1\n");
  CHECK(placed(on_hosts({{"n1", 3}, {"n2", 1}}, 0)) == "n1 slots=3\nn2 slots=1\n");
  input = on_hosts({{"n1", 1}}, 0);
  input.ranks = 2;
  CHECK_THROWS_AS(placed(input), Error);  // the hostfile's word counts
}

TEST_CASE("the rank's command says all that it needs, and the program's words follow as they are") {
  PlanInput input = on_hosts({{"n1"}, {"n2"}, {"n3"}}, 4);
  input.ranks = 10;
  input.resolved.config.machine.node.affinity = "reversed";
  CHECK(shell_line(launch(input).command) ==
        "/bin/llmrun __rank --run /home/me/outputs/prog --hosts '4*2,2' --gpus 4 --accelerator cuda --affinity reversed -- prog");
  input.resolved.config.machine.node.affinity = "none";
  CHECK(shell_line(launch(input).command) == "/bin/llmrun __rank --run /home/me/outputs/prog --hosts '4*2,2' -- prog");
}

TEST_CASE("I1: a lone colon, where mpiexec would begin another program, goes under cover; every other word stands as it is") {
  const std::vector<std::string> words{"prog", ":", "llmrun:", "a:b", "", "--", "-n", "[x]", "\xff"};
  const std::vector<std::string> line =
      rank_command("llmrun", {.run = "/r", .ranks_of_hosts = {1}, .accelerator = "", .affinity = "", .argv = words});
  const auto mark = std::find(line.begin(), line.end(), "--");
  const std::vector<std::string> behind(mark + 1, line.end());
  CHECK(std::count(behind.begin(), behind.end(), ":") == 0);
  CHECK(program_words(behind) == words);
  for (const char* word : {"a:b", "", "-n", "[x]", "\xff"}) CHECK(std::count(behind.begin(), behind.end(), word) == 1);
}

TEST_CASE("ten thousand hosts are a few characters") {
  std::vector<int64_t> counts(10'624, 12);
  counts.push_back(5);
  CHECK(host_counts_text(counts) == "12*10624,5");
  CHECK(parse_host_counts("12*10624,5") == counts);
  CHECK(parse_host_counts("3") == std::vector<int64_t>{3});
  for (const char* wrong : {"", "0", "x", "2*", "2*0", "2,", "-1", "2*9999999"}) CHECK_THROWS_AS(parse_host_counts(wrong), Error);
}

TEST_CASE("a rank sees its own GPU by the machine's affinity, out of those that a scheduler left") {
  CHECK(gpu_of_rank(0, "cuda", "reversed", 4) == "CUDA_VISIBLE_DEVICES=3");
  CHECK(gpu_of_rank(3, "cuda", "reversed", 4) == "CUDA_VISIBLE_DEVICES=0");
  CHECK(gpu_of_rank(5, "cuda", "linear", 4) == "CUDA_VISIBLE_DEVICES=1");
  CHECK(gpu_of_rank(1, "rocm", "linear", 8) == "ROCR_VISIBLE_DEVICES=1");
  CHECK(gpu_of_rank(5, "xpu", "linear", 12) == "ZE_AFFINITY_MASK=2.1");
  CHECK(gpu_of_rank(5, "xpu", "linear", 12, {{"ZE_FLAT_DEVICE_HIERARCHY", "FLAT"}}) == "ZE_AFFINITY_MASK=5");
  CHECK(gpu_of_rank(1, "cuda", "linear", 4, {{"CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b"}}) == "CUDA_VISIBLE_DEVICES=GPU-b");
  CHECK(gpu_of_rank(2, "cuda", "linear", 4, {{"CUDA_VISIBLE_DEVICES", "MIG-7"}}) == "CUDA_VISIBLE_DEVICES=MIG-7");
  CHECK(gpu_of_rank(2, "", "", 0) == "");
}

TEST_CASE("a rank is told who it is in torchrun's names") {
  Variables environment;
  set_rank_environment({.run = "", .ranks_of_hosts = {}, .accelerator = "", .affinity = "", .argv = {}},
                       {.rank = 5, .size = 8, .local_rank = 1, .local_size = 4}, environment);
  CHECK(environment.lines() == std::vector<std::string>{"LOCAL_RANK=1", "LOCAL_WORLD_SIZE=4", "RANK=5", "WORLD_SIZE=8"});
}

TEST_CASE("more ranks than this machine may have processes are refused before a launcher tries") {
  Launch launch{.hosts = {{"here", 101}}, .here_alone = true, .cores_per_node = 2};
  CHECK_THROWS_WITH_AS(check_processes(launch, 100), "101 ranks are more processes than this machine may have: 100", Error);
  CHECK_NOTHROW(check_processes(launch, 101));
  launch.ranks_are_threads = true;
  CHECK_NOTHROW(check_processes(launch, 100));
  CHECK_NOTHROW(check_processes({.hosts = {{"a", 101}, {"b", 101}}}, 100));  // who knows what they may have
  CHECK(most_processes() > 100);
}

TEST_CASE("ranks meet on rank 0's host, or here where they are all here") {
  Launch one = launch(on_hosts({{"n1", 2}}, 0)), two = launch(on_hosts({{"n0", 1}, {"n1", 1}}, 0));
  set_meeting_point(one, 20001);
  set_meeting_point(two, 20001);
  CHECK(one.variables.at(0).second == "127.0.0.1");
  CHECK(two.variables.at(0).second == "n0");
  CHECK(two.variables.at(1) == std::pair<std::string, std::string>("MASTER_PORT", "20001"));
}

TEST_CASE("X3: no two launches of a machine get one port, and the program can listen on it") {
  std::set<uint16_t> ports;
  std::vector<std::unique_ptr<PortClaim>> claims;
  for (int i = 0; i < 500; ++i) {
    claims.push_back(std::make_unique<PortClaim>());
    CHECK(ports.insert(claims.back()->port()).second);
  }
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(claims[0]->port());
  CHECK(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(descriptor, 1) == 0);
  ::close(descriptor);
}

TEST_CASE("no launch is called as the newest run is") {
  PlanInput input;
  input.resolved.config.run.name = "last";
  CHECK_THROWS_WITH_AS(run_place(input, "true"), "run.name 'last' is how commands call the newest run", Error);
}

TEST_CASE("a run directory of its own for each launch, whatever the program is called") {
  TemporaryDirectory directory;
  PlanInput input = on_hosts({{"n1"}}, 0);
  input.directory = directory.path();
  const RunPlace first = make_run_place(input, "/opt/my prog.py", 0), second = make_run_place(input, "/opt/my prog.py", 0);
  CHECK(first.name.starts_with("my-prog.py-19"));
  CHECK(second.name == first.name + "-2");
  CHECK(std::filesystem::is_directory(second.dir));
  CHECK(run_place(input, "--help").name == "help");
  CHECK(run_place(input, "$(reboot)").name == "reboot-");
  CHECK(run_place(input, "\xff/").name == "program");
  input.resolved.config.run.name = "mine";
  CHECK(make_run_place(input, "prog", 0).dir == directory.path() / "outputs/mine");
  input.resolved.config.run.dir = "there";
  CHECK(make_run_place(input, "prog", 0).dir == directory.path() / "there");
  input.resolved.config.run.name = "a/b";
  CHECK_THROWS_AS(run_place(input, "prog"), Error);
}

}  // namespace llmrun
