#include "launcher/scheduler/answer_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <vector>

#include "engine/core/file.h"
#include "engine/core/file_modes.h"
#include "launcher/scheduler/job_json.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

constexpr int kVersion = 1;
constexpr size_t kMostSettled = 4096;

fs::path beside(const fs::path& file, const char* suffix) { return fs::path(file).replace_extension(suffix); }

json sighting_json(const std::string& id, const Sighting& sighting, int64_t missing_since) {
  json line{{"id", id}, {"as_of", sighting.as_of}, {"unknown", sighting.unknown}, {"settled", sighting.settled}};
  if (missing_since != 0) line["missing_since"] = missing_since;
  if (sighting.job) line["job"] = to_json(*sighting.job);
  return line;
}

Sighting sighting_of(const json& line) {
  Sighting sighting;
  if (line.contains("job")) sighting.job = job_of_json(line["job"]);
  sighting.as_of = line.value("as_of", int64_t{0});
  sighting.unknown = line.value("unknown", false);
  sighting.settled = line.value("settled", false);
  return sighting;
}

/// Settled jobs that were last answered before this are beyond the number that is kept.
int64_t oldest_kept(const Answers& answers) {
  std::vector<int64_t> settled;
  for (const auto& [id, sighting] : answers.jobs)
    if (sighting.settled) settled.push_back(sighting.as_of);
  if (settled.size() <= kMostSettled) return 0;
  const auto first = settled.end() - static_cast<std::ptrdiff_t>(kMostSettled);
  std::nth_element(settled.begin(), first, settled.end());
  return *first;
}

Answers answers_of(const json& document) {
  Answers answers;
  if (!document.is_object() || document.value("version", 0) != kVersion) return answers;
  answers.failures = document.value("failures", 0);
  answers.next_try = document.value("next_try", int64_t{0});
  answers.trouble = document.value("trouble", std::string());
  for (const json& line : document.at("jobs")) {
    const std::string id = line.at("id");
    answers.jobs[id] = sighting_of(line);
    if (line.contains("missing_since")) answers.missing_since[id] = line["missing_since"].get<int64_t>();
  }
  return answers;
}

}  // namespace

Answers read_answers(const fs::path& file) {
  Answers answers;
  std::ifstream in(file, std::ios::binary);
  try {
    if (in) answers = answers_of(json::parse(in));
  } catch (const json::exception&) {  // as a file that is not there: the next question writes a whole one
    answers = {};
  } catch (const std::ios_base::failure&) {  // a folder of that name, a disk that does not answer
    answers = {};
  }
  std::ifstream(beside(file, ".outdated")) >> answers.outdated;
  return answers;
}

void write_answers(const fs::path& file, const Answers& answers) {
  if (file.empty()) return;
  json jobs = json::array();
  const int64_t oldest = oldest_kept(answers);
  for (const auto& [id, sighting] : answers.jobs) {
    const auto missing = answers.missing_since.find(id);
    if (!sighting.settled || sighting.as_of >= oldest)
      jobs.push_back(sighting_json(id, sighting, missing == answers.missing_since.end() ? 0 : missing->second));
  }
  const json document{{"version", kVersion},
                      {"failures", answers.failures},
                      {"next_try", answers.next_try},
                      {"trouble", answers.trouble},
                      {"jobs", std::move(jobs)}};
  try {
    const OwnerOnly alone;
    fs::create_directories(file.parent_path());
    write_file_atomically(file, document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  } catch (const Error&) {  // a full disk or a read-only home: the answer at hand is as good without the file
  } catch (const fs::filesystem_error&) {
  }
}

void write_outdated(const fs::path& file, int64_t now) {
  if (!file.empty()) std::ofstream(beside(file, ".outdated")) << now << '\n';
}

AskerLock::AskerLock(const fs::path& file) {
  if (file.empty()) return;
  const OwnerOnly alone;
  std::error_code ignored;  // where there is no folder there is no lock
  fs::create_directories(file.parent_path(), ignored);
  descriptor_ = ::open(beside(file, ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  held_by_another_ = descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

AskerLock::~AskerLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace llmrun
