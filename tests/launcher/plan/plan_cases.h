#pragma once
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/spec/decode.h"
#include "launcher/plan/make_plan.h"
#include "tests/support/test.h"

namespace llmrun {

/// "4", or "[5, 3]".
inline Value value_of(const std::string& text) {
  if (!text.starts_with('[')) return Value::scalar(text);
  Value list{.kind = Value::Kind::list};
  std::istringstream items(text.substr(1, text.size() - 2));
  for (std::string item; std::getline(items >> std::ws, item, ',');) list.items.push_back(Value::scalar(item));
  return list;
}

/// A GPT of 8 layers, 20 heads, on one host without GPUs; "key=value" over it, as --set would.
inline PlanInput input(const std::vector<std::pair<const char*, const char*>>& sets = {}, std::optional<int64_t> ranks = {}) {
  PlanInput input;
  std::vector<std::pair<const char*, const char*>> all{{"model.layers", "8"},  {"model.hidden", "320"},  {"model.heads", "20"},
                                                       {"model.vocab", "256"}, {"train.seq_len", "128"}, {"run.steps", "10"}};
  all.insert(all.end(), sets.begin(), sets.end());
  std::vector<Complaint> complaints;
  for (const auto& [key, value] : all) {
    apply(Value::nested(key, value_of(value)), input.resolved.config, complaints);
    Setting setting;
    setting.layer = "the command line";
    setting.value = value;
    input.resolved.settings[key].push_back(setting);
  }
  REQUIRE(complaints.empty());
  input.allocation = {{{"here"}}, "this machine"};
  input.node.cores = 8;
  input.ranks = ranks;
  input.directory = "/home/ada";
  return input;
}

/// What make_plan() says of it, a line a complaint.
inline std::string refusal(const PlanInput& input, Exit code = Exit::config) {
  try {
    make_plan(input);
  } catch (const Error& error) {
    CHECK(error.code() == code);
    std::string text;
    for (const Complaint& complaint : error.complaints()) text += fmt::format("{} -> {}\n", complaint.what, complaint.hint);
    return text;
  }
  return "it was planned\n";
}

}  // namespace llmrun
