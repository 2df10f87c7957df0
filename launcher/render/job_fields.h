#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/json.h"

namespace llmrun {

/// The values that stand in directives. qsub and sbatch read those lines by rules of their own, where no quoting holds: a value is made of
/// letters, digits, "_.+-:@" and what its field needs more, does not begin with "-", or it is refused.
class JobFields {
 public:
  /// `key`: where a person sets it, "job.account". `more`: further characters that this field may hold. An empty value is false in the
  /// template, so its line is left out.
  void add(const char* field, std::string_view key, const std::string& value, std::string_view more = "");
  /// Names of environment modules.
  void add_modules(const std::vector<std::string>& modules);
  /// Indices of an array: "0-7", "0-7%2".
  void add_array(const std::string& value);
  /// Jobs to wait for, each "afterok:ID", as a directive says them: ids of one kind behind each other, "afterok:1:2,afterany:3".
  void add_depend(const std::vector<std::string>& depends);

  /// Every field. Throws Error(Exit::config) with every complaint.
  json take();

 private:
  bool fits(std::string_view key, const std::string& value, std::string_view more);

  json values_ = json::object();
  std::vector<Complaint> complaints_;
};

}  // namespace llmrun
