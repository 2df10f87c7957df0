#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "launcher/scheduler/status_cache.h"

namespace llmrun {

/// What the file of a StatusCache holds. A file that is missing, damaged or of another version holds nothing: the next question fills it.
struct Answers {
  std::map<std::string, Sighting> jobs;          // by full id
  std::map<std::string, int64_t> missing_since;  // jobs that the scheduler did not know, since its first such answer
  int failures = 0;                              // questions in a row without an answer
  int64_t next_try = 0;                          // after a failure
  std::string trouble;                           // what the last one said
  int64_t outdated = 0;                          // what was answered until then is old; kept in a file of its own
};

Answers read_answers(const std::filesystem::path& file);
/// Readers see the old content or the new one. Of settled jobs the newest kMostSettled are kept. A file that cannot be written is left as
/// it is: it saves questions and is no record.
void write_answers(const std::filesystem::path& file, const Answers& answers);
/// From now on what was answered until `now` is old. Beside the file, so that nobody who is asking has to be waited for.
void write_outdated(const std::filesystem::path& file, int64_t now);

/// The right to ask, as long as this lives: one process of the user on a host, or on all hosts where the file system knows locks across
/// them. Its holder's death frees it.
class AskerLock {
 public:
  explicit AskerLock(const std::filesystem::path& file);
  AskerLock(const AskerLock&) = delete;
  AskerLock& operator=(const AskerLock&) = delete;
  ~AskerLock();
  /// False also where there can be no lock: then everybody asks.
  bool held_by_another() const { return held_by_another_; }

 private:
  int descriptor_ = -1;
  bool held_by_another_ = false;
};

}  // namespace llmrun
