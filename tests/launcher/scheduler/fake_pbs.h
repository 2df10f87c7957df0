#pragma once
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "engine/core/json.h"
#include "launcher/scheduler/scheduler.h"
#include "tests/support/temporary_directory.h"

namespace llmrun {

inline std::string slurp(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

/// A PBS server that is a folder (tests/fakes/pbs), with its commands on the PATH.
struct FakePbs {
  explicit FakePbs(std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    const std::string fakes = std::string(LLMRUN_SOURCE_DIR) + "/tests/fakes/pbs";
    std::filesystem::create_directory(home.path() / "bin");
    environment = Variables::of_this_process();
    environment.set("PATH", (home.path() / "bin").string() + ":" + fakes + ":" + environment.get("PATH").value_or(""));
    environment.set("FAKE_PBS", home.path().string());
    pbs = make_pbs(environment, patience);
  }
  void fault(const std::string& word) const { std::ofstream(home.path() / "fault") << word; }
  /// A shell script in the place of a command; $REAL is the command.
  void replace(const std::string& command, const std::string& script) const {
    const auto file = home.path() / "bin" / command;
    std::ofstream(file) << "#!/bin/sh\nREAL='" LLMRUN_SOURCE_DIR "/tests/fakes/pbs/" << command << "'\n" << script << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  void restore(const std::string& command) const { std::filesystem::remove(home.path() / "bin" / command); }

  /// A job that the server takes. `more`: further directives.
  std::filesystem::path script(const std::string& queue, const std::string& more = "#PBS -A datascience\n") const {
    const auto path = home.path() / "job.sh";
    std::ofstream(path)
        << "#!/bin/bash\n#PBS -N king\n#PBS -l select=2\n#PBS -l walltime=00:30:00\n#PBS -l filesystems=home:eagle\n#PBS -q " << queue
        << "\n"
        << more << "exec true\n";
    return path;
  }
  json state() const { return read_json_file(home.path() / "state.json").at("jobs"); }
  json job(const std::string& id) const { return state().at(id); }
  int jobs() const { return static_cast<int>(state().size()); }

  TemporaryDirectory home;
  Variables environment;
  std::unique_ptr<Scheduler> pbs;
};

}  // namespace llmrun
