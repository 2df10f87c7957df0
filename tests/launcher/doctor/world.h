#pragma once
#include <filesystem>
#include <fstream>

#include "launcher/doctor/surroundings.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {

/// A machine that is a folder: its PATH holds what the test puts there and nothing else, its HOME and its programs are empty files.
struct World {
  TemporaryDirectory directory;
  Surroundings here;

  World() {
    std::filesystem::create_directories(directory / "bin");
    std::filesystem::create_directories(directory / "prefix/bin");
    std::filesystem::create_directories(directory / "home");
    write("prefix/bin/llmrun", "abc");
    here.environment.set("PATH", directory / "bin");
    here.environment.set("HOME", directory / "home");
    here.program = directory / "prefix/bin/llmrun";
    here.version = "1.2.3";
    here.user = "ada";
    here.sources.directory = directory.path();
    here.sources.profile_directories = {directory / "profiles"};
    here.sources.host = "node7";
    here.patience = std::chrono::seconds(20);
  }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(directory / name).parent_path());
    std::ofstream(directory / name) << text;
  }
  /// A shell script; its own PATH is the system's.
  void program(const std::string& name, const std::string& script) const {
    write(name, "#!/bin/sh\nPATH=/usr/bin:/bin\n" + script + "\n");
    std::filesystem::permissions(directory / name, std::filesystem::perms::owner_all);
  }
  void command(const std::string& name, const std::string& script) const { program("bin/" + name, script); }

  Config& config() { return here.resolved.config; }

  /// The result of the check of this name.
  Result operator()(std::vector<Check> (*group)(const Surroundings&), const std::string& name) const {
    for (const Check& check : group(here))
      if (check.name == name) {
        try {
          return check.look();
        } catch (const Error& error) {  // as run_checks() does
          return {Verdict::fail, error.what(), error.complaints().back().hint};
        }
      }
    FAIL("no check '", name, "'");
    return {};
  }
};

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace llmrun
