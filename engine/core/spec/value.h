#pragma once
#include <string>
#include <vector>

#include "engine/core/error.h"

namespace llmrun {

/// A tree of text, as a person or a program wrote it: YAML, JSON, an environment variable and `--set` all become one of these,
/// and the field table gives it types. Nothing is converted here: `012`, `yes` and `1e3` are still just words.
struct Value {
  enum class Kind { scalar, list, map };
  struct Key {
    std::string text;
    Place place;
  };

  Kind kind = Kind::scalar;
  std::string text;          // of a scalar
  bool quoted = false;       // "4" is text; 4 may be a number
  std::vector<Key> keys;     // of a map: keys[i] names items[i], each name once
  std::vector<Value> items;  // of a list or a map
  Place place;

  static Value scalar(std::string text) { return Value{.text = std::move(text)}; }
  /// "parallel.tensor" and a value become {parallel: {tensor: value}}.
  static Value nested(std::string_view path, Value value);

  bool is_null() const { return kind == Kind::scalar && !quoted && (text.empty() || text == "~" || text == "null"); }
  /// The item named `key` of a map, or null.
  const Value* find(std::string_view key) const;
  /// As it would stand on one line of YAML: for messages.
  std::string shown() const;
};

}  // namespace llmrun
