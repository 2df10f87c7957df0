#include "launcher/doctor/surroundings.h"
#include "launcher/profile/catalog.h"

namespace llmrun {
namespace {

Result look_at_configuration(const Surroundings& here) {
  if (here.refused) {
    const Complaint& first = here.refused->complaints().front();
    const size_t more = here.refused->complaints().size() - 1;
    return {Verdict::fail, more == 0 ? first.what : fmt::format("{} (and {} more)", first.what, more),
            first.hint.empty() ? "llmrun config check" : first.hint};
  }
  return {Verdict::ok, here.sources.run_file.empty() ? "defaults, profiles and environment fit" : here.sources.run_file + " is valid", {}};
}

/// A machine with a scheduler that no profile knows would be taken for a laptop.
Result look_at_machine(const Surroundings& here) {
  const MachineConfig& machine = here.config().machine;
  if (!machine.profile.empty()) {
    const bool by_host = Catalog(here.sources.profile_directories).machine_of_host(here.sources.host) == machine.profile;
    return {Verdict::ok,
            by_host ? fmt::format("'{}': host '{}' fits its patterns", machine.profile, here.sources.host)
                    : fmt::format("'{}': it was named", machine.profile),
            {}};
  }
  for (const char* command : {"qsub", "sbatch"})
    if (here.has(command) && machine.scheduler == "local")
      return {Verdict::warn, fmt::format("host '{}' fits no profile, and there is a '{}' here", here.sources.host, command),
              "llmrun profiles, then --set machine=NAME; or write your own in ~/.config/llmrun/profiles/machines"};
  return {Verdict::ok, fmt::format("none: host '{}' fits no profile, the defaults hold", here.sources.host), {}};
}

/// What is wrong with a profile, read as by a run that names it; empty: nothing. One that asks for what this version has not is well
/// written.
std::string fault_of(const Surroundings& here, ProfileKind kind, const std::string& name) {
  Sources sources;
  sources.directory = here.sources.directory;
  sources.profile_directories = here.sources.profile_directories;
  if (kind == ProfileKind::recipe)
    sources.run_file = name;
  else
    sources.sets = {fmt::format("{}={}", profile_kind_name(kind), name)};
  try {
    read_config(sources);
  } catch (const Error& error) {
    for (const Complaint& complaint : error.complaints())
      if (!complaint.what.ends_with("not built yet")) return complaint.what;
  }
  return {};
}

Result look_at_profiles(const Surroundings& here) {
  const Catalog catalog(here.sources.profile_directories);
  int count = 0;
  std::vector<std::string> bad;
  std::string why;
  for (const ProfileKind kind : {ProfileKind::machine, ProfileKind::model, ProfileKind::recipe})
    for (const std::string& name : catalog.names(kind)) {
      ++count;
      const std::string fault = fault_of(here, kind, name);
      if (fault.empty()) continue;
      bad.push_back(fmt::format("{} '{}'", profile_kind_name(kind), name));
      if (why.empty()) why = fault;
    }
  if (!bad.empty())
    return {Verdict::fail, fmt::format("{} of {} cannot be read: {}: {}", bad.size(), count, fmt::join(bad, ", "), why),
            "llmrun profiles show NAME"};
  return {Verdict::ok, fmt::format("all {} can be read", count), {}};
}

}  // namespace

std::vector<Check> profile_checks(const Surroundings& here) {
  return {{"configuration", "the configuration of this command can be read", [=] { return look_at_configuration(here); }},
          {"machine", "which machine profile holds here, and why", [=] { return look_at_machine(here); }},
          {"profiles", "every profile can be read, yours too", [=] { return look_at_profiles(here); }}};
}

}  // namespace llmrun
