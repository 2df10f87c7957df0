#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/reader.h"

namespace llmrun {

// A run's checkpoints/: step-NNNNNNNN/ (complete: the name appears by rename), `latest` (a line with the name of one),
// .tmp-* (a save that did not end), aside-step-NNNNNNNN/ (what an earlier history of this run left, see save.h).

std::string step_directory_name(int64_t step);                    // "step-00001000"
std::optional<int64_t> step_of(std::string_view directory_name);  // of "step-..." only

/// The steps that have a directory, newest (highest) first. Empty where `checkpoints` does not exist.
std::vector<int64_t> steps_in(const std::filesystem::path& checkpoints);

/// A checkpoint that cannot be used, by its directory's name, and why.
struct Rejected {
  std::string name;
  std::string why;
};

struct FoundCheckpoint {
  std::filesystem::path directory;
  std::vector<std::string> notes;  // what a person should hear: checkpoints passed over, a pointer that was wrong
};

/// The newest checkpoint whose manifest and files hold (CheckpointReader::check_files); nullopt when there is none at all. Candidates that
/// are all unusable are an Error(Exit::no_checkpoint) naming each and why. `latest` is a convenience for people: the newest complete
/// checkpoint wins over it, with a note, so that neither a damaged pointer nor a crash before its update costs a step.
/// `rejected`: those a load has already found damaged, passed over.
std::optional<FoundCheckpoint> find_checkpoint(const std::filesystem::path& checkpoints, const std::vector<Rejected>& rejected = {});

}  // namespace llmrun
