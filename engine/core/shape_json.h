#pragma once
#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "engine/core/json.h"
#include "engine/core/layout.h"
#include "engine/core/model_shape.h"
#include "engine/core/spec/spellings.h"

namespace llmrun {

// Layouts and shapes as JSON: plan.json and a checkpoint's manifest carry the same. Reading throws json::exception where a key is missing
// or has another type, std::invalid_argument where a word is unknown or a size is one that no run file may have; who reads a file adds its
// name.

json layout_json(const Layout& layout);
Layout layout_from_json(const json& from);
json model_json(const ModelShape& model);
ModelShape model_from_json(const json& from);

/// An enum by its word, as the configuration spells it.
template <typename E>
E word_from(const json& from, const char* name) {
  const std::string word = from.at(name);
  const std::optional<E> value = from_spelling<E>(word);
  if (!value) throw std::invalid_argument(fmt::format("'{}' is no value of '{}'", word, name));
  return *value;
}

}  // namespace llmrun
