#pragma once
#include <optional>
#include <string_view>

#include "launcher/launch/launcher.h"

namespace llmrun {

/// Reads what mpirun and prterun say of ranks that ended badly.
class OpenMpiDeaths {
 public:
  /// Fed every line, in order; a report once it is complete.
  std::optional<RankDeath> take(std::string_view line);

 private:
  bool speaks_of_an_end(std::string_view line) const;
  std::optional<RankDeath> pending_;  // the first part of a report
};

}  // namespace llmrun
