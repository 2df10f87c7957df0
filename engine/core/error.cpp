#include "engine/core/error.h"

namespace llmrun {

Error::Error(Exit code, std::vector<Complaint> complaints) : code_(code), complaints_(std::move(complaints)) {
  for (const Complaint& complaint : complaints_) what_ += (what_.empty() ? "" : "\n") + complaint.what;
}

Error& Error::at(Place place) {
  complaints_.back().at = std::move(place);
  return *this;
}

Error& Error::because(std::string reason) {
  complaints_.back().because.push_back(std::move(reason));
  return *this;
}

}  // namespace llmrun
