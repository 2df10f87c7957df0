#include <sys/stat.h>
#include <unistd.h>

#include "launcher/doctor/surroundings.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBuild = "./bootstrap build, or install it again: ./bootstrap install PREFIX";

fs::path beside(const Surroundings& here, const char* name) { return here.program.parent_path() / name; }
bool can_run(const fs::path& program) { return ::access(program.c_str(), X_OK) == 0; }

std::string without_newline(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Result look_at_versions(const Surroundings& here) {
  const fs::path rank = beside(here, "llmrun-rank");
  if (!can_run(rank)) return {Verdict::fail, fmt::format("'{}' is not there: nothing can be trained", rank.string()), kBuild};
  const std::string said = without_newline(answer_of(here, {rank.string(), "--version"}));
  const std::string wanted = "llmrun-rank " + here.version;
  if (said != wanted) return {Verdict::fail, fmt::format("llmrun is {}, and beside it is '{}'", here.version, said), kBuild};
  return {Verdict::ok, fmt::format("llmrun and llmrun-rank {} in '{}'", here.version, here.program.parent_path().string()), {}};
}

/// For the record: which bytes ran.
Result look_at_checksums(const Surroundings& here) {
  std::vector<std::string> argv{"sha256sum", here.program.string()};
  if (const fs::path rank = beside(here, "llmrun-rank"); can_run(rank)) argv.push_back(rank.string());
  std::string text = answer_of(here, std::move(argv)), seen;
  while (!text.empty()) {
    const std::string line = text.substr(0, text.find('\n'));
    text.erase(0, line.size() + 1);
    if (const size_t blank = line.find(' '); blank != std::string::npos)
      seen += fmt::format("{}{} {}", seen.empty() ? "" : ", ", fs::path(line.substr(blank + 2)).filename().string(), line.substr(0, blank));
  }
  return {Verdict::ok, seen, {}};
}

/// The modules that llmrun-rank opens when it needs them (engine/comm/module.h looks in the same places).
Result look_at_modules(const Surroundings& here) {
  std::vector<fs::path> folders{beside(here, "../lib"), beside(here, "../lib/llmrun")};
  if (const auto given = here.environment.get("LLMRUN_MODULES")) folders.insert(folders.begin(), *given);
  const auto built = [&](const char* name) {
    for (const fs::path& folder : folders)
      if (fs::exists(folder / name)) return true;
    return false;
  };
  const bool cuda = built("llmrun_cuda.so"), mpi = built("llmrun_mpi.so"), pmix = built("llmrun_pmix.so");
  const auto with = [](bool there) { return there ? "with" : "without"; };
  std::string seen = fmt::format("{} CUDA and NCCL, {} MPI, {} PMIx", with(cuda), with(mpi), with(pmix));
  const bool wants_gpus = here.config().machine.node.gpus.value_or(0) > 0;
  if (!cuda && wants_gpus)
    return {Verdict::fail, fmt::format("{}, and the nodes of this machine have {} GPUs", seen, *here.config().machine.node.gpus),
            "build where a CUDA toolkit is: ./bootstrap build; or on CPUs: --set machine.node.gpus=0"};
  return {Verdict::ok, std::move(seen), {}};
}

}  // namespace

std::vector<Check> program_checks(const Surroundings& here) {
  return {{"programs", "llmrun and llmrun-rank are there and of one version", [=] { return look_at_versions(here); }},
          {"checksums", "which binaries these are", [=] { return look_at_checksums(here); }},
          {"build", "what llmrun-rank was built with", [=] { return look_at_modules(here); }}};
}

}  // namespace llmrun
