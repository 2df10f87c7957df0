#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/plan.h"

namespace llmrun {

/// One run of a sweep: a point of the product of its values.
struct SweepMember {
  std::string name;               // of its directory: "lr=1e-4", "lr=1e-4,seed=2"
  std::vector<std::string> sets;  // "optimizer.lr=1e-4", as --set takes them
};

/// `--sweep KEY=V1,V2`, each a factor of the product, the last one fastest. A comma inside brackets separates nothing. Throws
/// Error(Exit::usage) for a word of another form, a key that members of one job cannot differ in, and two members of one name.
std::vector<SweepMember> sweep_members(const std::vector<std::string>& sweeps);

/// job.array: which members, by their index from 0, and how many at once: "0-7", "0-7%2", "3", "%2". Empty: all.
struct ArrayChoice {
  size_t first = 0, last = 0;
  int64_t at_once = 0;  // 0: as many as there is room for
};
/// Throws Error(Exit::config) where it is no such choice from `members`.
ArrayChoice array_choice(const std::string& array, size_t members);

/// The id of an element of an array: "94[1].server" of "94[].server" for PBS, "94_1" of "94" for Slurm.
std::string element_id(const std::string& array, size_t index);

/// Beside the job script of a sweep: the run directories of the elements of its array, one a line, by index.
std::filesystem::path members_file(const std::filesystem::path& sweep);

/// Those that were queued last, in the order of their elements; none where the directory is no sweep's.
std::vector<std::string> member_names(const std::filesystem::path& sweep);
/// The first of them by name; empty where the directory is no sweep's.
std::string first_member(const std::filesystem::path& sweep);

/// What the user's list calls the run: a member of a sweep "SWEEP/MEMBER", any other by its name.
std::string listed_name(const Plan& plan);
/// The same of a run's directory and the name in its record.
std::string listed_name(const std::filesystem::path& run, const std::string& name);

/// The name with a hyphen for every character that no directive of a job script may hold.
std::string directive_name(std::string name);

}  // namespace llmrun
