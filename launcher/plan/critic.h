#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/profile/resolved.h"

namespace llmrun {

/// Complaints of one configuration: where `place` was written, and who set the keys that matter.
class Critic {
 public:
  Critic(const Resolved& resolved, std::vector<Complaint>& complaints) : resolved_(resolved), complaints_(complaints) {}

  void say(std::string what, std::string_view place, std::initializer_list<std::string_view> because, std::string hint) {
    Complaint complaint{std::move(what), {}, {}, std::move(hint)};
    if (Place where = resolved_.where(place); !where.file.empty()) complaint.at = std::move(where);
    for (const std::string_view path : because) complaint.because.push_back(resolved_.set_by(path));
    complaints_.push_back(std::move(complaint));
  }

 private:
  const Resolved& resolved_;
  std::vector<Complaint>& complaints_;
};

}  // namespace llmrun
