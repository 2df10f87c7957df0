#include "launcher/plan/layout.h"

namespace llmrun {
namespace {

/// "tensor 2 x pipeline 3": the axes that are not 1, or all of them where none is.
std::string product_shown(const ParallelConfig& parallel) {
  std::string text;
  const auto add = [&](const char* axis, int64_t size) {
    if (size > 1) text += fmt::format("{}{} {}", text.empty() ? "" : " x ", axis, size);
  };
  add("tensor", parallel.tensor);
  add("sequence_size", parallel.sequence_size);
  add("context", parallel.context);
  add("data", parallel.data.value_or(1));
  add("pipeline", parallel.pipeline);
  return text.empty() ? "1" : text;
}

std::vector<std::string> who_set_the_axes(const Resolved& resolved) {
  std::vector<std::string> reasons;
  for (const char* path : {"parallel.tensor", "parallel.sequence_size", "parallel.context", "parallel.data", "parallel.pipeline"})
    if (resolved.is_set(path) || resolved.derived.contains(path)) reasons.push_back(resolved.set_by(path));
  return reasons;
}

}  // namespace

int64_t ranks_asked_for(const ParallelConfig& parallel) {
  return parallel.tensor * parallel.sequence_size * parallel.context * parallel.pipeline * parallel.data.value_or(1);
}

int64_t ranks_for_hosts(const ParallelConfig& parallel, int64_t hosts) {
  const int64_t asked = ranks_asked_for(parallel);
  if (parallel.data || parallel.communicator == CommunicatorKind::thread) return asked;
  return asked * ((hosts + asked - 1) / asked);
}

std::vector<int64_t> other_ranks(const ParallelConfig& parallel, int64_t ranks) {
  const int64_t product = ranks_asked_for(parallel);
  if (parallel.data ? product == ranks : ranks % product == 0) return {};
  if (parallel.data || ranks < product) return {product};
  return {ranks / product * product, (ranks / product + 1) * product};
}

std::string ranks_hint(const std::vector<int64_t>& numbers) {
  std::string hint;
  for (const int64_t number : numbers) hint += fmt::format("{}--ranks {}", hint.empty() ? "" : " or ", number);
  return hint;
}

std::optional<Layout> derive_layout(const Resolved& resolved, int64_t ranks, std::vector<Complaint>& complaints) {
  const ParallelConfig& parallel = resolved.config.parallel;
  const int64_t product = ranks_asked_for(parallel);
  Layout layout{parallel.tensor, parallel.sequence_size, parallel.context, parallel.data.value_or(1), parallel.pipeline};
  const std::vector<int64_t> others = other_ranks(parallel, ranks);
  if (others.empty()) {
    if (!parallel.data) layout.data = ranks / product;
    return layout;
  }
  complaints.push_back({fmt::format("{} ranks are not the product of the axes: {} = {}{}", ranks, product_shown(parallel), product,
                                    parallel.data ? "" : fmt::format(", and {} does not divide {}", product, ranks)),
                        resolved.where(parallel.pipeline > 1 ? "parallel.pipeline" : "parallel.tensor"), who_set_the_axes(resolved),
                        ranks_hint(others)});
  return {};
}

}  // namespace llmrun
