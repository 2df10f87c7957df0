#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launcher/doctor/check.h"
#include "launcher/process/ask.h"
#include "launcher/profile/layers.h"

namespace llmrun {

/// What the checks of this machine look at. All of it is data, so that a test makes a world of its own.
struct Surroundings {
  Variables environment;
  Sources sources;                // of the configuration; its profile directories are looked through
  Resolved resolved;              // what it gives; the defaults where it is refused
  std::optional<Error> refused;   // why it is refused
  std::filesystem::path program;  // llmrun itself; its siblings lie beside it
  std::string version;
  std::string user;
  std::chrono::milliseconds patience{5'000};  // for one command
  bool network = false;                       // whether anything beyond this machine and its scheduler may be asked

  const Config& config() const { return resolved.config; }
  bool has(const std::string& command) const { return !find_on_path(command, environment).empty(); }
};

/// A command's answer within the patience. Throws Error(Exit::unreachable) with its last words where it fails or is late.
std::string answer_of(const Surroundings& here, std::vector<std::string> argv);

// The checks of this machine, a file each.
std::vector<Check> program_checks(const Surroundings& here);      // are llmrun's own parts there, and of one build
std::vector<Check> profile_checks(const Surroundings& here);      // which machine is this, and does every profile parse
std::vector<Check> scheduler_checks(const Surroundings& here);    // server, queue, account
std::vector<Check> filesystem_checks(const Surroundings& here);   // home, run directory, TMPDIR, what jobs ask for; room and quota
std::vector<Check> environment_checks(const Surroundings& here);  // stale ranks, proxy, limits, clock
std::vector<Check> launcher_checks(const Surroundings& here);     // MPI and PMIx

/// All of them, in the order a person reads them.
std::vector<Check> checks_of_this_machine(const Surroundings& here);

}  // namespace llmrun
