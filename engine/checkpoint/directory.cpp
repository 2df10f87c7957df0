#include "engine/checkpoint/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/core/file.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

std::optional<int64_t> number_after(std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return {};
  const std::string_view digits = name.substr(prefix.size());
  int64_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.size() < 8 || digits.front() == '-' || failure != std::errc() || end != digits.data() + digits.size()) return {};
  return number;
}

std::vector<std::string> names_after(std::string_view prefix, const fs::path& checkpoints) {
  std::vector<std::pair<int64_t, std::string>> found;
  std::error_code absent;
  for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints, absent)) {
    const std::string name = entry.path().filename().string();
    if (const auto step = number_after(prefix, name); step && entry.is_directory()) found.emplace_back(*step, name);
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> names;
  for (auto& [step, name] : found) names.push_back(std::move(name));
  return names;
}

/// What `latest` says, "" when it is absent or unreadable.
std::string pointed_at(const fs::path& checkpoints) {
  try {
    std::string name = read_file(checkpoints / "latest");
    if (!name.empty() && name.back() == '\n') name.pop_back();
    return name;
  } catch (const Error&) {
    return "";
  }
}

/// Why a checkpoint cannot be used; empty when it can.
std::string why_unusable(const fs::path& directory) {
  try {
    CheckpointReader(directory).check_files();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

std::string step_directory_name(int64_t step) { return fmt::format("step-{:08}", step); }

std::optional<int64_t> step_of(std::string_view directory_name) { return number_after("step-", directory_name); }

std::vector<int64_t> steps_in(const fs::path& checkpoints) {
  std::vector<int64_t> steps;
  for (const std::string& name : names_after("step-", checkpoints)) steps.push_back(*step_of(name));
  return steps;
}

std::optional<FoundCheckpoint> find_checkpoint(const fs::path& checkpoints, const std::vector<Rejected>& rejected) {
  std::vector<std::string> names = names_after("step-", checkpoints);
  if (names.empty()) names = names_after("aside-step-", checkpoints);  // a crash between two renames of a save leaves only these
  if (names.empty()) return {};
  std::vector<Complaint> complaints;
  FoundCheckpoint found;
  for (const std::string& name : names) {
    const auto known = std::find_if(rejected.begin(), rejected.end(), [&](const Rejected& one) { return one.name == name; });
    const std::string why = known != rejected.end() ? known->why : why_unusable(checkpoints / name);
    if (!why.empty()) {
      complaints.push_back({fmt::format("checkpoint '{}' is not usable: {}", name, why), {}, {}, {}});
      continue;
    }
    found.directory = checkpoints / name;
    for (const Complaint& complaint : complaints) found.notes.push_back(complaint.what);
    if (const std::string latest = pointed_at(checkpoints); latest != name)
      found.notes.push_back(fmt::format("'latest' {}; the newest complete checkpoint is '{}'",
                                        latest.empty()    ? "is missing"
                                        : step_of(latest) ? fmt::format("names '{}'", latest)
                                                          : "is damaged",
                                        name));
    return found;
  }
  throw Error(Exit::no_checkpoint, std::move(complaints))
      .hint("start anew with --set checkpoint.resume=never in another run.dir, or put a good copy of one back");
}

}  // namespace llmrun
