#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "engine/core/json.h"

namespace llmrun {

/// What a launcher's own output says of a rank that ended badly, or of a host of which it hears nothing any more.
struct RankDeath {
  std::optional<int64_t> rank;  // empty: the launcher does not say
  std::string host;
  int signal = 0;  // 0: it ended by itself
  int code = 0;
  bool host_lost = false;
};

json to_json(const RankDeath& death);
/// Throws json::exception where it is none.
RankDeath rank_death_from(const json& document);

}  // namespace llmrun
