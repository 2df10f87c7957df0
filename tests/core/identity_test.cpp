#include "engine/core/identity.h"

#include <array>
#include <cstdlib>
#include <map>

#include "engine/core/error.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

using Variables = std::map<std::string, std::string>;

/// The environment as a launcher would leave it, and as it was afterwards.
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    for (const char* name :
         {"LLMRUN_LAUNCHER", "OMPI_COMM_WORLD_RANK", "PALS_RANKID", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "SLURM_PROCID",
          "SLURM_STEP_NUM_TASKS", "PMIX_RANK", "PRTE_LAUNCHED", "RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID"}) {
      remember(name);
      ::unsetenv(name);
    }
    for (const auto& [name, value] : variables) {
      remember(name);
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
  ~Environment() {
    for (const auto& [name, value] : before_) value.second ? ::setenv(name.c_str(), value.first.c_str(), 1) : ::unsetenv(name.c_str());
  }

 private:
  void remember(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    before_.insert({name, {value ? value : "", value != nullptr}});
  }
  std::map<std::string, std::pair<std::string, bool>> before_;
};

std::array<int, 4> identity(const Variables& variables) {
  Environment environment(variables);
  const Identity id = identity_from_environment();
  return {id.rank, id.size, id.local_rank, id.local_size};
}

using Four = std::array<int, 4>;

}  // namespace

TEST_CASE("every launcher's environment gives the rank's identity") {
  CHECK(identity({}) == Four{0, 1, 0, 1});
  CHECK(identity({{"OMPI_COMM_WORLD_RANK", "5"},
                  {"OMPI_COMM_WORLD_SIZE", "8"},
                  {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                  {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}}) == Four{5, 8, 1, 4});
  CHECK(identity({{"PALS_RANKID", "3"}, {"PALS_LOCAL_RANKID", "1"}, {"PALS_LOCAL_SIZE", "2"}}) == Four{3, 0, 1, 2});
  CHECK(identity({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}}) == Four{1, 2, 1, 2});
  CHECK(identity({{"PMI_RANK", "3"}, {"PMI_SIZE", "4"}, {"PMI_LOCAL_RANK", "1"}, {"PMI_LOCAL_SIZE", "2"}}) == Four{3, 4, 1, 2});
  CHECK(identity({{"PMIX_RANK", "7"}}) == Four{7, 0, 0, 0});
  CHECK(identity({{"PMIX_RANK", "7"}, {"PRTE_LAUNCHED", "1"}}) == Four{7, 0, 0, 0});
  CHECK(identity({{"PMIX_RANK", "7"}, {"PMIX_LOCAL_RANK", "3"}, {"PMIX_LOCAL_SIZE", "4"}}) == Four{7, 0, 3, 4});
}

TEST_CASE("PALS says no size: PMI_SIZE counts a node, or belongs to another MPI") {
  const Variables on_second_node{{"PALS_RANKID", "5"}, {"PALS_LOCAL_RANKID", "1"}, {"PALS_LOCAL_SIZE", "4"}, {"PMI_RANK", "5"}};
  CHECK(identity(on_second_node) == Four{5, 0, 1, 4});
  Variables counts_a_node = on_second_node;
  counts_a_node["PMI_SIZE"] = "4";
  CHECK(identity(counts_a_node) == Four{5, 0, 1, 4});
}

TEST_CASE("a launcher inside a Slurm job is not taken for the step that its daemons are") {
  const Variables daemon{{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_LOCALID", "0"}};
  const auto inside = [&](Variables variables) {
    variables.insert(daemon.begin(), daemon.end());
    return identity(variables);
  };
  CHECK(inside({{"PMI_RANK", "7"}, {"PMI_SIZE", "8"}, {"MPI_LOCALRANKID", "3"}, {"MPI_LOCALNRANKS", "4"}}) == Four{7, 8, 3, 4});
  CHECK(inside({{"PMIX_RANK", "7"}, {"PRTE_LAUNCHED", "1"}}) == Four{7, 0, 0, 0});
  CHECK(inside({{"PMIX_RANK", "1"}}) == Four{1, 2, 0, 1});                    // srun --mpi=pmix
  CHECK(inside({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}) == Four{1, 2, 0, 1});  // srun --mpi=pmi2
}

TEST_CASE("the dialect that llmrun launched with goes before any other launcher's names") {
  CHECK(identity({{"LLMRUN_LAUNCHER", "hydra"}, {"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"PALS_RANKID", "9"}}) == Four{1, 2, 0, 0});
  CHECK(identity({{"LLMRUN_LAUNCHER", "srun"},
                  {"SLURM_PROCID", "1"},
                  {"SLURM_STEP_NUM_TASKS", "2"},
                  {"SLURM_LOCALID", "1"},
                  {"OMPI_COMM_WORLD_RANK", "7"},
                  {"OMPI_COMM_WORLD_SIZE", "8"}}) == Four{1, 2, 1, 1});
  CHECK(identity({{"LLMRUN_LAUNCHER", "openmpi"}, {"PMIX_RANK", "3"}}) == Four{3, 0, 0, 0});  // another launcher under that name
}

TEST_CASE("what a launcher does not say comes from the plan's hosts") {
  const int64_t hosts[]{4, 2, 3};
  const auto whole = [&](const Identity& said) {
    const Identity id = completed(said, hosts);
    return Four{id.rank, id.size, id.local_rank, id.local_size};
  };
  CHECK(whole({.rank = 0, .size = 0, .local_size = 0}) == Four{0, 9, 0, 4});
  CHECK(whole({.rank = 3, .size = 0, .local_size = 0}) == Four{3, 9, 3, 4});
  CHECK(whole({.rank = 5, .size = 0, .local_size = 0}) == Four{5, 9, 1, 2});
  CHECK(whole({.rank = 8, .size = 9, .local_size = 0}) == Four{8, 9, 2, 3});
  CHECK(whole({.rank = 8, .size = 9, .local_rank = 1, .local_size = 2}) == Four{8, 9, 1, 2});  // the launcher's word stands
  CHECK_THROWS_AS(whole({.rank = 9, .size = 0, .local_size = 0}), Error);
}

TEST_CASE("a Slurm step is a rank, and a batch script is not") {
  const auto task_on_node = [](const char* node) {
    return Variables{{"SLURM_PROCID", "4"},
                     {"SLURM_STEP_NUM_TASKS", "5"},
                     {"SLURM_LOCALID", "0"},
                     {"SLURM_NODEID", node},
                     {"SLURM_STEP_TASKS_PER_NODE", "2(x2),1"}};
  };
  CHECK(identity(task_on_node("2")) == Four{4, 5, 0, 1});
  CHECK(identity(task_on_node("1")) == Four{4, 5, 0, 2});
  CHECK(identity({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "16"}}) == Four{0, 1, 0, 1});
}

TEST_CASE("RANK and WORLD_SIZE of somebody's shell are not believed") {
  CHECK(identity({{"RANK", "3"}, {"WORLD_SIZE", "4"}}) == Four{0, 1, 0, 1});
  CHECK(identity({{"RANK", "3"}, {"WORLD_SIZE", "4"}, {"TORCHELASTIC_RUN_ID", "x"}}) == Four{3, 4, 0, 0});
  CHECK(identity({{"RANK", "3"}, {"WORLD_SIZE", "4"}, {"LLMRUN_LAUNCHER", "local"}, {"OMPI_COMM_WORLD_RANK", "0"}}) == Four{3, 4, 0, 0});
}

TEST_CASE("a rank that is no number or not below the size is refused") {
  CHECK_THROWS_AS(identity({{"OMPI_COMM_WORLD_RANK", "x"}, {"OMPI_COMM_WORLD_SIZE", "8"}}), Error);
  CHECK_THROWS_AS(identity({{"OMPI_COMM_WORLD_RANK", "-1"}, {"OMPI_COMM_WORLD_SIZE", "8"}}), Error);
  CHECK_THROWS_AS(identity({{"OMPI_COMM_WORLD_RANK", "8"}, {"OMPI_COMM_WORLD_SIZE", "8"}}), Error);
}
