// Processes of this test's own launch, without any launcher: they meet by the store of rank 0.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "engine/comm/socket.h"
#include "engine/core/file.h"
#include "tests/support/tensor_test.h"

extern char** environ;

namespace {

using Variables = std::map<std::string, std::string>;

/// A directory that goes with the test.
struct TemporaryDirectory {
  std::filesystem::path path;
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "llmrun-comm-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

pid_t start(const std::string& test_case, const Variables& variables, const std::filesystem::path& log) {
  std::vector<std::string> environment;
  for (char** each = environ; *each; ++each) environment.emplace_back(*each);
  for (const auto& [name, value] : variables) environment.push_back(fmt::format("{}={}", name, value));
  std::vector<char*> environment_pointers;
  for (auto& each : environment) environment_pointers.push_back(each.data());
  environment_pointers.push_back(nullptr);
  std::string program = LLMRUN_TEST_LAUNCHED;
  std::string filter = fmt::format("--test-case={}", test_case);
  char* arguments[] = {program.data(), filter.data(), nullptr};
  posix_spawn_file_actions_t into_log;
  ::posix_spawn_file_actions_init(&into_log);
  ::posix_spawn_file_actions_addopen(&into_log, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT, 0600);
  ::posix_spawn_file_actions_adddup2(&into_log, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = 0;
  CHECK(::posix_spawn(&pid, program.c_str(), &into_log, nullptr, arguments, environment_pointers.data()) == 0);
  ::posix_spawn_file_actions_destroy(&into_log);
  return pid;
}

/// Starts `ranks` processes and returns how each ended, as waitpid tells it.
std::vector<int> launch(const std::string& test_case, int ranks, const std::filesystem::path& meeting, Variables variables = {}) {
  variables.insert({{"LLMRUN_LAUNCHER", "local"},
                    {"WORLD_SIZE", std::to_string(ranks)},
                    {"LOCAL_WORLD_SIZE", std::to_string(ranks)},
                    {"LLMRUN_TEST_RANKS", std::to_string(ranks)},
                    {"LLMRUN_TEST_COMMUNICATOR", "auto"},
                    {"LLMRUN_TEST_EXPECT_KIND", "tcp"},
                    {"LLMRUN_TEST_EXPECT_WHY", "met by store"},
                    {"LLMRUN_TEST_MEETING", meeting.string()}});
  TemporaryDirectory logs;
  const auto log_of = [&](int rank) { return logs.path / fmt::format("rank-{}.log", rank); };
  std::vector<pid_t> pids;
  for (int rank = 0; rank < ranks; ++rank) {
    variables["RANK"] = variables["LOCAL_RANK"] = std::to_string(rank);
    pids.push_back(start(test_case, variables, log_of(rank)));
  }
  std::vector<int> ends;
  for (int rank = 0; rank < ranks; ++rank) {
    int status = 0;
    ::waitpid(pids[rank], &status, 0);
    ends.push_back(status);
    if (status != 0 && !WIFSIGNALED(status)) MESSAGE(llmrun::read_file(log_of(rank)));
  }
  return ends;
}

const std::vector<int> kThreeGood{0, 0, 0};

}  // namespace

TEST_CASE("processes that no MPI started meet by the store and pass every case over tcp") {
  TemporaryDirectory directory;
  CHECK(launch("the world of this launch passes every case", 3, directory.path / "meeting") == kThreeGood);
  CHECK(std::filesystem::is_empty(directory.path));
}

TEST_CASE("a meeting file that a dead attempt left behind is not believed") {
  TemporaryDirectory directory;
  const llmrun::Socket stranger = llmrun::listen_on("127.0.0.1");  // somebody who took the port since: it hangs up on everyone
  std::thread hangs_up([&] {
    for (int guest = 0; (guest = ::accept(stranger.get(), nullptr, nullptr)) >= 0;) ::close(guest);
  });
  const std::vector<std::string> endpoints{"127.0.0.1:1", llmrun::endpoint_of(stranger).text()};
  for (const std::string& endpoint : endpoints) {
    std::ofstream(directory.path / "meeting") << endpoint << " 0123456789abcdef\n";
    CHECK(launch("the world of this launch passes every case", 2, directory.path / "meeting") == std::vector{0, 0});
  }
  ::shutdown(stranger.get(), SHUT_RDWR);
  hangs_up.join();
}

TEST_CASE("a rank that is killed frees the others, who name it") {
  TemporaryDirectory directory;
  const auto ends = launch("rank 1 is killed*", 3, directory.path / "meeting");
  CHECK(ends[0] == 0);
  CHECK(WTERMSIG(ends[1]) == SIGKILL);
  CHECK(ends[2] == 0);
}

TEST_CASE("a launch of another size than the plan's is refused on every rank") {
  TemporaryDirectory directory;
  const Variables four{{"LLMRUN_TEST_RANKS", "1"}, {"LLMRUN_TEST_EXPECT_WHY", "the plan has 1 ranks, and the launcher started 3"}};
  CHECK(launch("a plan of another size*", 3, directory.path / "meeting", four) == kThreeGood);
}

TEST_CASE("an explicit mpi whose world is not the plan's is refused, never two worlds of one") {
  TemporaryDirectory directory;
  const Variables mpi{{"LLMRUN_TEST_COMMUNICATOR", "mpi"}, {"LLMRUN_TEST_EXPECT_WHY", LLMRUN_TEST_MPI_REFUSAL}};
  CHECK(launch("a plan of another size*", 3, directory.path / "meeting", mpi) == kThreeGood);
}
