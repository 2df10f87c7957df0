#include "engine/core/resume_changes.h"

#include <algorithm>
#include <array>

#include "engine/core/shape_json.h"
#include "engine/core/spec/decode.h"

namespace llmrun {
namespace {

/// Of the shape: what weights can be read without.
constexpr std::array<std::string_view, 2> kNoShape{"/init_std", "/dropout"};
/// Sections and keys of the configuration that change what is learned.
constexpr std::array<std::string_view, 8> kTold{"/run/seed",        "/train/seq_len", "/train/precision", "/train/clip_grad",
                                                "/train/objective", "/model/dropout", "/optimizer/",      "/data/"};

/// "/optimizer/betas/0" as a person writes it: "optimizer.betas.0".
std::string key_of(std::string_view pointer) {
  std::string key(pointer.substr(1));
  std::replace(key.begin(), key.end(), '/', '.');
  return key;
}

std::string shown(const json& flat, const std::string& pointer) {
  const auto found = flat.find(pointer);
  if (found == flat.end() || found->is_null()) return "nothing";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

/// The pointers of both whose values differ.
std::vector<std::string> differing(const json& was, const json& is) {
  std::vector<std::string> pointers;
  for (const auto& [pointer, value] : was.items())
    if (!is.contains(pointer) || is.at(pointer) != value) pointers.push_back(pointer);
  for (const auto& [pointer, value] : is.items())
    if (!was.contains(pointer)) pointers.push_back(pointer);
  return pointers;
}

int64_t number(const json& flat, const char* pointer, int64_t otherwise) {
  const auto found = flat.find(pointer);
  return found != flat.end() && found->is_number_integer() ? found->get<int64_t>() : otherwise;
}

/// Sequences of a step: a configuration says how many, or the numbers that make them with the data ranks.
int64_t global_batch(const json& flat, const Layout& layout) {
  const int64_t derived = number(flat, "/train/micro_batch", 1) * number(flat, "/train/accumulate", 1) * layout.data;
  return number(flat, "/train/global_batch", derived);
}

}  // namespace

std::vector<ResumeChange> resume_changes(const ModelShape& model, const json& config, const Layout& layout, const Plan& plan) {
  std::vector<ResumeChange> changes;
  ModelShape now = plan.model;
  if (now.positions == Positions::rotary) now.max_positions = model.max_positions;  // a table that is as long as the sequence
  const json shape_was = model_json(model).flatten(), shape_is = model_json(now).flatten();
  for (const std::string& pointer : differing(shape_was, shape_is))
    if (std::find(kNoShape.begin(), kNoShape.end(), pointer) == kNoShape.end())
      changes.push_back({"model." + key_of(pointer), shown(shape_was, pointer), shown(shape_is, pointer), true});
  const json was = config.flatten(), is = to_json(plan.config).flatten();
  if (const int64_t batch = global_batch(was, layout); batch != plan.global_batch)
    changes.push_back({"train.global_batch", std::to_string(batch), std::to_string(plan.global_batch), false});
  for (const std::string& pointer : differing(was, is))
    if (std::any_of(kTold.begin(), kTold.end(), [&](std::string_view told) { return pointer.starts_with(told); }))
      changes.push_back({key_of(pointer), shown(was, pointer), shown(is, pointer), false});
  return changes;
}

}  // namespace llmrun
