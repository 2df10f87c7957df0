#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace llmrun {

/// A launcher that can start ranks on this machine, and what a shell says before `llmrun` so that it is found.
struct TestLauncher {
  std::string label;
  std::string name;   // as machine.launcher has it
  std::string setup;  // assignments, ending in a blank
};

/// Debian's mpirun, that of Open MPI 5, PRRTE's prterun and MPICH's mpiexec.hydra as PyPI has them (`./bootstrap test` fetches them into
/// .deps/launchers), and the stand-in for PALS' mpiexec. The wheel of Open MPI 5 was made to be moved: it wants to be told where it is.
inline std::vector<TestLauncher> test_launchers() {
  const std::string root = LLMRUN_SOURCE_DIR, fetched = root + "/.deps/launchers/";
  const auto first_on_path = [](const std::string& folder) { return "PATH='" + folder + "':\"$PATH\" "; };
  const std::string where = "'" + fetched + "openmpi' ";
  const std::string five =
      first_on_path(fetched + "openmpi/bin") + "OPAL_PREFIX=" + where + "PMIX_PREFIX=" + where + "PRTE_PREFIX=" + where;
  return {{"Open MPI 4", "openmpi", ""},
          {"Open MPI 5", "openmpi", five},
          {"PRRTE", "prrte", five},
          {"Hydra", "hydra", first_on_path(fetched + "mpich/bin")},
          {"PALS", "pals", first_on_path(root + "/tests/fakes")}};
}

/// Empty where all of them are there; else what is missing and how to get it.
inline std::string missing_launchers() {
  const std::filesystem::path fetched = std::filesystem::path(LLMRUN_SOURCE_DIR) / ".deps/launchers";
  for (const char* program : {"openmpi/bin/prterun", "mpich/bin/mpiexec.hydra"})
    if (!std::filesystem::exists(fetched / program)) return (fetched / program).string() + " is not there: ./bootstrap test fetches it";
  return "";
}

}  // namespace llmrun
